"""Scoring and learning one row in one tree."""

from __future__ import annotations

from models.trees.leaf import learn, predict
from models.trees.nodes import (
    ACTIVE,
    ATTEMPT_AT,
    DEPTH,
    FEATURE,
    LEFT,
    NIL,
    PARENT,
    wipe,
)
from models.trees.split import try_split
from models.trees.walk import descend
from schemas.jit import inlined, kernel, uncounted


@uncounted
@inlined
def score(trees, rules, root, X, row):
    """Return a tree's probabilities of genuine and of fraud."""
    node, _ = descend(trees, root, X, row)
    return predict(trees, rules, node, X, row)


@uncounted
@inlined
def grow(trees, rules, node, sure, X, row, y, w, words, by_name, pool):
    """Let a leaf learn a row of class y (0 or 1) and weight w, and its tree grow.

    `node` and `sure` are what `models.trees.walk.descend` said of the row.
    """
    learn(trees, rules, node, X, row, y, w, words, by_name, pool)
    # River tries no split where the way to the leaf was a guess.
    if sure and trees.marks[node, ACTIVE] != 0:
        if trees.links[node, DEPTH] >= rules.max_depth:
            stop(trees, node)
        else:
            weight = trees.weights[node, 0] + trees.weights[node, 1]
            if weight - trees.record[node, ATTEMPT_AT] >= rules.grace_period:
                trees.record[node, ATTEMPT_AT] = weight
                try_split(trees, rules, node)
    carry_up(trees, node, y, w)


@uncounted
@kernel
def stop(trees, node):
    """Let a leaf observe no more."""
    wipe(trees, node)
    trees.marks[node, ACTIVE] = 0


@uncounted
@inlined
def carry_up(trees, node, y, w):
    """Add a row that was learned to all branches above its leaf.

    The weights under a branch are summed from its leaves up, so that they are the same
    to the last bit as if they were summed on demand.
    """
    links, weights, under = trees.links, trees.weights, trees.under
    if links[node, FEATURE] == NIL:
        total = weights[node, 0] + weights[node, 1]
    else:
        total = under[node, 0] + under[node, 1]
    parent = links[node, PARENT]
    while parent != NIL:
        weights[parent, y] += w
        under[parent, node - links[parent, LEFT]] = total
        total = under[parent, 0] + under[parent, 1]
        node = parent
        parent = links[node, PARENT]
