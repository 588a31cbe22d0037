"""How sure a median is, whatever the distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Interval(NamedTuple):
    """A median and the ends of its confidence interval."""

    low: float
    median: float
    high: float


def rank(n: int, confidence: float) -> int:
    """Return k so that the median lies between the k-th smallest and the k-th largest of n.

    Fewer than k of n draws lie below the median with a probability of at most half of what
    `confidence` leaves: the binomial distribution of signs (David and Nagaraja, Order
    Statistics, 3rd edition, section 7.1).

    Raises
    ------
    ValueError
        If so few draws cannot be that sure.
    """
    below, ways = 0.0, (math.comb(n, k) / 2.0**n for k in range(n + 1))
    for k, chance in enumerate(ways):
        below += chance
        if below > (1 - confidence) / 2:
            if k == 0:
                raise ValueError(f"{n} rounds cannot give a confidence of {confidence}")
            return k
    raise ValueError(f"confidence must be below 1, not {confidence}")


def of_median(numbers: Sequence[float], confidence: float) -> Interval:
    """Return the median of independent draws, and an interval for that of their distribution.

    Raises
    ------
    ValueError
        If they are too few for the confidence.
    """
    ordered, k = sorted(numbers), rank(len(numbers), confidence)
    n = len(ordered)
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return Interval(ordered[k - 1], median, ordered[n - k])
