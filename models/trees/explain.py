"""A score taken apart along the way that led to it.

Each step down a tree changes the share of fraud; the change is the doing of the feature
that was asked for (Saabas 2014, "Interpreting random forests", blog.datadive.net). Trees
add up by the weights of their votes. What a naive Bayes leaf adds to its share is
nobody's alone and stays in the base.
Changes of probability become log-odds by the slope of the line through both ends of
the way; the base is what is then left of the score's log-odds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.odds import NEAREST, log_odds
from models.trees.nodes import FEATURE, PARENT
from models.trees.walk import descend
from schemas.jit import kernel, uncounted


@uncounted
@kernel
def add_paths(trees, root, X, scale, changes):
    """Add each feature's change of probability in one tree, times a scale, to a row's `changes`."""
    for row in range(X.shape[0]):
        node, _ = descend(trees, root, X, row)
        after = share(trees, node)
        while node != root:
            node = trees.links[node, PARENT]
            before = share(trees, node)
            changes[row, trees.links[node, FEATURE]] += scale * (after - before)
            after = before


@uncounted
@kernel
def share(trees, node):
    """Return the share of fraud in a node's weight; 0 where it has none."""
    total = trees.weights[node, 0] + trees.weights[node, 1]
    return trees.weights[node, 1] / total if total > 0.0 else 0.0


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
