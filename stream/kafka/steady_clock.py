"""The time of day, for a process in which it never goes back."""

from __future__ import annotations

import time
from collections.abc import Callable


def _time_of_day_ns() -> int:
    return time.time_ns()


class SteadyClock:
    """The time of day; when that is put back, what it was and the time that passed since.

    A record cannot have arrived after now, and a payment's time is judged against its arrival:
    by a clock that was put back, every payment would be one of the future.

    Parameters
    ----------
    wall_ns : callable
        Nanoseconds since the epoch.
    passed_ns : callable
        Nanoseconds, never going back.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int] = _time_of_day_ns,
        passed_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._passed_ns = passed_ns
        self._now_ns, self._at_ns = wall_ns(), passed_ns()

    def ms(self) -> int:
        """Return milliseconds since the epoch."""
        at_ns = self._passed_ns()
        self._now_ns = max(self._wall_ns(), self._now_ns + at_ns - self._at_ns)
        self._at_ns = at_ns
        return self._now_ns // 1_000_000
