"""Event time: how far each partition has come, and who is late.

The frontier of a partition is the latest event time taken from it. The watermark
is the frontier less the allowed lateness: no older event counts any more. The
engine's own watermark is the least over the partitions that are not idle. No
clock is read: time is what the records say.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import int64
from numpy.typing import NDArray

from models.states.restoring import array, count, require_kind, require_within
from models.states.snapshot import State
from schemas.columns import Reason
from schemas.jit import kernel

# Before any event; far enough from the limits that differences do not overflow.
BEGINNING_US = -(2**60)
# After any, likewise.
END_US = 2**60

_KIND = "event_clock/1"
_PARTITIONS_MAX = 2**31
_OK = int(Reason.OK)


class Timeliness(IntEnum):
    """How an event stands to its partition's frontier when it arrives."""

    ON_TIME = 0
    LATE = 1
    TOO_LATE = 2


@kernel
def observe_times(
    frontier_us,
    arrival_us,
    watermark,
    lateness_us,
    idle_us,
    partitions,
    times_us,
    arrivals_us,
    reasons,
    timeliness,
    watermarks_us,
):
    """Walk a batch: classify each row, then let it move its partition's frontier."""
    for row in range(times_us.shape[0]):
        if reasons[row] == _OK:
            partition = partitions[row]
            behind = frontier_us[partition] - times_us[row]
            if behind <= 0:
                timeliness[row] = 0
                frontier_us[partition] = times_us[row]
            elif behind <= lateness_us:
                timeliness[row] = 1
            else:
                timeliness[row] = 2
            arrival_us[partition] = max(arrival_us[partition], arrivals_us[row])
            latest = arrival_us.max()
            least = int64(2**62)
            for p in range(frontier_us.shape[0]):
                if frontier_us[p] > BEGINNING_US and latest - arrival_us[p] <= idle_us:
                    least = min(least, frontier_us[p])
            # An idle partition that wakes up must not take the watermark back.
            watermark[0] = max(watermark[0], least - lateness_us)
        watermarks_us[row] = watermark[0]


class EventClock:
    """The frontiers of all partitions.

    Parameters
    ----------
    allowed_lateness_us : int
        An event may lie this far behind its partition's frontier and still count.
    idle_after_us : int
        A partition without arrivals for this long, while others have them, no
        longer holds the watermark back.
    """

    def __init__(self, allowed_lateness_us: int, idle_after_us: int) -> None:
        self.allowed_lateness_us = allowed_lateness_us
        self.idle_after_us = idle_after_us
        self.frontier_us = np.full(1, BEGINNING_US, np.int64)
        self.arrival_us = np.full(1, BEGINNING_US, np.int64)
        self._watermark = np.full(1, BEGINNING_US, np.int64)

    @property
    def watermark_us(self) -> int:
        """No event older than this counts any more; never goes back."""
        return int(self._watermark[0])

    def observe(
        self,
        partitions: NDArray[np.int64],
        times_us: NDArray[np.int64],
        arrivals_us: NDArray[np.int64],
        reasons: NDArray[np.int64],
    ) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
        """Take a batch in the order of arrival.

        Parameters
        ----------
        partitions, times_us, arrivals_us, reasons : ndarray of int64, shape (n,)
            Rows with another reason than OK move nothing.

        Returns
        -------
        timeliness : ndarray of int8, shape (n,)
        watermarks_us : ndarray of int64, shape (n,)
            The engine's watermark once each row was taken.
        """
        n = len(times_us)
        timeliness = np.zeros(n, np.int8)
        watermarks = np.empty(n, np.int64)
        if n:
            self._reserve(int(partitions.max()) + 1)
        observe_times(
            self.frontier_us,
            self.arrival_us,
            self._watermark,
            self.allowed_lateness_us,
            self.idle_after_us,
            partitions,
            times_us,
            arrivals_us,
            reasons,
            timeliness,
            watermarks,
        )
        return timeliness, watermarks

    def state(self) -> State:
        """Return how far every partition has come; a copy."""
        arrays = {
            "frontier_us": self.frontier_us.copy(),
            "arrival_us": self.arrival_us.copy(),
            "watermark_us": self._watermark.copy(),
        }
        return State(_KIND, {"partitions": len(self.frontier_us)}, arrays)

    def restore(self, state: State) -> None:
        """Go on from other frontiers; SnapshotError, and no change, if the state is damaged."""
        require_kind(state, _KIND)
        partitions = count(state, "partitions", 1, _PARTITIONS_MAX)
        lengths = {"frontier_us": partitions, "arrival_us": partitions, "watermark_us": 1}
        found = {name: array(state, name, np.int64, (n,)) for name, n in lengths.items()}
        for name, times in found.items():
            # Far enough from the limits that a lateness may be taken off.
            require_within(state, name, times, 2 * BEGINNING_US, np.iinfo(np.int64).max)
        self.frontier_us, self.arrival_us, self._watermark = found.values()

    def _reserve(self, partitions: int) -> None:
        missing = partitions - len(self.frontier_us)
        if missing > 0:
            beginning = np.full(missing, BEGINNING_US, np.int64)
            self.frontier_us = np.concatenate([self.frontier_us, beginning])
            self.arrival_us = np.concatenate([self.arrival_us, beginning])
