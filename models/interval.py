"""How sure a share is that was counted."""

from __future__ import annotations

import math

# Of the normal distribution, 95 % lies within this many standard deviations.
DEVIATIONS = 1.959963984540054


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return a 95 % interval of a probability, of which n trials had so many hits.

    Wilson's score interval (1927): it stays within 0 and 1, and is right for few trials and
    for shares near the ends (Brown, Cai & DasGupta, Statistical Science 16, 2001). Without
    trials it is everything.
    """
    if n == 0:
        return 0.0, 1.0
    share, square = hits / n, DEVIATIONS**2
    middle = share + square / (2 * n)
    half = DEVIATIONS * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    # At the ends the two are equal but for rounding.
    low = (middle - half) / (1 + square / n) if hits else 0.0
    high = (middle + half) / (1 + square / n) if hits < n else 1.0
    return low, high
