"""Shapley values of trees: by their definition, by their laws, and beside another library."""

import numpy as np
import pytest
from naive_shapley import NaiveTree
from seeds import seeds

from models.trees.forest import DenseForest
from models.trees.nodes import FEATURE, LEFT, NIL, PARENT, reserved
from models.trees.shapley import add_shapley, extent, quadrature
from models.trees.tree import DenseTree

EAGER = {"grace_period": 10, "delta": 0.5, "tau": 0.3}


def grown(streams, seed, width=6, n=1500, **more):
    """Return a tree that has learned a stream, and rows of it."""
    X, y = streams.examples(seed, n if streams.compiled else 150, width, 0.3, missing=0.1)
    model = DenseTree(width, **{**EAGER, **more})
    model.learn_many(X, y)
    return model, X


def shapley(trees, X, root=0):
    changes = np.zeros(X.shape)
    add_shapley(trees, root, X, 1.0, changes)
    return changes


def built(nested, width):
    """Return trees whose first is made of nested tuples (column, threshold, left, right)."""
    trees = reserved(64, 1, width, sampled=False)
    made = [1]

    def weight(one):
        return sum(one) if len(one) == 2 else weight(one[2]) + weight(one[3])

    def place(one, node, parent):
        trees.links[node, PARENT] = parent
        if len(one) == 2:
            trees.links[node, FEATURE] = NIL
            trees.weights[node] = one
            return
        left, made[0] = made[0], made[0] + 2
        trees.links[node, [FEATURE, LEFT]] = one[0], left
        trees.threshold[node] = one[1]
        trees.under[node] = weight(one[2]), weight(one[3])
        place(one[2], left, node)
        place(one[3], left + 1, node)

    place(nested, 0, NIL)
    return trees


def test_a_tree_of_one_branch_gives_its_feature_all():
    trees = built((1, 0.5, (90.0, 10.0), (0.0, 50.0)), 3)
    expected = 60 / 150
    parts = shapley(trees, np.array([[9.0, 1.0, 9.0], [9.0, 0.0, 9.0]]))
    assert parts[0] == pytest.approx([0, 1 - expected, 0], abs=1e-15)
    assert parts[1] == pytest.approx([0, 0.1 - expected, 0], abs=1e-15)


def test_two_features_that_only_matter_together_share_alike():
    both = (0, 0.5, (100.0, 0.0), (1, 0.5, (50.0, 0.0), (0.0, 50.0)))
    other = (1, 0.5, (100.0, 0.0), (0, 0.5, (50.0, 0.0), (0.0, 50.0)))
    row = np.array([[1.0, 1.0]])
    # By hand: v() = 1/4, v(0) = v(1) = 1/2 and v(01) = 1, whichever is asked first.
    for nested in (both, other):
        assert shapley(built(nested, 2), row)[0] == pytest.approx([3 / 8, 3 / 8], abs=1e-15)


def test_a_feature_that_is_asked_twice_on_a_way_counts_once():
    nested = (0, 5.0, (0, 2.0, (10.0, 0.0), (1, 0.0, (5.0, 5.0), (1.0, 9.0))), (2.0, 8.0))
    trees = built(nested, 2)
    for x in ([1.0, 0.0], [3.0, -1.0], [3.0, 1.0], [9.0, 1.0], [np.nan, np.nan]):
        parts = shapley(trees, np.array([x]))[0]
        assert parts == pytest.approx(NaiveTree(trees).shapley(x), abs=1e-14)


def test_a_way_without_weight_divides_nothing_by_zero():
    empty = (0, 0.0, (0.0, 0.0), (1, 0.0, (0.0, 0.0), (0.0, 0.0)))
    trees = built((0, 5.0, (1, 0.0, (3.0, 1.0), empty), (2.0, 8.0)), 2)
    for x in ([-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [9.0, 1.0]):
        parts = shapley(trees, np.array([x]))[0]
        assert parts == pytest.approx(NaiveTree(trees).shapley(x), abs=1e-14)


def test_a_tree_without_a_branch_changes_nothing():
    assert not shapley(built((9.0, 1.0), 2), np.ones((3, 2))).any()


@seeds(6)
def test_values_are_those_of_every_set_of_features(streams, seed):
    model, X = grown(streams, seed)
    oracle = NaiveTree(model._trees)
    parts = shapley(model._trees, X[:8])
    assert not streams.compiled or model.n_nodes > 20
    for x, found in zip(X[:8].tolist(), parts, strict=True):
        assert found == pytest.approx(oracle.shapley(x), abs=1e-13)


@seeds(3)
def test_values_and_what_is_expected_of_any_row_are_the_leafs_share(streams, seed):
    model, X = grown(streams, seed, width=40, n=4000)
    scores = model.predict_proba_many(X)
    expected = float(NaiveTree(model._trees).expected(X[0].tolist(), set()))
    parts = shapley(model._trees, X)
    assert np.abs(expected + parts.sum(axis=1) - scores).max() < 1e-12


def test_values_of_rows_do_not_depend_on_their_neighbours(streams):
    model, X = grown(streams, 5)
    together = shapley(model._trees, X[:20])
    alone = np.concatenate([shapley(model._trees, X[i : i + 1]) for i in range(20)])
    assert np.array_equal(together, alone)


def test_a_forests_values_are_the_votes_mean_of_its_trees(streams):
    X, y = streams.examples(7, 1500 if streams.compiled else 150, 5, 0.3)
    forest = DenseForest(5, n_models=3, max_features=None, **EAGER)
    forest.learn_many(X, y)
    hits = forest._forest.hits
    votes = hits[:, 0] / hits[:, 1]
    mean = sum(
        vote / votes.sum() * np.array(NaiveTree(forest._trees, root).shapley(X[0].tolist()))
        for vote, root in zip(votes, forest._forest.roots.tolist(), strict=True)
    )
    _, parts = forest.contributions_many(X[:1])
    # In log-odds they are the same but for one factor.
    assert parts[0] / np.abs(parts[0]).max() == pytest.approx(mean / np.abs(mean).max(), abs=1e-9)


def test_the_widest_way_and_the_deepest_leaf_are_found():
    nested = (0, 5.0, (0, 2.0, (10.0, 0.0), (1, 0.0, (5.0, 5.0), (1.0, 9.0))), (2.0, 8.0))
    asked = np.zeros(2, np.int32)
    assert extent(built(nested, 2), 0, asked) == (3, 2)
    assert not asked.any()
    assert extent(built((1.0, 1.0), 2), 0, asked) == (0, 0)


@pytest.mark.parametrize("distinct", [1, 2, 7, 8, 30])
def test_quadrature_is_exact_for_as_many_features_as_it_is_asked_for(distinct):
    points, weights = quadrature(distinct)
    for degree in range(distinct):
        assert (weights * points**degree).sum() == pytest.approx(1 / (degree + 1), rel=1e-13)


def test_values_are_those_of_the_shap_library(streams):
    import shap

    model, X = grown(streams, 3)
    trees = model._trees
    nodes = np.arange(int(trees.counts[0]))
    is_leaf = trees.links[nodes, FEATURE] == NIL
    total = trees.weights[nodes].sum(axis=1)
    cover = np.where(is_leaf, total, trees.under[nodes].sum(axis=1))
    left = np.where(is_leaf, -1, trees.links[nodes, LEFT])
    tree = {
        "children_left": left,
        "children_right": np.where(is_leaf, -1, left + 1),
        "children_default": np.where(
            is_leaf, -1, left + (trees.under[nodes, 0] < trees.under[nodes, 1])
        ),
        "features": np.where(is_leaf, -2, trees.links[nodes, FEATURE]),
        "thresholds": trees.threshold[nodes],
        "values": np.where(total > 0, trees.weights[nodes, 1] / np.maximum(total, 1e-300), 0)[
            :, None
        ],
        "node_sample_weight": cover,
    }
    explainer = shap.TreeExplainer({"trees": [tree]}, feature_perturbation="tree_path_dependent")
    rows = X[~np.isnan(X).any(axis=1)][:50]
    assert explainer.shap_values(rows) == pytest.approx(shapley(trees, rows), abs=1e-9)
