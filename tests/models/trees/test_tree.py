"""The tree against River's, driven by hand; and the laws of every dense model."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from checks.one_row import contributions
from river import tree as river_tree
from seeds import seeds

from models.dense.model import VALUE_MAX
from models.trees.rules import CRITERIA, PREDICTIONS
from models.trees.tree import DenseTree
from schemas.errors import SnapshotError

RIVERS = {
    "rivers own": {
        "min_branch_fraction": 0.01,
        "max_share_to_split": 0.99,
    },
    "eager": {
        "grace_period": 30,
        "delta": 0.01,
        "min_branch_fraction": 1e-4,
        "max_share_to_split": 1.0,
    },
    "shallow": {
        "grace_period": 20,
        "delta": 0.1,
        "max_depth": 3,
        "merit_preprune": False,
        "min_branch_fraction": 0.1,
        "max_share_to_split": 1.0,
    },
}
EAGER = {"grace_period": 20, "delta": 0.1}


def compare(streams, parameters, X, y, step=50):
    """Return the largest difference of scores, after every step."""
    ours, theirs = (
        DenseTree(X.shape[1], **parameters),
        river_tree.HoeffdingTreeClassifier(**parameters),
    )
    rows, labels, largest = streams.dictionaries(X), y.tolist(), 0.0
    for start in range(0, len(X), step):
        part = slice(start, start + step)
        expected = [theirs.predict_proba_one(x).get(True, 0.0) for x in rows[part]]
        scores = ours.predict_proba_many(X[part])
        largest = max(largest, np.abs(scores - expected).max())
        ours.learn_many(X[part], y[part])
        for x, label in zip(rows[part], labels[part], strict=True):
            theirs.learn_one(x, label)
    assert ours.n_nodes == theirs.n_nodes
    return largest, ours.n_nodes


@seeds(1)
@pytest.mark.parametrize("kind", RIVERS)
@pytest.mark.parametrize(
    ("prediction", "criterion"), list(itertools.product(PREDICTIONS, CRITERIA))
)
def test_scores_equal_river_to_the_last_bit(streams, kind, prediction, criterion, seed):
    X, y = streams.examples(seed, 3000 if streams.compiled else 250)
    parameters = {"leaf_prediction": prediction, "split_criterion": criterion, **RIVERS[kind]}
    largest, n_nodes = compare(streams, parameters, X, y)
    assert largest == 0.0
    assert n_nodes > 1 or kind == "rivers own" or not streams.compiled


@seeds(1)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_scores_equal_river_where_features_are_missing(streams, prediction, seed):
    X, y = streams.examples(seed, 3000 if streams.compiled else 250, missing=0.2)
    largest, _ = compare(streams, {"leaf_prediction": prediction, **RIVERS["eager"]}, X, y)
    # Naive Bayes adds up by column here, and in River in the order of first sight.
    assert largest <= (0.0 if prediction == "mc" else 1e-12)


@seeds(1)
def test_weights_are_rivers(streams, seed):
    X, y = streams.examples(seed, 1500 if streams.compiled else 150)
    w = np.random.default_rng(seed).choice([0.0, 0.5, 1.0, 3.0], len(X))
    ours = DenseTree(6, **RIVERS["eager"])
    theirs = river_tree.HoeffdingTreeClassifier(leaf_prediction="mc", **RIVERS["eager"])
    ours.learn_many(X, y, w)
    for x, label, weight in zip(streams.dictionaries(X), y.tolist(), w.tolist(), strict=True):
        if weight:
            theirs.learn_one(x, label, w=weight)
    expected = [theirs.predict_proba_one(x).get(True, 0.0) for x in streams.dictionaries(X)]
    assert ours.predict_proba_many(X).tolist() == expected


def test_before_it_learned_anything_the_probability_of_fraud_is_zero():
    assert DenseTree(3).predict_proba_many(np.zeros((2, 3))).tolist() == [0.0, 0.0]


@seeds(2)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_how_examples_are_cut_never_matters(streams, prediction, seed):
    X, y = streams.examples(seed, 600 if streams.compiled else 150, missing=0.1)
    whole, parts = (DenseTree(6, leaf_prediction=prediction, **EAGER) for _ in range(2))
    whole.learn_many(X, y)
    at = 0
    while at < len(X):
        size = int(np.random.default_rng(seed + at).integers(1, 40))
        parts.learn_many(X[at : at + size], y[at : at + size])
        at += size
    assert streams.same(whole.state(), parts.state())


@seeds(2)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_nothing_hostile_makes_it_anything_but_finite(streams, prediction, seed):
    n = 1500 if streams.compiled else 200
    X, y = streams.hostile(seed, n)
    model = DenseTree(6, leaf_prediction=prediction, min_branch_fraction=0.0, **EAGER)
    for start in range(0, n, 50):
        model.learn_many(X[start : start + 50], y[start : start + 50])
        scores = model.predict_proba_many(X)
        assert ((scores >= 0) & (scores <= 1)).all()
    for name, array in model.state().arrays.items():
        assert np.isfinite(array).all(), name
    assert np.abs(model.state().arrays["threshold"]).max(initial=0) <= VALUE_MAX
    tame, labels = streams.examples(seed, n)
    model.learn_many(tame, labels)
    assert np.isfinite(model.predict_proba_many(tame)).all()


def test_scoring_changes_nothing(streams):
    X, y = streams.examples(5, 200)
    model = DenseTree(6, leaf_prediction="nba", **EAGER)
    model.learn_many(X, y)
    before = model.state()
    model.predict_proba_many(X)
    contributions(model, X[0])
    assert streams.same(before, model.state())


@seeds(2)
def test_columns_added_later_are_as_if_they_had_been_missing(streams, seed):
    X, y = streams.examples(seed, 800 if streams.compiled else 160)
    half = len(X) // 2
    X[:half, 4:] = np.nan
    narrow, wide = DenseTree(4, **EAGER), DenseTree(6, **EAGER)
    narrow.learn_many(X[:half, :4], y[:half])
    narrow.widen(6)
    wide.learn_many(X[:half], y[:half])
    for model in (narrow, wide):
        model.learn_many(X[half:], y[half:])
    assert streams.same(narrow.state(), wide.state())
    assert narrow.width == 6


def test_a_branch_has_the_weight_of_all_that_went_through_it(streams):
    X, y = streams.examples(3, 500)
    model = DenseTree(6, grace_period=20, delta=0.1)
    model.learn_many(X, y)
    state = model.state()
    assert state.arrays["feature"][0] >= 0
    assert state.arrays["weights"][0].tolist() == [(~y).sum(), y.sum()]


def test_it_begins_without_columns_if_need_be(streams):
    X, y = streams.examples(3, 100)
    model, same = DenseTree(0, **EAGER), DenseTree(6, **EAGER)
    assert model.predict_proba_many(np.zeros((2, 0))).tolist() == [0.0, 0.0]
    model.widen(6)
    model.learn_many(X, y)
    same.learn_many(X, y)
    assert streams.same(model.state(), same.state())


@seeds(2)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("way", ["restore", "pickle", "copy"])
def test_a_state_goes_on_to_the_last_bit(streams, prediction, way, seed):
    X, y = streams.examples(seed, 900 if streams.compiled else 150, missing=0.1)
    half = len(X) // 2
    model = DenseTree(6, leaf_prediction=prediction, **EAGER)
    model.learn_many(X[:half], y[:half])
    if way == "restore":
        other = DenseTree(6, leaf_prediction=prediction, **EAGER)
        other.restore(model.state())
    else:
        other = copy.deepcopy(model) if way == "copy" else pickle.loads(pickle.dumps(model))
    assert streams.same(model.state(), other.state())
    for each in (model, other):
        each.learn_many(X[half:], y[half:])
    assert streams.same(model.state(), other.state())
    np.testing.assert_array_equal(model.predict_proba_many(X), other.predict_proba_many(X))


def test_a_tree_of_other_parameters_takes_no_state():
    state = DenseTree(3).state()
    for other in (DenseTree(4), DenseTree(3, tau=0.1), DenseTree(3, nodes_max=9)):
        with pytest.raises(SnapshotError, match=r"width|tau|nodes_max"):
            other.restore(state)


def test_a_tree_at_its_bound_goes_on_learning(streams):
    X, y = streams.examples(1, 1000 if streams.compiled else 200)
    model = DenseTree(6, nodes_max=5, tau=0.5, **EAGER)
    model.learn_many(X, y)
    assert model.n_nodes <= 5
    assert model.splits_refused > 0
    before = model.state().arrays["weights"].sum()
    model.learn_many(X, y)
    assert model.state().arrays["weights"].sum() > before


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"grace_period": 0}, "grace_period is 0: give 1 or more"),
        ({"max_depth": -1}, "max_depth is -1"),
        ({"split_criterion": "entropy"}, "split_criterion is 'entropy': give one of 'info_gain'"),
        ({"delta": 0.0}, "delta is 0.0"),
        ({"delta": 2}, "delta is 2"),
        ({"tau": -0.1}, "tau is -0.1"),
        ({"tau": float("nan")}, "tau is nan"),
        ({"leaf_prediction": "MC"}, "leaf_prediction is 'MC': give one of 'mc', 'nb', 'nba'"),
        ({"nb_threshold": -1}, "nb_threshold is -1"),
        ({"n_splits": 0}, "n_splits is 0"),
        ({"min_branch_fraction": 0.5}, "min_branch_fraction is 0.5"),
        ({"max_share_to_split": 1.5}, "max_share_to_split is 1.5"),
        ({"nodes_max": 0}, "nodes_max is 0"),
        ({"width": -1}, "width is -1"),
    ],
)
def test_a_wrong_parameter_is_named(wrong, text):
    with pytest.raises(ValueError, match=text):
        DenseTree(**{"width": 3, **wrong})


def test_what_does_not_fit_is_refused():
    model = DenseTree(3)
    X, y = np.zeros((4, 3)), np.zeros(4, bool)
    with pytest.raises(ValueError, match=r"X has shape \(4, 2\), the model 3 columns"):
        model.predict_proba_many(X[:, :2])
    with pytest.raises(ValueError, match=r"y has shape \(3,\), X 4 rows"):
        model.learn_many(X, y[:3])
    with pytest.raises(ValueError, match=r"w has shape \(1,\), X 4 rows"):
        model.learn_many(X, y, np.ones(1))
    for wrong in (-1.0, np.nan, np.inf, 1e-300):
        with pytest.raises(ValueError, match="weights from"):
            model.learn_many(X, y, np.array([1.0, wrong, 1.0, 1.0]))
    with pytest.raises(ValueError, match="width is 2: give 3 to"):
        model.widen(2)
    assert not model.state().arrays["weights"].any()
