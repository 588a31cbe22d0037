"""The logistic regression as River's classifier: River's own checks, and River's own numbers."""

import numpy as np
import pandas as pd
import pytest
from checks.estimator_checks import (
    assert_frames_equal_dictionaries,
    assert_pickled_goes_on_alike,
    in_every_library,
)
from checks.river_checks import assert_passes, every_check
from river import linear_model, optim, preprocessing
from seeds import seeds

from models.linear.estimators import LogisticRegression
from models.scale.estimators import StandardScaler

PARAMETERS = {
    "default": dict,
    "l2": lambda: {"optimizer": optim.SGD(0.1), "l2": 0.01},
    "l1": lambda: {"optimizer": optim.SGD(0.1), "l1": 0.01},
    "adam": lambda: {"optimizer": optim.Adam(0.01), "loss": optim.losses.Log(weight_pos=5)},
    "ada_grad": lambda: {"optimizer": optim.AdaGrad(), "intercept_lr": 0.1},
    "ftrl": lambda: {"optimizer": optim.FTRLProximal(), "intercept_init": -1.0},
}
CHECKED = {name: LogisticRegression(**PARAMETERS[name]()) for name in ("default", "adam")}


@pytest.fixture(params=PARAMETERS.values(), ids=PARAMETERS)
def given(request):
    return request.param


@pytest.mark.parametrize(("model", "check"), every_check(CHECKED))
def test_rivers_own_checks(model, check):
    assert_passes(model, check)


def examples(seed, n=200):
    rng = np.random.default_rng(seed)
    for i in range(n):
        names = rng.permutation(5 if i > 50 else 3)[: rng.integers(0, 6)]
        y = bool(rng.random() < 0.3)
        yield {f"f{j}": float(rng.normal() + y) for j in names}, y, float(rng.integers(3))


@seeds(2)
def test_dictionaries_equal_river(given, seed):
    ours, river = LogisticRegression(**given()), linear_model.LogisticRegression(**given())
    for x, y, w in examples(seed):
        found = ours.predict_proba_one(x)
        assert list(found) == [False, True]
        assert found == pytest.approx(river.predict_proba_one(x), abs=1e-9)
        ours.learn_one(x, y, w=w)
        river.learn_one(x, y, w=w)
    expected = {name: river.weights.get(name, 0.0) for name in ours.weights}
    assert set(river.weights) <= set(ours.weights)
    assert ours.weights == pytest.approx(expected, abs=1e-9)
    assert ours.intercept == pytest.approx(river.intercept, abs=1e-9)


@seeds(1)
def test_a_pipeline_equals_rivers(given, seed):
    ours = StandardScaler() | LogisticRegression(**given())
    river = preprocessing.StandardScaler() | linear_model.LogisticRegression(**given())
    for x, y, w in examples(seed):
        assert ours.predict_proba_one(x) == pytest.approx(river.predict_proba_one(x), abs=1e-9)
        assert ours.predict_one(x) == river.predict_one(x)
        ours.learn_one(x, y, w=w)
        river.learn_one(x, y, w=w)


@in_every_library
def test_frames_equal_dictionaries(given, frame, series):
    one, many = LogisticRegression(**given()), LogisticRegression(**given())
    assert_frames_equal_dictionaries(one, many, frame, series)


def test_frames_keep_their_index_and_the_labels_name():
    model = LogisticRegression()
    X = pd.DataFrame({"a": [1.0, 2.0]}, index=[7, 9])
    model.learn_many(X, pd.Series([True, False], index=[7, 9], name="fraud"))
    assert list(model.predict_proba_many(X).index) == [7, 9]
    assert list(model.predict_proba_many(X).columns) == [False, True]
    assert model.predict_many(X).name == "fraud"
    assert list(model.predict_many(X).index) == [7, 9]


def test_what_is_not_there_leaves_its_weight_alone(given):
    model, other = LogisticRegression(**given()), LogisticRegression(**given())
    for i in range(10):
        x, y = {"a": i / 10, "b": 1.0 - i}, i % 2 == 0
        model.learn_one({**x, "c": None, "d": float("nan")}, y)
        other.learn_one(x, y)
    assert model.weights == {**other.weights, "c": 0.0, "d": 0.0}


def test_a_pickled_model_goes_on_alike(given):
    model = LogisticRegression(**given())
    assert_pickled_goes_on_alike(model, examples(1, 60), examples(2, 60))


# Built anew for each model: River's optimizers remember.
CHANGES = [
    lambda: {"l2": 0.5, "clip_gradient": 0.3},
    lambda: {"optimizer": {"lr": optim.schedulers.Constant(0.5)}},
    lambda: {"optimizer": optim.Adam(0.2)},
    lambda: {"loss": optim.losses.Log(9.0), "intercept_lr": optim.schedulers.Constant(0.5)},
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("optimizer", [optim.SGD, optim.AdaGrad, optim.Adam])
def test_parameters_are_changed_on_the_way_as_rivers_are(optimizer, change):
    ours = LogisticRegression(optimizer(0.1))
    river = linear_model.LogisticRegression(optimizer(0.1))
    for i, (x, y, w) in enumerate(examples(3, 80)):
        if i == 40:
            ours.mutate(change())
            river.mutate(change())
        ours.learn_one(x, y, w)
        river.learn_one(x, y, w)
        assert ours.predict_proba_one(x) == pytest.approx(river.predict_proba_one(x), abs=1e-9)


@pytest.mark.parametrize("change", [{"l2": -1.0}, {"loss": optim.losses.Hinge()}, {"seed": 1}])
def test_a_change_that_cannot_be_is_refused_whole(change):
    model = LogisticRegression()
    with pytest.raises(ValueError, match=r"l2|loss|seed"):
        model.mutate({"clip_gradient": 0.5, **change})
    assert model.l2 == 0.0
    assert model.clip_gradient == 1e12
    assert isinstance(model.loss, optim.losses.Log)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"optimizer": optim.Momentum()}, "optimizer=Momentum has no compiled form"),
        ({"loss": optim.losses.Hinge()}, "loss=Hinge has no compiled form"),
        ({"initializer": optim.initializers.Normal()}, "initializer=Normal"),
        ({"intercept_lr": "fast"}, "intercept_lr is 'fast'"),
        ({"l1": 0.1, "l2": 0.1}, "only one of them"),
    ],
)
def test_what_has_no_compiled_form_is_refused(parameters, text):
    with pytest.raises(ValueError, match=text):
        LogisticRegression(**parameters)


def test_a_text_is_refused_by_name():
    with pytest.raises(TypeError, match="feature 'a' is '4'"):
        LogisticRegression().learn_one({"a": "4"}, True)
