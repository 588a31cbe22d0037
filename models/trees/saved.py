"""Trees as arrays of only what is in use, and back.

Nodes are numbered level by level, roots first, so that the k-th branch has its children
at ``n_roots + 2 k``: links need not be kept. Sums over subtrees and depths follow too.
The same trees give the same arrays, however their nodes came to lie in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import array, require, require_within
from models.states.snapshot import State
from models.trees.nodes import (
    ACTIVE,
    DEPTH,
    FEATURE,
    FRAUD_FIRST,
    HIGH,
    LEFT,
    LOW,
    MET,
    NIL,
    NODES_IN_USE,
    NODES_MADE,
    OBSERVED,
    PARENT,
    SLOTS_IN_USE,
    SLOTS_MADE,
    SPLITS,
    WEIGHT,
    WIPED,
    Trees,
    knows,
)
from schemas.jit import kernel, uncounted


def saved(kind: str, header: Mapping[str, Any], trees: Trees, roots: NDArray[np.int32]) -> State:
    """Return the trees of these roots as a state."""
    order = np.zeros(len(trees.threshold) + len(roots), np.int32)
    order[: len(roots)] = roots
    order = order[: _number(trees, order, len(roots))]
    feature = trees.links[order, FEATURE]
    leaves, branches = order[feature == NIL], order[feature != NIL]
    slots = trees.slots[leaves].ravel()
    sampled = trees.subset.shape[0] > 1
    return State(
        kind,
        dict(header),
        {
            "feature": feature,
            "threshold": trees.threshold[branches],
            "weights": trees.weights[order],
            "record": trees.record[leaves],
            "marks": trees.marks[leaves],
            "subset": trees.subset[leaves if sampled else []],
            "gauss": trees.gauss[slots[slots != NIL]],
            "events": trees.counts[SPLITS : WIPED + 1].copy(),
        },
    )


def restore_trees(state: State, trees: Trees, roots: NDArray[np.int32], width: int) -> None:
    """Fill freshly reserved arrays from a state.

    Parameters
    ----------
    roots : ndarray of int32, shape (n,)
        Where the state's trees have their roots.
    width : int
        Columns of the model.

    Raises
    ------
    SnapshotError
        The state is none of such trees; the arrays are then worth nothing.
    """
    feature = _feature_of(state, trees, len(roots), width)
    n, is_leaf = len(feature), feature == NIL
    n_leaves, k = int(is_leaf.sum()), trees.gauss.shape[1]
    n_reserved = int(trees.counts[NODES_MADE])
    place = np.concatenate([roots, n_reserved + np.arange(n - len(roots), dtype=np.int32)])
    leaves = place[is_leaf]
    marks = array(state, "marks", np.int8, (n_leaves, trees.marks.shape[1]))
    require_within(state, "marks", marks[:, [MET, OBSERVED]], 0, FRAUD_FIRST)
    require_within(state, "marks", marks[:, ACTIVE], 0, 1)
    require(state, not marks[marks[:, ACTIVE] == 0, OBSERVED].any(), "a stopped leaf observes")
    trees.marks[leaves] = marks
    _take_numbers(state, trees, place, is_leaf)
    observed = _observed(marks[:, OBSERVED])
    gauss = array(state, "gauss", np.float64, (int(observed.sum()), *trees.gauss.shape[1:]))
    require(state, bool((gauss[:, :, LOW] <= gauss[:, :, HIGH]).all()), "gauss: least > largest")
    require_within(state, "gauss", gauss[:, :, WEIGHT], 0.0, np.inf)
    if trees.subset.shape[0] > 1:
        subset = array(state, "subset", np.int32, (n_leaves, k))
        require_within(state, "subset", subset, NIL, width - 1)
        known = (subset != NIL)[np.nonzero(observed)[0]]
        require(state, bool((known | (gauss[:, :, WEIGHT] == 0)).all()), "gauss without a column")
        trees.subset[leaves] = subset
    trees.gauss[: len(gauss)] = gauss
    slots = np.full((n_leaves, 2), NIL, np.int32)
    slots[observed] = np.arange(len(gauss), dtype=np.int32)
    trees.slots[place] = NIL
    trees.slots[leaves] = slots
    trees.counts[NODES_MADE] += n - len(roots)
    trees.counts[NODES_IN_USE] += n - len(roots)
    trees.counts[SLOTS_MADE] = trees.counts[SLOTS_IN_USE] = len(gauss)
    _link(trees, place, feature, len(roots))


def _feature_of(state: State, trees: Trees, n_roots: int, width: int) -> NDArray[np.int32]:
    """Return the column of each node, after making sure that they are trees."""
    found = state.arrays.get("feature")
    n = 0 if found is None else found.size
    feature = array(state, "feature", np.int32, (n,))
    require_within(state, "feature", feature, NIL, width - 1)
    n_branches = int((feature != NIL).sum())
    require(state, n == n_roots + 2 * n_branches, f"{n} nodes are not {n_roots} trees")
    bound = len(trees.threshold) - int(trees.counts[NODES_MADE]) + n_roots
    require(state, n <= bound, f"{n} nodes are more than nodes_max allows")
    branches = np.flatnonzero(feature != NIL)
    after = n_roots + 2 * np.arange(n_branches) > branches
    require(state, bool(after.all()), "feature: a branch comes after its children")
    return feature


def _take_numbers(
    state: State, trees: Trees, place: NDArray[np.int32], is_leaf: NDArray[np.bool_]
) -> None:
    n, n_leaves = len(place), int(is_leaf.sum())
    weights = array(state, "weights", np.float64, (n, 2))
    require_within(state, "weights", weights, 0.0, np.inf)
    trees.weights[place] = weights
    record = array(state, "record", np.float64, (n_leaves, trees.record.shape[1]))
    trees.record[place[is_leaf]] = record
    trees.threshold[place[~is_leaf]] = array(state, "threshold", np.float64, (n - n_leaves,))
    events = array(state, "events", np.int64, (WIPED + 1 - SPLITS,))
    require_within(state, "events", events, 0, 2**62)
    trees.counts[SPLITS : WIPED + 1] = events


def _observed(order: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return which classes leaves observed, shape (n, 2)."""
    table = [[bool(knows(code, c)) for c in range(2)] for code in range(FRAUD_FIRST + 1)]
    return np.array(table)[order]


@uncounted
@kernel
def _number(trees, order, n):
    """Write all nodes to `order` behind n roots, level by level; return how many they are."""
    at = 0
    while at < n:
        node = order[at]
        if trees.links[node, FEATURE] != NIL:
            order[n] = trees.links[node, LEFT]
            order[n + 1] = trees.links[node, LEFT] + 1
            n += 2
        at += 1
    return n


@uncounted
@kernel
def _link(trees, place, feature, n_roots):
    """Set the links of numbered nodes, and the weights under each branch."""
    links, under = trees.links, trees.under
    child = n_roots
    for at in range(len(place)):
        node = place[at]
        links[node, FEATURE] = feature[at]
        if at < n_roots:
            links[node, PARENT] = NIL
            links[node, DEPTH] = 0
        if feature[at] == NIL:
            links[node, LEFT] = NIL
            continue
        links[node, LEFT] = place[child]
        for below in (place[child], place[child + 1]):
            links[below, PARENT] = node
            links[below, DEPTH] = links[node, DEPTH] + 1
        child += 2
    for at in range(len(place) - 1, n_roots - 1, -1):
        node = place[at]
        if feature[at] == NIL:
            total = trees.weights[node, 0] + trees.weights[node, 1]
        else:
            total = under[node, 0] + under[node, 1]
        parent = links[node, PARENT]
        under[parent, node - links[parent, LEFT]] = total
