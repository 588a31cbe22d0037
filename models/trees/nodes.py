"""Where trees live: nodes and observers in flat arrays, taken and given back in constant time.

All trees of a model share one set of arrays. They are reserved at full size, which the
operating system turns into memory only as it is touched: growing never copies, and
never stalls. A branch's two children lie side by side, so that one index names both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.jit import inlined, kernel, uncounted

NIL = -1

# Columns of `links`.
FEATURE, LEFT, PARENT, DEPTH, N_LINKS = 0, 1, 2, 3, 4
# Columns of `record`.
ATTEMPT_AT, MC_RIGHT, NB_RIGHT, N_RECORD = 0, 1, 2, 3
# Columns of `marks`.
MET, OBSERVED, ACTIVE, N_MARKS = 0, 1, 2, 3
# Columns of `gauss`.
WEIGHT, MEAN, SQUARES, LOW, HIGH, N_GAUSS = 0, 1, 2, 3, 4, 5
# Places of `counts`.
NODES_MADE, NODES_FREE, NODES_IN_USE, SLOTS_MADE, SLOTS_FREE, SLOTS_IN_USE = 0, 1, 2, 3, 4, 5
SPLITS, REFUSED, WIPED, N_COUNTS = 6, 7, 8, 9

# Which classes were met, in which order: where two are level, the first one goes first.
NEITHER, GENUINE_ONLY, FRAUD_ONLY, GENUINE_FIRST, FRAUD_FIRST = 0, 1, 2, 3, 4


class Trees(NamedTuple):
    """The arrays; kernels take it whole. N nodes and S slots are reserved.

    Attributes
    ----------
    threshold : ndarray of float64, shape (N,)
        A value up to it goes left, a larger one right.
    links : ndarray of int32, shape (N, 4)
        Column that a branch asks for (NIL: a leaf), left child (the right one is next
        to it), parent, depth.
    weights : ndarray of float64, shape (N, 2)
        Genuine and fraud: what a node inherited, and what it or its descendants learned.
    under : ndarray of float64, shape (N, 2)
        Weight of the leaves under each child.
    record : ndarray of float64, shape (N, 3)
        Of a leaf: its weight when a split was last tried, and the weights that were
        predicted rightly by majority and by naive Bayes.
    marks : ndarray of int8, shape (N, 3)
        Of a leaf: which classes it met, which it observed, and whether it still observes.
    slots : ndarray of int32, shape (N, 2)
        Where in `gauss` a leaf's observers of each class are; NIL: nowhere.
    subset : ndarray of int32, shape (N or 1, K)
        The columns that a leaf observes, ended by NIL; unused where leaves observe all.
    gauss : ndarray of float64, shape (S, K, 5)
        Observers: weight, mean, sum of squared deviations, least and largest value.
    spare : ndarray of int32, shape (S,)
        The next free slot after each free one.
    counts : ndarray of int64, shape (9,)
        Bookkeeping, and what happened: splits made, splits refused for want of nodes,
        leaves whose observers were wiped.
    """

    threshold: NDArray[np.float64]
    links: NDArray[np.int32]
    weights: NDArray[np.float64]
    under: NDArray[np.float64]
    record: NDArray[np.float64]
    marks: NDArray[np.int8]
    slots: NDArray[np.int32]
    subset: NDArray[np.int32]
    gauss: NDArray[np.float64]
    spare: NDArray[np.int32]
    counts: NDArray[np.int64]


def reserved(n_nodes: int, n_roots: int, n_observed: int, *, sampled: bool) -> Trees:
    """Return arrays whose first `n_roots` nodes are empty leaves.

    Parameters
    ----------
    n_nodes : int
        Bound of nodes, roots included.
    n_roots : int
    n_observed : int
        Columns that a leaf observes: K.
    sampled : bool
        Whether each leaf observes columns of its own.
    """
    # A tree of n nodes has (n + 1) / 2 leaves, and each observes two classes.
    n_slots = n_nodes + n_roots
    trees = Trees(
        threshold=np.zeros(n_nodes),
        links=np.zeros((n_nodes, N_LINKS), np.int32),
        weights=np.zeros((n_nodes, 2)),
        under=np.zeros((n_nodes, 2)),
        record=np.zeros((n_nodes, N_RECORD)),
        marks=np.zeros((n_nodes, N_MARKS), np.int8),
        slots=np.zeros((n_nodes, 2), np.int32),
        subset=np.zeros((max(n_nodes, 2) if sampled else 1, n_observed), np.int32),
        gauss=np.zeros((n_slots, n_observed, N_GAUSS)),
        spare=np.zeros(n_slots, np.int32),
        counts=np.zeros(N_COUNTS, np.int64),
    )
    trees.counts[[NODES_MADE, NODES_IN_USE]] = n_roots
    trees.counts[[NODES_FREE, SLOTS_FREE]] = NIL
    for root in range(n_roots):
        make_leaf(trees, root, NIL, 0)
    return trees


@uncounted
@kernel
def make_leaf(trees, node, parent, depth):
    """Make a node a leaf that has met nothing; it must hold no slots."""
    links = trees.links
    links[node, FEATURE] = NIL
    links[node, LEFT] = NIL
    links[node, PARENT] = parent
    links[node, DEPTH] = depth
    trees.threshold[node] = 0.0
    for c in range(2):
        trees.weights[node, c] = 0.0
        trees.under[node, c] = 0.0
        trees.slots[node, c] = NIL
    for column in range(N_RECORD):
        trees.record[node, column] = 0.0
    trees.marks[node, MET] = NEITHER
    trees.marks[node, OBSERVED] = NEITHER
    trees.marks[node, ACTIVE] = 1
    if trees.subset.shape[0] > 1:
        trees.subset[node] = NIL


@uncounted
@kernel
def take_pair(trees):
    """Return the first of two free nodes side by side; NIL where the bound is reached."""
    counts = trees.counts
    pair = counts[NODES_FREE]
    if pair != NIL:
        counts[NODES_FREE] = trees.links[pair, LEFT]
    else:
        pair = counts[NODES_MADE]
        if pair + 2 > trees.threshold.shape[0]:
            return NIL
        counts[NODES_MADE] = pair + 2
    counts[NODES_IN_USE] += 2
    return pair


@uncounted
@kernel
def slot_of(trees, node, c):
    """Return where a leaf observes a class; a free slot, emptied, where it did not so far."""
    slot = trees.slots[node, c]
    if slot != NIL:
        return slot
    counts = trees.counts
    taken = counts[SLOTS_FREE]
    if taken != NIL:
        counts[SLOTS_FREE] = trees.spare[taken]
    else:
        taken = counts[SLOTS_MADE]
        counts[SLOTS_MADE] = taken + 1
    counts[SLOTS_IN_USE] += 1
    trees.gauss[taken] = 0.0
    trees.slots[node, c] = taken
    trees.marks[node, OBSERVED] = met(trees.marks[node, OBSERVED], c)
    return trees.slots[node, c]


@uncounted
@kernel
def wipe(trees, node):
    """Give a leaf's observers back."""
    for c in range(2):
        slot = trees.slots[node, c]
        if slot != NIL:
            trees.spare[slot] = trees.counts[SLOTS_FREE]
            trees.counts[SLOTS_FREE] = slot
            trees.counts[SLOTS_IN_USE] -= 1
            trees.slots[node, c] = NIL
    trees.marks[node, OBSERVED] = NEITHER


@uncounted
@kernel
def fell(trees, root):
    """Give back all nodes under a root, which becomes an empty leaf."""
    links, counts = trees.links, trees.counts
    node = root
    while True:
        while links[node, FEATURE] != NIL:
            node = links[node, LEFT]
        wipe(trees, node)
        if node == root:
            break
        parent = links[node, PARENT]
        if links[parent, LEFT] == node:
            node += 1
            continue
        # Both children are leaves without observers now: the parent becomes one.
        pair = links[parent, LEFT]
        links[pair, LEFT] = counts[NODES_FREE]
        counts[NODES_FREE] = pair
        counts[NODES_IN_USE] -= 2
        links[parent, FEATURE] = NIL
        node = parent
    make_leaf(trees, root, NIL, 0)


@uncounted
@inlined
def met(order, c):
    """Return the order of classes once class c was met too."""
    if c == 0:
        if order == NEITHER:
            return GENUINE_ONLY
        return FRAUD_FIRST if order == FRAUD_ONLY else order
    if order == NEITHER:
        return FRAUD_ONLY
    return GENUINE_FIRST if order == GENUINE_ONLY else order


@uncounted
@inlined
def knows(order, c):
    """Say whether class c was met."""
    return order >= GENUINE_FIRST or order == c + 1


@uncounted
@inlined
def fraud_first(order):
    """Say whether fraud was met before any genuine event."""
    return order in (FRAUD_ONLY, FRAUD_FIRST)


def widened(trees: Trees, n_observed: int) -> Trees:
    """Return the same trees with room for more columns in each leaf; not sampled ones."""
    n_slots, before, _ = trees.gauss.shape
    gauss = np.zeros((n_slots, n_observed, N_GAUSS))
    made = int(trees.counts[SLOTS_MADE])
    gauss[:made, :before] = trees.gauss[:made]
    return trees._replace(gauss=gauss, subset=np.zeros((1, n_observed), np.int32))
