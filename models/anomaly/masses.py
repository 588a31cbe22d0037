"""Learning and scoring of half-space trees: how many rows of a window reach each node.

Tan, Ting & Liu (2011), "Fast anomaly detection for streaming data", IJCAI, section 3,
algorithms 2 and 3. Rows are counted window by window; scores go by the window before.
When a window ends nothing is copied or cleared: a node has one word for even and one
for odd windows. A word is ``window * 2**24 + mass``, so that whatever an older window
left is less than the present window's zero, and counts as that.

Trees come one after the other and rows inside, so that one tree at a time is in the
cache; and all rows go down one level at a time, so that none waits for another.
Masses are whole numbers: no order of adding changes a score.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import int64, uint64
from numpy.typing import NDArray

from schemas.jit import inlined, kernel

# A mass takes at most so many bits of a word.
MASS_BITS = 24

# Nodes are unsigned: an index that could be negative costs a test each time.
ROOT, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)


class Trees(NamedTuple):
    """All trees; nodes lie level by level, the branches first.

    Attributes
    ----------
    features : ndarray of int32, shape (n_trees, branches)
        The column that a branch asks.
    thresholds : ndarray of float64, shape (n_trees, branches)
        Values below go left.
    words : ndarray of int64, shape (n_trees, nodes, 2)
        The masses of even and of odd windows.
    """

    features: NDArray[np.int32]
    thresholds: NDArray[np.float64]
    words: NDArray[np.int64]


@kernel
def learn_rows(trees, X, count, window, window_size, height):
    """Count rows in order, the first of which is number `count` of its window."""
    known = all_known(X)
    nodes = np.empty(X.shape[0], np.uint64)
    for at in range(trees.features.shape[0]):
        features, thresholds, words = trees.features[at], trees.thresholds[at], trees.words[at]
        find_leaves(features, thresholds, X, height, nodes)
        n, now = count, window
        for i in range(X.shape[0]):
            leaf = nodes[i]
            if not known[i]:
                leaf = find_by_mass(features, thresholds, words, X[i], now, height)
            count_up(words, leaf, now)
            n += 1
            if n == window_size:
                n = 0
                now += 1


@kernel
def score_rows(trees, X, window, mass_min, height):
    """Add up the masses of the last whole window on each row's paths.

    Each level weighs twice the one above; nodes below one that fewer than `mass_min`
    rows reached weigh nothing.

    Returns
    -------
    totals : ndarray of int64, shape (n,)
    """
    known = all_known(X)
    nodes = np.empty(X.shape[0], np.uint64)
    totals = np.zeros(X.shape[0], np.int64)
    for at in range(trees.features.shape[0]):
        features, thresholds, words = trees.features[at], trees.thresholds[at], trees.words[at]
        find_leaves(features, thresholds, X, height, nodes)
        for i in range(X.shape[0]):
            leaf = nodes[i]
            if not known[i]:
                leaf = find_by_mass(features, thresholds, words, X[i], window, height)
            totals[i] += score_up(words, leaf, window - 1, mass_min)
    return totals


@kernel
def all_known(X):
    """Say of each row whether it has no NaN, shape (n,)."""
    known = np.empty(X.shape[0], np.bool_)
    for i in range(X.shape[0]):
        unknown = 0
        for j in range(X.shape[1]):
            unknown += math.isnan(X[i, j])
        known[i] = unknown == 0
    return known


@kernel
def find_leaves(features, thresholds, X, height, nodes):
    """Write the leaf of each row, going down all of them level by level; a NaN goes right."""
    nodes[:] = ROOT
    for _ in range(height):
        for i in range(X.shape[0]):
            node = nodes[i]
            right = not X[i, uint64(features[node])] < thresholds[node]
            nodes[i] = TWO * node + ONE + uint64(right)


@kernel
def find_by_mass(features, thresholds, words, x, window, height):
    """Return the leaf of one row; an unknown value goes where more of the window went."""
    node = ROOT
    for _ in range(height):
        value = x[uint64(features[node])]
        left = TWO * node + ONE
        if math.isnan(value):
            right = mass_in(words, left, window) < mass_in(words, left + ONE, window)
        else:
            right = not value < thresholds[node]
        node = left + uint64(right)
    return node


@inlined
def mass_in(words, node, window):
    """Return how many rows of a window reached a node."""
    return max(words[node, uint64(window & 1)] - (int64(window) << MASS_BITS), 0)


@inlined
def count_up(words, leaf, window):
    """Count a row at its leaf and at all nodes above."""
    zero = int64(window) << MASS_BITS
    parity = uint64(window & 1)
    above = leaf + ONE
    while above > ROOT:
        node = above - ONE
        words[node, parity] = max(words[node, parity], zero) + 1
        above >>= ONE


@inlined
def score_up(words, leaf, window, mass_min):
    """Return a path's weighted masses: each node's, and twice what lies below it."""
    total = 0
    above = leaf + ONE
    while above > ROOT:
        mass = mass_in(words, above - ONE, window)
        total = mass + (2 * total if mass >= mass_min else 0)
        above >>= ONE
    return total
