"""A score of trees taken apart: a base, and a part for each feature.

In probability the parts are exact Shapley values of the share of fraud in the leaf that the
row came to (`models.trees.shapley`), added up over trees by the weights of their votes, which
are linear. What a naive Bayes leaf says beyond its share is nobody's alone and stays in the base.
Changes of probability become log-odds by the slope of the line through both ends, the score
that is expected of any row and that of this one, so that each part keeps its sign and its size
beside the others; the base is what is then left of the score's log-odds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.odds import NEAREST, log_odds


def log_odds_of_many(
    scores: NDArray[np.float64], changes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `log_odds_of` of each row; `changes` has shape (n, n_features)."""
    bases, parts = np.empty(len(scores)), np.empty(changes.shape)
    for row, score in enumerate(scores.tolist()):
        bases[row], parts[row] = log_odds_of(score, changes[row])
    return bases, parts


def log_odds_of(score: float, changes: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return a base and contributions in log-odds that add up to those of a score.

    Parameters
    ----------
    score : float
        A probability; its log-odds are those of the nearest one in [1e-15, 1 - 1e-15].
    changes : ndarray of float64, shape (n_features,)
        What each feature added to it, in probability.
    """
    largest = float(np.abs(changes).max(initial=0.0))
    start, end = _inside(score - float(changes.sum())), _inside(score)
    if abs(end - start) <= 0.1 * largest:
        # Changes that cancel, or that a naive Bayes leaf overrules, say little about the
        # slope: it is taken over a longer way.
        start, end = _inside(score - largest), _inside(score + largest)
    slope = (log_odds(end) - log_odds(start)) / (end - start) if start != end else 0.0
    contributions = slope * changes
    return log_odds(score) - float(contributions.sum()), contributions


def _inside(p: float) -> float:
    return min(max(p, NEAREST), 1.0 - NEAREST)
