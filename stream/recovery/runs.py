"""Which records a batch was made of: runs of consecutive offsets, in the order taken."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Run(NamedTuple):
    """Records of one partition, one after the other."""

    partition: int
    first: int
    length: int

    @property
    def behind(self) -> int:
        """The offset behind the last one."""
        return self.first + self.length


def runs_of(partition: NDArray[np.int64], offset: NDArray[np.int64]) -> tuple[Run, ...]:
    """Return the runs of records in the order taken; both shape (n,).

    Where offsets are missing, such as those of a transaction's markers, a new run begins.
    """
    n = len(partition)
    if n == 0:
        return ()
    goes_on = (partition[1:] == partition[:-1]) & (offset[1:] == offset[:-1] + 1)
    starts = np.concatenate([[0], np.flatnonzero(~goes_on) + 1])
    counts = np.diff(np.concatenate([starts, [n]]))
    columns = partition[starts].tolist(), offset[starts].tolist(), counts.tolist()
    return tuple(map(Run, *columns))


def rows_of(runs: Sequence[Run]) -> int:
    """Return how many records there are."""
    return sum(run.length for run in runs)


def fingerprint(arrival_time_us: NDArray[np.int64]) -> int:
    """Return what tells a batch from another at the same offsets: its arrival times, shape (n,).

    A topic that was deleted and made anew has other records at the same places, and they came
    at other times.
    """
    return zlib.crc32(np.ascontiguousarray(arrival_time_us, "<i8").tobytes())
