"""The watchdog speaks of what does not come back, and of nothing else."""

import threading
import time

import pytest

from stream.kafka import watchdog as module
from stream.kafka.watchdog import Watchdog


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "_LOOK_S", 0.02)


def test_a_call_that_does_not_come_back_is_told_once():
    told, heard = [], threading.Event()
    watchdog = Watchdog(lambda text: (told.append(text), heard.set()))
    with watchdog.within(0.1, "a commit"):
        assert heard.wait(5)
    time.sleep(0.1)
    assert told == ["a commit took more than 0.1 s"]


def test_calls_in_time_are_never_told():
    told = []
    watchdog = Watchdog(told.append)
    for _ in range(10):
        with watchdog.within(0.1, "a commit"):
            time.sleep(0.03)
    time.sleep(0.2)
    with pytest.raises(ValueError, match="of its own"), watchdog.within(0.04, "a commit"):
        raise ValueError("of its own")
    time.sleep(0.2)
    watchdog.close()
    assert told == []
