"""Who notices that a call does not come back, whatever bound it was given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_S = 0.5


class Watchdog:
    """Watch calls from a thread of its own.

    librdkafka's transactional calls do not all keep their timeouts
    (https://github.com/confluentinc/librdkafka/issues/5456), and a thread that stands in C
    cannot be woken: all that is left is to end the process.

    Time is counted in looks, so that a process that was stopped and goes on is not accused.

    Parameters
    ----------
    on_stuck : callable
        Told in words, in the watchdog's thread, what did not come back.
    """

    def __init__(self, on_stuck: Callable[[str], None]) -> None:
        self._on_stuck = on_stuck
        self._lock = threading.Lock()
        self._what = ""
        self._looks_left = 0
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    @contextmanager
    def within(self, seconds: float, what: str) -> Iterator[None]:
        """Expect the body to end in time; `what` is being done."""
        with self._lock:
            self._what, self._looks_left = (
                f"{what} took more than {seconds:g} s",
                1 + int(seconds / _LOOK_S),
            )
        try:
            yield
        finally:
            with self._lock:
                self._what = ""

    def close(self) -> None:
        """Watch no longer."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(_LOOK_S):
            with self._lock:
                self._looks_left -= 1
                stuck = self._what if self._looks_left < 0 else ""
            if stuck:
                self._on_stuck(stuck)
                return
