"""An interruption is heard wherever it comes up."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from stream.experiment.processes import interruptible


class Finalized:
    """Is interrupted while it goes, where Python drops whatever is raised."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self._number)
        # Until the handler was called.
        for _ in range(1000):
            pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_that_python_drops_comes_again(number: int) -> None:
    before = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    passed_by = []

    def work() -> None:
        with interruptible():
            Finalized(number)
            passed_by.append(True)
            for _ in range(500):
                time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert passed_by
    assert (signal.getsignal(signal.SIGTERM), sys.unraisablehook) == before


def test_what_else_is_dropped_is_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: told.append(dropped.exc_type))

    class Broken:
        def __del__(self) -> None:
            raise ValueError

    with interruptible():
        Broken()
        time.sleep(0.2)
    assert told == [ValueError]
