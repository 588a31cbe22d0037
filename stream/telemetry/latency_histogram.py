"""A latency histogram of fixed size: exact enough for p99.9, cheap enough for every event.

Log-linear buckets, as in HdrHistogram (Tene, 2012): each power of two is cut into
64 equal parts, so a percentile is at most 1.6 % above the truth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PARTS_BITS = 6
_PARTS = 1 << PARTS_BITS
_POWERS = 36  # Up to 2**41 microseconds, about 25 days.
_LARGEST_US = (1 << (_POWERS + PARTS_BITS - 1)) - 1


class LatencyHistogram:
    """Counts of latencies in microseconds; negative ones (clock steps) count as 0."""

    def __init__(self) -> None:
        self.counts = np.zeros((_POWERS + 1) * _PARTS, np.int64)

    def __len__(self) -> int:
        return int(self.counts.sum())

    def record(self, latencies_us: NDArray[np.int64]) -> None:
        """Count latencies, shape (n,)."""
        np.add.at(self.counts, _bucket(np.asarray(latencies_us, np.int64)), 1)

    def add(self, us: int, n: int = 1) -> None:
        """Count one latency, n times."""
        us = min(max(us, 0), _LARGEST_US)
        shift = max(us.bit_length() - PARTS_BITS - 1, 0)
        self.counts[(shift << PARTS_BITS) + (us >> shift)] += n

    def copy(self) -> LatencyHistogram:
        """Return the same counts, which change no more."""
        return self.since(LatencyHistogram())

    def since(self, earlier: LatencyHistogram) -> LatencyHistogram:
        """Return what was counted after an earlier copy was made."""
        found = LatencyHistogram()
        found.counts[:] = self.counts - earlier.counts
        return found

    def at_most(self, bounds_us: Sequence[float]) -> list[int]:
        """Return how many were no longer than each bound.

        Of the bucket that a bound lies in nothing is counted, so a latency counts as at most 1.6 %
        longer than it was.

        Parameters
        ----------
        bounds_us : sequence of float
            Microseconds, in ascending order.
        """
        behind = np.searchsorted(_EDGES_US, np.asarray(bounds_us, np.float64), "right")
        return np.append(0, np.cumsum(self.counts))[behind].tolist()

    def percentile_us(self, q: float) -> float | None:
        """Return the upper edge of the bucket that holds the q-th percentile, 0 to 100."""
        total = len(self)
        if not total:
            return None
        rank = max(1, int(np.ceil(q * total / 100)))
        return _upper_edge(int(np.searchsorted(np.cumsum(self.counts), rank)))

    def summary_ms(self) -> dict[str, float | None]:
        """Return p50, p99 and p99.9 in milliseconds; None where nothing was counted."""
        values = {name: self.percentile_us(q) for name, q in _PERCENTILES.items()}
        return {name: None if us is None else round(us / 1000, 3) for name, us in values.items()}


_PERCENTILES = {"p50": 50.0, "p99": 99.0, "p999": 99.9}


def _bucket(us: NDArray[np.int64]) -> NDArray[np.int64]:
    us = np.clip(us, 0, _LARGEST_US)
    # frexp gives the number of bits; the first 128 values have a bucket each.
    shift = np.maximum(np.frexp(us.astype(np.float64))[1] - PARTS_BITS - 1, 0).astype(np.int64)
    return (shift << PARTS_BITS) + (us >> shift)


def _upper_edge(bucket: int) -> float:
    if bucket < 2 * _PARTS:
        return float(bucket)
    shift = (bucket >> PARTS_BITS) - 1
    part = bucket - (shift << PARTS_BITS)
    return float(((part + 1) << shift) - 1)


# The greatest latency of each bucket; the parts of a power are cut from its half.
_EDGES_US = np.array([_upper_edge(bucket) for bucket in range((_POWERS + 1) * _PARTS)])
