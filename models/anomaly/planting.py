"""Half-space trees are drawn before any value is seen: only the features' limits matter.

Tan, Ting & Liu (2011), "Fast anomaly detection for streaming data", IJCAI, section 3,
algorithm 1; the padding of the cuts and the choice of a feature in proportion to what
is left of its range are River's. The nodes of a tree lie level by level: those below
node i are 2 i + 1 (left, values below the threshold) and 2 i + 2.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.dense.model import VALUE_MAX
from schemas.jit import kernel

# How far a cut stays away from both ends of what is left of a range, as a share of it.
PADDING = 0.15


def planted(
    rng: random.Random,
    n_trees: int,
    height: int,
    limits: NDArray[np.float64],
    order: Sequence[int],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Draw trees.

    Parameters
    ----------
    rng : random.Random
        Two numbers are taken from it for each branch, tree by tree, from the root down
        and from left to right.
    n_trees, height : int
        A tree has ``2**height - 1`` branches.
    limits : ndarray of float64, shape (n_features, 2)
        The range of each feature.
    order : sequence of int
        The features that are cut, in the order in which they are drawn from.

    Returns
    -------
    features : ndarray of int32, shape (n_trees, branches)
    thresholds : ndarray of float64, shape (n_trees, branches)

    Raises
    ------
    ValueError
        Limits that leave nothing to cut.
    """
    for feature in order:
        check_limits(feature, *limits[feature])
    if not any(limits[feature, 0] < limits[feature, 1] for feature in order):
        raise ValueError(
            f"limits of {len(order)} features leave nothing to cut: give at least one "
            "feature a lower limit that is below its upper one"
        )
    columns = np.array(order, np.int32)
    branches = 2**height - 1
    features = np.zeros((n_trees, branches), np.int32)
    thresholds = np.zeros((n_trees, branches))
    for tree in range(n_trees):
        draws = np.array([rng.random() for _ in range(2 * branches)])
        plant(draws, height, columns, limits, features[tree], thresholds[tree])
    return features, thresholds


def check_limits(name: object, low: float, high: float) -> None:
    """Raise ValueError where the limits of a feature are no range."""
    if not -VALUE_MAX <= low <= high <= VALUE_MAX:
        raise ValueError(
            f"limits of {name!r} are ({low}, {high}): give two numbers in order, "
            f"within {VALUE_MAX:g} of zero"
        )


@kernel
def plant(draws, height, columns, limits, features, thresholds):
    """Draw one tree into `features` and `thresholds`, each of shape (branches,)."""
    # What is left of every range at each depth, on the path to the node at hand.
    lows = np.empty((height, limits.shape[0]))
    highs = np.empty((height, limits.shape[0]))
    # Nodes yet to draw, and how deep they lie: at most one a level besides the next.
    nodes = np.zeros(height + 1, np.int64)
    depths = np.zeros(height + 1, np.int64)
    waiting, drawn = 1 if height > 0 else 0, 0
    while waiting > 0:
        waiting -= 1
        node, depth = nodes[waiting], depths[waiting]
        low, high = lows[depth], highs[depth]
        _narrow(node, depth, limits, lows, highs, features, thresholds)
        feature = columns[_chosen(draws[drawn], columns, low, high)]
        start, end = low[feature], high[feature]
        left = start + PADDING * (end - start)
        right = end - PADDING * (end - start)
        features[node] = feature
        thresholds[node] = left + (right - left) * draws[drawn + 1]
        drawn += 2
        if depth + 1 < height:
            for side in (2, 1):
                nodes[waiting] = 2 * node + side
                depths[waiting] = depth + 1
                waiting += 1


@kernel
def _narrow(node, depth, limits, lows, highs, features, thresholds):
    """Write down what is left of every range at a node, from what there is at its parent."""
    if depth == 0:
        lows[0] = limits[:, 0]
        highs[0] = limits[:, 1]
        return
    lows[depth] = lows[depth - 1]
    highs[depth] = highs[depth - 1]
    parent = (node - 1) // 2
    if node == 2 * parent + 1:
        highs[depth, features[parent]] = thresholds[parent]
    else:
        lows[depth, features[parent]] = thresholds[parent]


@kernel
def _chosen(draw, columns, low, high):
    """Return which of the columns a number between 0 and 1 falls to, by the ranges' lengths."""
    total = 0.0
    for column in columns:
        total += high[column] - low[column]
    mark, reached = draw * total, 0.0
    last = columns.shape[0] - 1
    for at in range(last):
        reached += high[columns[at]] - low[columns[at]]
        if reached > mark:
            return at
    return last
