"""Exact Shapley values of the share of fraud that a tree gives a row.

The game is the one of TreeSHAP (Lundberg et al. 2020, "From local explanations to global
understanding with explainable AI for trees", Nature Machine Intelligence 2, with paths'
weights): a set of features is worth the share of fraud that the tree expects of a row of
which only these are known. A branch that asks for one of them is taken as the row goes; at
any other both ways are, in proportion to the weight that the leaves under them learned.

Their Algorithm 2 takes a polynomial apart again for every feature of every leaf: a step for
each pair of features on the way. Owen (1972, "Multilinear extensions of games", Management
Science 18) has the same values as an integral: of how much a feature changes what is expected
if every other one is known with the probability t, over t from 0 to 1. Of a tree that is a
polynomial of t, of a degree below the number of features on a way, which Gauss's quadrature
integrates exactly with half as many points. At each point what leaves are worth is added up
from below, so a branch costs a step for each point. Nothing is subtracted but where a way asks
for a feature again, and shares that are very small lose no digits.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.trees.nodes import FEATURE, LEFT, NIL, PARENT, Trees
from schemas.jit import inlined, kernel, uncounted

# A branch that is as good as never taken is worth nothing, and must not divide by zero.
_NEVER = 1e-200


class Way(NamedTuple):
    """Room for the way from a root to a node: place d is the branch d steps down; 0 is none.

    Attributes
    ----------
    features : ndarray of int32, shape (depth + 1,)
        Which column each branch asks for.
    goes : ndarray of float64, shape (depth + 1,)
        1 if the row goes this way at all branches so far that ask for the column, else 0.
    share : ndarray of float64, shape (depth + 1,)
        Of the weight at all these branches, the share that goes this way: their product.
    before : ndarray of int32, shape (depth + 1,)
        The branch before that asks for the same column; 0: none.
    latest : ndarray of int32, shape (width,)
        The deepest branch that asks for each column; 0: none.
    factor, reached, worth : ndarray of float64, shape (depth + 1, points)
        At each point: how likely the branches of the column lead this way, how likely the node
        is reached, and what the leaves under it are worth, as likely as they are reached.
    """

    features: NDArray[np.int32]
    goes: NDArray[np.float64]
    share: NDArray[np.float64]
    before: NDArray[np.int32]
    latest: NDArray[np.int32]
    factor: NDArray[np.float64]
    reached: NDArray[np.float64]
    worth: NDArray[np.float64]


def add_shapley(
    trees: Trees,
    root: int,
    X: NDArray[np.float64],
    scale: float,
    changes: NDArray[np.float64],
) -> None:
    """Add to rows' `changes` each feature's Shapley value in one tree, times a scale.

    Parameters
    ----------
    trees : Trees
    root : int
    X : ndarray of float64, shape (n, n_features)
        A value that is not known goes the heavier way, as it does for the score.
    scale : float
    changes : ndarray of float64, shape (n, n_features)
    """
    latest = np.zeros(X.shape[1], np.int32)
    depth, distinct = extent(trees, root, latest)
    if depth == 0:
        return
    points, weights = quadrature(distinct)
    way = Way(
        np.zeros(depth + 1, np.int32),
        np.ones(depth + 1),
        np.ones(depth + 1),
        np.zeros(depth + 1, np.int32),
        latest,
        *(np.ones((depth + 1, len(points))) for _ in range(3)),
    )
    add_rows(trees, root, X, scale, points, weights, way, changes)


@lru_cache(maxsize=256)
def quadrature(distinct: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points in (0, 1) and weights that integrate polynomials below a degree exactly."""
    points, weights = np.polynomial.legendre.leggauss((distinct + 1) // 2)
    return (points + 1.0) / 2.0, weights / 2.0


@uncounted
@kernel
def extent(trees, root, asked):
    """Return how deep a tree is, and the most features that one of its ways asks for.

    `asked` has a place for each column; it is given as zeros, and left so.
    """
    links = trees.links
    node, depth, distinct, deepest, most = root, 0, 0, 0, 0
    while True:
        column = links[node, FEATURE]
        if column != NIL:
            distinct += asked[column] == 0
            asked[column] += 1
            depth += 1
            deepest, most = max(deepest, depth), max(most, distinct)
            node = links[node, LEFT]
            continue
        while node != root and node != links[links[node, PARENT], LEFT]:
            node = links[node, PARENT]
            asked[links[node, FEATURE]] -= 1
            distinct -= asked[links[node, FEATURE]] == 0
            depth -= 1
        if node == root:
            return deepest, most
        node += 1


@uncounted
@kernel
def add_rows(trees, root, X, scale, points, weights, way, changes):
    """Walk the whole tree for each row; see `add_shapley`."""
    links = trees.links
    for row in range(X.shape[0]):
        node, depth, open_ = root, 0, True
        while True:
            if open_ and links[node, FEATURE] != NIL:
                node = links[node, LEFT]
                depth += 1
                open_ = enter(trees, node, depth, X, row, points, way)
                continue
            if open_:
                settle(trees, node, depth, way)
            while depth > 0:
                leave(depth, row, scale, weights, way, changes)
                parent = links[node, PARENT]
                if links[parent, LEFT] == node:
                    node += 1
                    open_ = enter(trees, node, depth, X, row, points, way)
                    break
                node = parent
                depth -= 1
            if depth == 0:
                break


@uncounted
@inlined
def enter(trees, node, depth, X, row, points, way):
    """Take a branch; return whether it can be taken at all."""
    parent = trees.links[node, PARENT]
    column = trees.links[parent, FEATURE]
    before = way.latest[column]
    is_right = node != trees.links[parent, LEFT]
    own, both = trees.under[parent, int(is_right)], trees.under[parent, 0] + trees.under[parent, 1]
    goes = way.goes[before] if goes_right(trees, parent, X[row, column]) == is_right else 0.0
    share = way.share[before] * (own / both if both > 0.0 else 0.5)
    way.features[depth], way.before[depth], way.latest[column] = column, before, depth
    way.goes[depth], way.share[depth] = goes, share
    if goes == 0.0 and share < _NEVER:
        return False
    for q in range(points.shape[0]):
        factor = share + points[q] * (goes - share)
        way.factor[depth, q] = factor
        way.reached[depth, q] = way.reached[depth - 1, q] * (factor / way.factor[before, q])
        way.worth[depth, q] = 0.0
    return True


@uncounted
@inlined
def goes_right(trees, node, value):
    """Tell which way a value goes at a branch, as `models.trees.walk.descend` does."""
    if math.isnan(value):
        return trees.under[node, 0] < trees.under[node, 1]
    return value > trees.threshold[node]


@uncounted
@inlined
def settle(trees, leaf, depth, way):
    """Note what a leaf is worth."""
    worth = share_of_fraud(trees, leaf)
    for q in range(way.worth.shape[1]):
        way.worth[depth, q] = worth * way.reached[depth, q]


@uncounted
@inlined
def leave(depth, row, scale, weights, way, changes):
    """Give a branch's column what it changes under it, and what is there to the branch above.

    What the leaves here are worth by the branch before of the same column is taken back: of
    those that ask again, only the last one says how likely the column leads there.
    """
    column, before = way.features[depth], way.before[depth]
    way.latest[column] = before
    if way.goes[depth] == 0.0 and way.share[depth] < _NEVER:
        return
    own, earlier = 0.0, 0.0
    for q in range(weights.shape[0]):
        worth = way.worth[depth, q]
        own += weights[q] * (worth / way.factor[depth, q])
        earlier += weights[q] * (worth / way.factor[before, q])
        way.worth[depth - 1, q] += worth
    changed = (way.goes[depth] - way.share[depth]) * own
    changed -= (way.goes[before] - way.share[before]) * earlier
    changes[row, column] += scale * changed


@uncounted
@kernel
def share_of_fraud(trees, node):
    """Return the share of fraud in a node's weight; 0 where it has none."""
    total = trees.weights[node, 0] + trees.weights[node, 1]
    return trees.weights[node, 1] / total if total > 0.0 else 0.0
