"""When a leaf is split; parity with River's trees is in test_tree.py."""

import numpy as np
import pytest
from seeds import seeds

from models.trees import split as module
from models.trees.criteria import entropy
from models.trees.nodes import (
    DEPTH,
    FEATURE,
    FRAUD_FIRST,
    GENUINE_FIRST,
    HIGH,
    LEFT,
    LOW,
    MET,
    REFUSED,
    SPLITS,
    WEIGHT,
    WIPED,
)
from models.trees.split import best_split, can_split, class_apart, is_too_early, try_split
from models.trees.tree import DenseTree


def grown(streams, seed, n=300, **parameters):
    """Return a tree of a single leaf that has observed examples."""
    tree = DenseTree(6, grace_period=10**6, **parameters)
    tree.learn_many(*streams.examples(seed, n, missing=0.1))
    return tree


@seeds(20)
def test_too_early_is_only_said_where_no_split_would_come(streams, seed):
    rng = np.random.default_rng(seed)
    X, y = streams.examples(seed, 200, fraud=rng.choice([0.02, 0.1, 0.4]), missing=0.1)
    said = 0
    for n in (5, 20, 60, 200):
        least = float(rng.choice([0.0, 0.01, 0.2]))
        tree = DenseTree(6, grace_period=10**6, min_branch_fraction=least)
        tree.learn_many(X[:n], y[:n])
        for bound in (0.01, 0.05, 0.1, 0.2, 0.5, 1.0):
            early = is_too_early(tree._trees, tree._rules, 0, bound)
            _, _, ahead, n_candidates = best_split(tree._trees, tree._rules, 0)
            assert not (early and (ahead > bound or n_candidates < 2))
            said += bool(early)
    assert said > 0


@seeds(3)
def test_a_column_that_can_be_split_has_a_merit(streams, seed):
    X, y = streams.examples(seed, 300)
    # A constant, and a flag that is hardly ever set.
    X[:, 4], X[:, 5] = 1.0, np.arange(300) < 3
    tree = DenseTree(6, grace_period=10**6, min_branch_fraction=0.2)
    tree.learn_many(X, y)
    found = []
    for j in range(6):
        best, _ = module.best_of_column(tree._trees, tree._rules, 0, j, 1.0)
        assert can_split(tree._trees, tree._rules, 0, j) == (best > -np.inf)
        found.append(best > -np.inf)
    assert len(set(found)) == 2


def test_a_pure_leaf_is_left_alone(streams):
    X, _ = streams.examples(1, 50)
    tree = DenseTree(6, grace_period=10)
    tree.learn_many(X, np.zeros(50, bool))
    try_split(tree._trees, tree._rules, 0)
    assert tree._trees.counts[[SPLITS, REFUSED, WIPED]].tolist() == [0, 0, 0]


def test_children_inherit_the_weight_of_both_sides(streams):
    tree = grown(streams, 3, tau=10.0)
    before = tree._trees.weights[0].copy()
    try_split(tree._trees, tree._rules, 0)
    left = tree._trees.links[0, LEFT]
    assert tree._trees.links[0, FEATURE] >= 0
    assert tree._trees.links[left : left + 2, DEPTH].tolist() == [1, 1]
    assert tree._trees.under[0].tolist() == tree._trees.weights[left : left + 2].sum(1).tolist()
    assert tree._trees.weights[0].tolist() == before.tolist()
    # Features are missing in one row of ten: only what was observed is handed on.
    share = tree._trees.weights[left : left + 2].sum(0) / before
    assert ((share > 0.75) & (share < 1.0)).all()


def test_where_the_bound_is_reached_splits_are_counted_and_not_made(streams):
    tree = grown(streams, 3, tau=10.0, nodes_max=2)
    for _ in range(3):
        try_split(tree._trees, tree._rules, 0)
    assert tree._trees.counts[[SPLITS, REFUSED, WIPED]].tolist() == [0, 3, 0]
    assert (tree.n_nodes, tree.splits_refused) == (1, 3)


@pytest.mark.parametrize("share", [0.8, 1.0])
def test_a_leaf_with_too_large_a_share_of_one_class_is_wiped(streams, share):
    tree = grown(streams, 3, tau=10.0, max_share_to_split=share)
    try_split(tree._trees, tree._rules, 0)
    assert tree._trees.counts[[SPLITS, WIPED]].tolist() == ([0, 1] if share < 0.9 else [1, 0])


def test_no_split_at_all_wins_over_constants():
    tree = DenseTree(2, grace_period=10**6, tau=10.0)
    tree.learn_many(np.ones((40, 2)), np.arange(40) % 2 == 0)
    try_split(tree._trees, tree._rules, 0)
    assert tree._trees.counts[[SPLITS, WIPED]].tolist() == [0, 1]


def test_the_gain_of_a_column_that_tells_all_is_never_too_early():
    rng = np.random.default_rng(0)
    y = rng.random(500) < 0.2
    X = np.column_stack([y * 10.0 + rng.random(500), rng.random(500)])
    tree = DenseTree(2, grace_period=10**6)
    tree.learn_many(X, y)
    bits = entropy(float((~y).sum()), float(y.sum()))
    _, _, ahead, _ = best_split(tree._trees, tree._rules, 0)
    assert 0.9 * bits < ahead <= bits
    assert not is_too_early(tree._trees, tree._rules, 0, 0.99 * ahead)
    assert is_too_early(tree._trees, tree._rules, 0, 1.01 * bits)


def test_a_class_that_ends_at_the_threshold_is_on_the_left_alone():
    tree = DenseTree(1, grace_period=10**6)
    tree.learn_many(np.arange(12.0)[:, None], np.arange(12) > 5)
    slot = tree._trees.slots[0, 0]
    assert tree._trees.gauss[slot, 0, [WEIGHT, LOW, HIGH]].tolist() == [6.0, 0.0, 5.0]
    assert class_apart(tree._trees, 0, 0, 0, 5.0, 1.87) == (6.0, 0.0, 1)
    assert class_apart(tree._trees, 0, 0, 0, -0.1, 1.87) == (0.0, 6.0, 1)
    left, right, sides = class_apart(tree._trees, 0, 0, 0, 2.5, 1.87)
    assert (left, right, sides) == (3.0, 3.0, 2)
    assert class_apart(tree._trees, 0, 1, 0, 6.0, 1.87)[2] == 2


@pytest.mark.parametrize("first", [0, 1])
def test_children_meet_classes_in_the_order_in_which_they_were_observed(first):
    rng = np.random.default_rng(0)
    y = rng.random(300) < 0.5
    y[0] = first
    X = rng.normal(size=(300, 1)) + y[:, None]
    tree = DenseTree(1, grace_period=10**6, tau=10.0)
    tree.learn_many(X, y)
    try_split(tree._trees, tree._rules, 0)
    left = tree._trees.links[0, LEFT]
    met = tree._trees.marks[left : left + 2, MET].tolist()
    assert FRAUD_FIRST in met if first else GENUINE_FIRST in met
    assert GENUINE_FIRST not in met if first else FRAUD_FIRST not in met
