"""A latency histogram of fixed size: exact enough for p99.9, cheap enough for every event.

Log-linear buckets, as in HdrHistogram (Tene, 2012): each power of two is cut into
64 equal parts, so a percentile is at most 1.6 % above the truth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PARTS_BITS = 6
_PARTS = 1 << _PARTS_BITS
_POWERS = 36  # Up to 2**41 microseconds, about 25 days.


class LatencyHistogram:
    """Counts of latencies in microseconds; negative ones (clock steps) count as 0."""

    def __init__(self) -> None:
        self.counts = np.zeros((_POWERS + 1) * _PARTS, np.int64)

    def __len__(self) -> int:
        return int(self.counts.sum())

    def record(self, latencies_us: NDArray[np.int64]) -> None:
        """Count latencies, shape (n,)."""
        np.add.at(self.counts, _bucket(np.asarray(latencies_us, np.int64)), 1)

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
    us = np.clip(us, 0, (1 << (_POWERS + _PARTS_BITS - 1)) - 1)
    # frexp gives the number of bits; the first 128 values have a bucket each.
    shift = np.maximum(np.frexp(us.astype(np.float64))[1] - _PARTS_BITS - 1, 0).astype(np.int64)
    return (shift << _PARTS_BITS) + (us >> shift)


def _upper_edge(bucket: int) -> float:
    if bucket < 2 * _PARTS:
        return float(bucket)
    shift = (bucket >> _PARTS_BITS) - 1
    part = bucket - (shift << _PARTS_BITS)
    return float(((part + 1) << shift) - 1)
