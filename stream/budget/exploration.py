"""A share of the alerts for payments that no threshold picks.

What is never looked at is never known in time, and a model that chooses its own labels learns
what it believes already. So some payments below the threshold are drawn at random, each with a
probability in proportion to its score: uniform draws would find one fraud in a hundred. Each
probability is known and above 0, so that whoever divides by it has unbiased estimates of what
the threshold misses (Horvitz & Thompson 1952; as a way to choose labels: Beygelzimer, Dasgupta &
Langford 2009, "Importance weighted active learning", section 2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.draws import uniform

# Draws for this use.
_USE = np.uint64(0x9E3779B97F4A7C15)


def rate_of(wanted: float, scores_below: float) -> float:
    """Return how much probability a unit of score gives.

    Parameters
    ----------
    wanted : float
        Payments a day that are to be drawn.
    scores_below : float
        Sum of the scores, of a day, that lie below the threshold.
    """
    return wanted / scores_below if scores_below > 0.0 else 0.0


def drawn(
    keys: NDArray[np.uint64], scores: NDArray[np.float64], rate: float
) -> NDArray[np.float64]:
    """Draw payments by the keyed hashes of their ids.

    Nobody without the key can foresee it, and a replay draws the same ones.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n,)
    scores : ndarray of float64, shape (n,)
        NaN is never drawn.
    rate : float
        As of `rate_of`.

    Returns
    -------
    ndarray of float64, shape (n,)
        The probability with which a payment was drawn; NaN where it was not.
    """
    probabilities = np.minimum(rate * scores, 1.0)
    with np.errstate(invalid="ignore"):
        return np.where(uniform(keys, _USE) < probabilities, probabilities, np.nan)
