"""How often a worker may begin anew before its trouble is somebody's to look at."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

AT_MOST = 5
WITHIN_S = 600.0


class Restarts:
    """Count new beginnings in one process.

    Parameters
    ----------
    at_most : int
    within_s : float
        So many in so long a time.
    clock : callable
        Seconds, never going back.

    Attributes
    ----------
    begun : int
        How many there were.
    """

    def __init__(
        self,
        at_most: int = AT_MOST,
        within_s: float = WITHIN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.begun = 0
        self._within_s = within_s
        self._clock = clock
        self._times: deque[float] = deque([-math.inf] * at_most, maxlen=at_most)

    def allow(self) -> bool:
        """Tell whether there may be another one, and count it if so."""
        now_s = self._clock()
        if not self._times or now_s - self._times[0] < self._within_s:
            return False
        self._times.append(now_s)
        self.begun += 1
        return True
