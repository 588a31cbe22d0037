"""Probabilities as log-odds, where evidence adds up."""

from __future__ import annotations

import math

# Nearer to 0 and 1 a probability says nothing that a double still tells apart.
NEAREST = 1e-15


def log_odds(p: float, nearest: float = NEAREST) -> float:
    """Return the natural logarithm of p / (1 - p), finite for every p from 0 to 1.

    Parameters
    ----------
    p : float
        A probability.
    nearest : float
        How near to 0 and to 1 it is taken to come.
    """
    p = min(max(p, nearest), 1.0 - nearest)
    return math.log(p / (1.0 - p))
