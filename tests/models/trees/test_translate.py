"""From River's objects to compiled ones: the same parameters, or a refusal by name."""

import pytest
from river import drift, forest, linear_model, metrics, tree
from river.tree.splitter import ExhaustiveSplitter, GaussianSplitter

from models.drift.estimators import ADWIN
from models.trees.estimators import ARFClassifier, HoeffdingTreeClassifier
from models.trees.forest import DenseForest
from models.trees.translate import dense_of
from models.trees.tree import DenseTree
from schemas.errors import ModelError


def test_a_tree_keeps_rivers_parameters():
    dense = dense_of(tree.HoeffdingTreeClassifier(delta=1e-5, splitter=GaussianSplitter(7)), 4)
    assert isinstance(dense, DenseTree)
    header = dense.state().header
    assert header["width"] == 4
    assert (header["grace_period"], header["delta"], header["n_splits"]) == (200, 1e-5, 7)
    assert (header["leaf_prediction"], header["max_share_to_split"]) == ("nba", 0.99)


def test_a_forest_keeps_rivers_parameters():
    model = forest.ARFClassifier(
        3,
        max_features=None,
        seed=5,
        warning_detector=drift.NoDrift(),
        drift_detector=drift.ADWIN(0.3),
    )
    dense = dense_of(model, 3, ["b", "c", "a"])
    assert isinstance(dense, DenseForest)
    state = dense.state()
    assert (state.header["n_models"], state.header["seed"]) == (3, 5)
    assert state.header["warning"] is None
    assert state.header["drift"]["delta"] == 0.3
    assert state.arrays["by_name"].tolist() == [2, 0, 1]
    assert len(model) == 0


def test_this_packages_own_estimators_are_translated_too():
    dense = dense_of(HoeffdingTreeClassifier(nodes_max=99), 2)
    assert dense.state().header["nodes_max"] == 99
    dense = dense_of(ARFClassifier(seed=3, drift_detector=ADWIN(0.2), nodes_max=100), 2)
    assert (dense.state().header["nodes_max"], dense.state().header["drift"]["delta"]) == (100, 0.2)


def learned(model):
    model.learn_one({"a": 1.0}, True)
    return model


def scored(model):
    model.predict_proba_one({"a": 1.0})
    return model


class Subclass(tree.HoeffdingTreeClassifier):
    """May do anything."""


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (linear_model.LogisticRegression(), "LogisticRegression has no compiled form"),
        (tree.ExtremelyFastDecisionTreeClassifier(), "Classifier has no compiled form"),
        (Subclass(), "Subclass has no compiled form"),
        (forest.ARFClassifier(), "seed is None"),
        (ARFClassifier(), "seed is None"),
        (learned(tree.HoeffdingTreeClassifier()), "already learned"),
        (learned(HoeffdingTreeClassifier()), "already learned"),
        (learned(forest.ARFClassifier(seed=1)), "already learned"),
        (scored(forest.ARFClassifier(seed=1)), "already learned or scored"),
        (learned(ARFClassifier(seed=1)), "already learned"),
        (forest.ARFClassifier(seed=1, metric=metrics.F1()), "ARFClassifier: metric=F1"),
        (forest.ARFClassifier(seed=1, drift_detector=drift.KSWIN()), "drift_detector=KSWIN"),
        (forest.ARFClassifier(seed=1, max_size=2), "max_size=2"),
        (tree.HoeffdingTreeClassifier(nominal_attributes=["a"]), "nominal_attributes"),
        (tree.HoeffdingTreeClassifier(splitter=ExhaustiveSplitter()), "ExhaustiveSplitter"),
        (tree.HoeffdingTreeClassifier(remove_poor_attrs=True), "remove_poor_attrs"),
        (tree.HoeffdingTreeClassifier(stop_mem_management=True), "stop_mem_management"),
        (tree.HoeffdingTreeClassifier(grace_period=0), "HoeffdingTreeClassifier: grace_period"),
    ],
    ids=str,
)
def test_a_refusal_names_what_it_is_about(model, text):
    with pytest.raises(ModelError, match=text):
        dense_of(model, 3)


def test_names_must_be_as_many_as_columns():
    with pytest.raises(ModelError, match="2 different names for 3 columns"):
        dense_of(forest.ARFClassifier(seed=1), 3, ["a", "b", "a"])
