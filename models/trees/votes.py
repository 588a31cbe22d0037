"""Many trees, each with its own luck, and one score: a forest's kernels.

Every tree learns an event as often as a Poisson number says (Oza & Russell 2001, "Online
bagging and boosting", AISTATS), each leaf observes columns of its own, and a tree's vote
weighs as much as its share of right predictions. Where detectors of drift are on, a
warning starts a tree in the background, and a drift puts it in the old one's place
(Gomes et al. 2017, "Adaptive random forests for evolving data stream classification",
Machine Learning 106).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.drift.adwin import Detectors, reset, update
from models.trees.grow import grow, score
from models.trees.leaf import predict
from models.trees.nodes import NIL, fell
from models.trees.twister import poisson
from models.trees.walk import descend
from schemas.jit import inlined, kernel, uncounted

# Columns of `hits` and of `alarms`.
RIGHT, JUDGED = 0, 1
WARNINGS, DRIFTS = 0, 1


class Bagging(NamedTuple):
    """How trees come together; kernels take it whole."""

    # exp(-lambda): see `models.trees.twister.poisson`.
    poisson_threshold: float
    weighted: bool
    warns: bool
    drifts: bool


class Forest(NamedTuple):
    """What a forest has beside its trees' nodes; kernels take it whole. M trees.

    Attributes
    ----------
    roots, behind : ndarray of int32, shape (M,)
        Where each tree begins, and the tree that grows behind it.
    waits : ndarray of bool, shape (M,)
        Whether a tree grows behind.
    classes : ndarray of int8, shape (number of roots,)
        Which classes the tree of a root has learned: 1 genuine, 2 fraud, 3 both.
    hits : ndarray of int64, shape (M, 2)
        How often a tree was right, and how often it was judged.
    alarms : ndarray of int64, shape (M, 2)
        Warnings and drifts of each tree so far.
    warning, drift : Detectors
        A row for each tree; one row where they are off.
    words : ndarray of uint32, shape (625,)
        Random numbers; see `models.trees.twister`.
    by_name : ndarray of int32, shape (width,)
        Columns in the order of their features' names: leaves draw from these.
    pool : ndarray of int32, shape (width,)
        Room for drawing.
    """

    roots: NDArray[np.int32]
    behind: NDArray[np.int32]
    waits: NDArray[np.bool_]
    classes: NDArray[np.int8]
    hits: NDArray[np.int64]
    alarms: NDArray[np.int64]
    warning: Detectors
    drift: Detectors
    words: NDArray[np.uint32]
    by_name: NDArray[np.int32]
    pool: NDArray[np.int32]


@uncounted
@kernel
def learn_rows(trees, rules, forest, bagging, X, y, w):
    """Learn rows in order; y is bool, w their weights, 0 for a row to leave out."""
    for row in range(X.shape[0]):
        if w[row] > 0.0:
            for tree in range(forest.roots.shape[0]):
                learn_member(
                    trees, rules, forest, bagging, tree, X, row, 1 if y[row] else 0, w[row]
                )


@uncounted
@inlined
def learn_member(trees, rules, forest, bagging, tree, X, row, y, w):
    """Let one tree judge, then learn a row; look for drift in how it judged."""
    root = forest.roots[tree]
    node, sure = descend(trees, root, X, row)
    genuine, fraud = predict(trees, rules, node, X, row)
    right = verdict(forest.classes[root], genuine, fraud) == y
    forest.hits[tree, JUDGED] += 1
    forest.hits[tree, RIGHT] += right
    k = poisson(forest.words, bagging.poisson_threshold)
    if k == 0:
        return
    if forest.waits[tree]:
        hidden, seen = descend(trees, forest.behind[tree], X, row)
        forest.classes[forest.behind[tree]] |= 1 + y
        grow_member(trees, rules, forest, hidden, seen, X, row, y, k * w)
    forest.classes[root] |= 1 + y
    grow_member(trees, rules, forest, node, sure, X, row, y, k * w)
    if bagging.warns and update(forest.warning, tree, 0.0 if right else 1.0):
        forest.alarms[tree, WARNINGS] += 1
        plant(trees, forest, forest.behind[tree])
        forest.waits[tree] = True
        reset(forest.warning, tree)
    if bagging.drifts and update(forest.drift, tree, 0.0 if right else 1.0):
        forest.alarms[tree, DRIFTS] += 1
        replace(trees, forest, tree)


@uncounted
@inlined
def grow_member(trees, rules, forest, node, sure, X, row, y, w):
    """Call `grow` with the forest's random numbers."""
    grow(trees, rules, node, sure, X, row, y, w, forest.words, forest.by_name, forest.pool)


@uncounted
@kernel
def replace(trees, forest, tree):
    """Put the tree that grows behind in a tree's place, or else a new one."""
    old = forest.roots[tree]
    if forest.waits[tree]:
        forest.roots[tree] = forest.behind[tree]
        forest.behind[tree] = old
        forest.waits[tree] = False
        reset(forest.warning, tree)
    plant(trees, forest, old)
    reset(forest.drift, tree)
    forest.hits[tree] = 0


@uncounted
@kernel
def plant(trees, forest, root):
    """Let a root be a tree that has learned nothing."""
    fell(trees, root)
    forest.classes[root] = 0


@uncounted
@inlined
def verdict(classes, genuine, fraud):
    """Return the class that a tree predicts; NIL where it has learned nothing."""
    if classes == 0:
        return NIL
    if classes == 3:
        return 1 if fraud > genuine else 0
    return classes - 1


@uncounted
@inlined
def vote_weight(hits, tree, weighted):
    """Return how much a tree's vote weighs."""
    right, judged = hits[tree, RIGHT], hits[tree, JUDGED]
    return right / judged if weighted and right > 0 else 1.0


@uncounted
@kernel
def score_rows(trees, rules, roots, hits, weighted, X, scores, others):
    """Write the probability of fraud of each row to `scores`; both are given as zeros.

    Of the forest only what is needed: handing over an array takes longer than a walk.
    """
    # Tree by tree: each is then walked while it is in the processor's cache.
    for tree in range(roots.shape[0]):
        weight = vote_weight(hits, tree, weighted)
        for row in range(X.shape[0]):
            genuine, fraud = score(trees, rules, roots[tree], X, row)
            others[row] += genuine * weight
            scores[row] += fraud * weight
    for row in range(X.shape[0]):
        total = others[row] + scores[row]
        if total > 0.0:
            scores[row] /= total
