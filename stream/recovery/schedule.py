"""When a snapshot is due: after so much time, or so much work that a replay would take too long."""

from __future__ import annotations

import math

# Until what could not be done is tried again.
RETRY_S = 1.0


class Schedule:
    """When the next snapshot is due; it has no clock, and is told what one says.

    Parameters
    ----------
    interval_s : float
        Between snapshots.
    replay_max_s : float
        Seconds of work after which one is due in any case.
    first : float
        Share of the interval after which the first one is due.
    """

    def __init__(
        self, interval_s: float, replay_max_s: float = math.inf, first: float = 1.0
    ) -> None:
        self.interval_s = interval_s
        self.replay_max_s = replay_max_s
        self.next_s = 0.0
        self._first_s = first * interval_s
        # Seconds of work: all; up to the last snapshot that was due for it; that was begun; that
        # is whole.
        self._worked_s = self._due_at_s = self._begun_at_s = self._whole_at_s = 0.0

    @property
    def replay_s(self) -> float:
        """Seconds of work that a replay would do again."""
        return self._worked_s - self._whole_at_s

    def worked(self, seconds: float) -> None:
        """Note how long steps took: a replay takes about as long."""
        self._worked_s += seconds

    def live(self, now_s: float, replayed: bool) -> None:
        """Begin; what was replayed once should not be replayed again."""
        self.next_s = now_s if replayed else now_s + self._first_s

    def is_due(self, now_s: float) -> bool:
        """Tell whether it is time."""
        if self._worked_s - self._due_at_s > self.replay_max_s:
            # Once: if it cannot be taken now, it is tried as often as any other.
            self.next_s, self._due_at_s = now_s, self._worked_s
        return now_s >= self.next_s

    def at_once(self, now_s: float) -> None:
        """Have the next one as soon as can be."""
        self.next_s = now_s

    def again(self, now_s: float, soon: bool = False) -> None:
        """Have the next one after the interval, or soon."""
        self.next_s = now_s + (RETRY_S if soon else self.interval_s)

    def begun(self) -> None:
        """Note that one was begun: all work until now is in it."""
        self._due_at_s = self._begun_at_s = self._worked_s

    def whole(self) -> None:
        """Note that the one that was begun last is whole."""
        self._whole_at_s = self._begun_at_s
