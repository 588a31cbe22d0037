"""River's own checks, and River's own scores through dictionaries and frames."""

import os
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from checks.river_checks import assert_passes, every_check
from river import drift, forest, metrics, tree
from river.tree.splitter import ExhaustiveSplitter, GaussianSplitter
from seeds import seeds

from models.trees.estimators import ARFClassifier, HoeffdingTreeClassifier

MODELS = {
    "tree": HoeffdingTreeClassifier,
    "eager tree": lambda: HoeffdingTreeClassifier(grace_period=20, leaf_prediction="nba"),
    "forest": lambda: ARFClassifier(n_models=3, seed=1),
    "naive Bayes forest": lambda: ARFClassifier(
        n_models=2, leaf_prediction="nb", max_features=None, seed=2
    ),
}
QUIET = {"drift_detector": drift.NoDrift(), "warning_detector": drift.NoDrift()}


COMPILED = os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"

# A second tree, and a second kind of forest, would only be slow without a compiler.
CHECKED = (
    MODELS
    if COMPILED
    else {"tree": MODELS["eager tree"], "forest": lambda: ARFClassifier(n_models=1, seed=1)}
)


@pytest.mark.parametrize(
    ("model", "check"), every_check({name: build() for name, build in CHECKED.items()})
)
def test_rivers_own_checks(model, check):
    if not COMPILED and check.__name__ == "check_bounded_memory_growth":
        pytest.skip("too many events without a compiler")
    assert_passes(model, check)


@seeds(1)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            HoeffdingTreeClassifier(grace_period=30),
            tree.HoeffdingTreeClassifier(
                grace_period=30,
                leaf_prediction="mc",
                min_branch_fraction=1e-4,
                max_share_to_split=1.0,
            ),
        ),
        (
            ARFClassifier(4, seed=3),
            forest.ARFClassifier(
                4, seed=3, leaf_prediction="mc", min_branch_fraction=1e-4, max_share_to_split=1.0
            ),
        ),
        (
            ARFClassifier(4, seed=3, splitter=GaussianSplitter(4), **QUIET),
            forest.ARFClassifier(
                4,
                seed=3,
                splitter=GaussianSplitter(4),
                leaf_prediction="mc",
                min_branch_fraction=1e-4,
                max_share_to_split=1.0,
                **QUIET,
            ),
        ),
    ],
    ids=["tree", "forest", "forest without detectors"],
)
def test_scores_equal_river(streams, ours, theirs, seed):
    ours, theirs = ours.clone(), theirs.clone()
    names = ["m", "z", "a", "q", "b", "y"]
    X, y = streams.examples(seed, 600 if streams.compiled else 60)
    for x, label in zip(streams.dictionaries(X, names), y.tolist(), strict=True):
        assert ours.predict_proba_one(x)[True] == theirs.predict_proba_one(x).get(True, 0.0)
        ours.learn_one(x, label)
        theirs.learn_one(x, label)
    assert ours.n_nodes >= 1


@pytest.mark.parametrize("frames", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_a_frame_is_its_rows(streams, build, frames):
    names = ["m", "z", "a", "q", "b", "y"]
    X, y = streams.examples(3, 200 if streams.compiled else 40)
    one, many = build(), build()
    for x, label in zip(streams.dictionaries(X, names), y.tolist(), strict=True):
        one.learn_one(x, label)
    series = pd.Series if frames is pd.DataFrame else pl.Series
    frame = frames(dict(zip(names, X.T, strict=True)))
    many.learn_many(
        frame, series(y.tolist(), name="fraud") if series is pd.Series else series("fraud", y)
    )
    assert pickle.dumps(one._named.dense) == pickle.dumps(many._named.dense)
    p = many.predict_proba_many(frame)
    rows = [one.predict_proba_one(x) for x in streams.dictionaries(X, names)]
    columns = p.to_dict("list") if frames is pd.DataFrame else p.to_dict(as_series=False)
    expected = {c: [row[c] for row in rows] for c in (False, True)}
    assert {str(c): v for c, v in columns.items()} == {str(c): v for c, v in expected.items()}
    verdicts = many.predict_many(frame)
    assert verdicts.name == "fraud"
    assert verdicts.to_list() == [one.predict_one(x) for x in streams.dictionaries(X, names)]


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_features_come_and_go_in_any_order(streams, build):
    rng = np.random.default_rng(0)
    X, y = streams.examples(3, 150 if streams.compiled else 40, missing=0.3)
    names = ["m", "z", "a", "q", "b", "y"]
    plain, shuffled = build(), build()
    full = dict.fromkeys(names, 1.0)
    for model in (plain, shuffled):
        model.learn_one(full, True)
    for x, label in zip(streams.dictionaries(X, names), y.tolist(), strict=True):
        mixed = {name: x[name] for name in rng.permutation(list(x))}
        plain.learn_one(x, label)
        shuffled.learn_one(mixed, label)
        assert plain.predict_proba_one(x) == shuffled.predict_proba_one(mixed)
        assert plain.predict_proba_one({**x, "new": 5.0}) == plain.predict_proba_one(x)


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_a_pickled_model_goes_on(streams, build):
    X, y = streams.examples(3, 120 if streams.compiled else 40)
    rows = list(zip(streams.dictionaries(X), y.tolist(), strict=True))
    model = build()
    for x, label in rows[: len(rows) // 2]:
        model.learn_one(x, label)
    other = pickle.loads(pickle.dumps(model))
    for x, label in rows[len(rows) // 2 :]:
        assert model.predict_proba_one(x) == other.predict_proba_one(x)
        model.learn_one(x, label)
        other.learn_one(x, label)


def test_detectors_are_rivers_by_default_and_told_apart_by_tree(streams):
    n = 2000 if streams.compiled else 60
    X, y = streams.examples(1, n, fraud=0.4)
    X[n // 2 :] *= -1
    model = ARFClassifier(
        3, seed=1, warning_detector=drift.ADWIN(0.5), drift_detector=drift.ADWIN(0.4)
    )
    model.learn_many(pd.DataFrame(X), pd.Series(y))
    assert model.n_warnings_detected() == sum(model.n_warnings_detected(t) for t in range(3))
    assert model.n_drifts_detected() == sum(model.n_drifts_detected(t) for t in range(3))
    assert not streams.compiled or model.n_drifts_detected() > 0
    fresh = ARFClassifier(3)._named.dense.state().header
    assert (fresh["warning"], fresh["drift"]) == ({"delta": 0.01}, {"delta": 0.001})


def test_without_a_seed_every_forest_has_other_trees(streams):
    X, y = streams.examples(1, 40)
    models = [
        ARFClassifier(2),
        ARFClassifier(2),
        ARFClassifier(2, seed=5),
        ARFClassifier(2, seed=5),
    ]
    for model in models:
        model.learn_many(pd.DataFrame(X), pd.Series(y))
    words = [model._named.dense.state().arrays["words"].tolist() for model in models]
    assert words[0] != words[1]
    assert words[2] == words[3]


@pytest.mark.parametrize("build", [HoeffdingTreeClassifier, ARFClassifier])
@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"nominal_attributes": ["country"]}, r"nominal_attributes=\['country'\] has no compiled"),
        ({"splitter": ExhaustiveSplitter()}, "splitter=ExhaustiveSplitter has no compiled form"),
        ({"remove_poor_attrs": True}, "remove_poor_attrs=True has no compiled form"),
        ({"max_size": 5.0}, "max_size=5.0 has no compiled form: leave it at 100.0; .*nodes_max"),
        ({"memory_estimate_period": 10}, "memory_estimate_period=10 has no compiled form"),
        ({"stop_mem_management": True}, "stop_mem_management=True has no compiled form"),
        ({"delta": 0.0}, "delta is 0.0"),
    ],
)
def test_what_has_no_compiled_form_is_refused(build, wrong, text):
    with pytest.raises(ValueError, match=text):
        build(**wrong)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"metric": metrics.F1()}, "metric=F1 has no compiled form"),
        ({"drift_detector": drift.KSWIN()}, "drift_detector=KSWIN has no compiled form"),
        ({"warning_detector": drift.PageHinkley()}, "warning_detector=PageHinkley has no"),
    ],
)
def test_what_a_forest_has_no_compiled_form_of_is_refused(wrong, text):
    with pytest.raises(ValueError, match=text):
        ARFClassifier(**wrong)
