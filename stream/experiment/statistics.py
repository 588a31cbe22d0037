"""A mean over few seeds, and how far it can be trusted.

Source: Student's t interval; its probability for whole degrees of freedom as a finite
sum: Abramowitz & Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

CONFIDENCE = 0.95
# Halvings of a float's own precision.
_HALVINGS = 60


@dataclass(frozen=True)
class Interval:
    """The mean of n values, and its interval.

    Attributes
    ----------
    n : int
    mean : float
    std : float or None
        Deviation of a sample; None of a single value.
    half : float or None
        Half the width of the interval; None of a single value, which has none.
    """

    n: int
    mean: float
    std: float | None
    half: float | None

    def as_dict(self) -> dict[str, float | int | None]:
        """Return it with its ends, as JSON takes it."""
        low, high = (
            (None, None) if self.half is None else (self.mean - self.half, self.mean + self.half)
        )
        return {
            "n": self.n,
            "mean": self.mean,
            "std": self.std,
            "half": self.half,
            "low": low,
            "high": high,
        }


def interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Return the mean of values and its t interval; None of no values.

    Parameters
    ----------
    values : sequence of float
        One a seed, independent of each other. Of pairs: their differences.
    confidence : float
        Above 0 and below 1.
    """
    n = len(values)
    if not n:
        return None
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(1, mean, None, None)
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Interval(n, mean, std, t_quantile(n - 1, confidence) * std / math.sqrt(n))


@cache
def t_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """Return the t that Student's variable stays within, on both sides, with this probability.

    Parameters
    ----------
    degrees : int
        Degrees of freedom, at least 1.
    confidence : float
        Above 0 and below 1.

    Raises
    ------
    ValueError
        For anything else.
    """
    if degrees < 1 or not 0 < confidence < 1:
        raise ValueError(f"no t for {degrees} degrees of freedom and a confidence of {confidence}")
    low, high = 0.0, 1.0
    while within(high, degrees) < confidence:
        low, high = high, high * 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if within(middle, degrees) < confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def within(t: float, degrees: int) -> float:
    """Return the probability that Student's variable lies between -t and t."""
    theta = math.atan(t / math.sqrt(degrees))
    cosine = math.cos(theta)
    odd = degrees % 2
    term = cosine**odd
    total = term if degrees > 1 else 0.0
    for k in range(odd + 2, degrees - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    part = math.sin(theta) * total
    return 2 / math.pi * (theta + part) if odd else part
