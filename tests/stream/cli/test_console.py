import ctypes
import os
import signal
import sys

import pytest

from stream.cli.console import until_signalled


def interrupt():
    raise KeyboardInterrupt


@pytest.fixture
def dropped(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: seen.append(event.exc_type))
    return seen


def test_an_interruption_inside_a_callback_from_c_leaves_its_mark_and_no_trace(dropped):
    callback = ctypes.CFUNCTYPE(None)(lambda: os.kill(os.getpid(), signal.SIGINT))
    with until_signalled(interrupt) as came:
        callback()
    assert came == [signal.SIGINT]
    assert dropped == []


def test_other_errors_inside_a_callback_are_still_reported(dropped):
    def fail():
        raise ZeroDivisionError

    before = sys.unraisablehook
    with until_signalled(interrupt):
        ctypes.CFUNCTYPE(None)(fail)()
        ctypes.CFUNCTYPE(None)(interrupt)()
    assert dropped == [ZeroDivisionError, KeyboardInterrupt]
    assert sys.unraisablehook is before
