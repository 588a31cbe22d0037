"""The additive model as River's classifier: River's own checks, dictionaries and frames."""

import numpy as np
import pytest
from checks.estimator_checks import (
    assert_frames_equal_dictionaries,
    assert_pickled_goes_on_alike,
    in_every_library,
)
from checks.river_checks import assert_passes, every_check
from river import compose
from seeds import seeds

from models.additive.additive import AdditiveLogistic
from models.additive.estimators import AdditiveLogisticRegression

CHECKED = {
    "default": AdditiveLogisticRegression(),
    "fast": AdditiveLogisticRegression(lr=0.5),
}


@pytest.mark.parametrize(("model", "check"), every_check(CHECKED))
def test_rivers_own_checks(model, check):
    assert_passes(model, check)


def examples(seed, n=120):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        y = bool(rng.random() < 0.3)
        names = rng.permutation(5)[: rng.integers(0, 6)]
        yield {f"f{j}": float(rng.normal() + y) for j in names}, y, float(rng.integers(3))


@seeds(2)
def test_a_dictionary_is_a_row_and_what_is_not_there_a_nan(seed):
    model, dense = AdditiveLogisticRegression(0.1), AdditiveLogistic(5, 0.1)
    model.learn_one({f"f{j}": 0.0 for j in range(5)}, False)
    dense.learn_many(np.zeros((1, 5)), np.array([False]))
    for x, y, w in examples(seed):
        row = np.array([[x.get(f"f{j}", np.nan) for j in range(5)]])
        p = dense.predict_proba_many(row)[0]
        assert model.predict_proba_one({**x, "never learned": 9.0}) == {False: 1 - p, True: p}
        model.learn_one(x, y, w=w)
        dense.learn_many(row, np.array([y]), np.array([w]))
    assert model.intercept == dense.intercept
    assert model.n_learned == 121


@in_every_library
def test_frames_equal_dictionaries(frame, series):
    one, many = AdditiveLogisticRegression(), AdditiveLogisticRegression()
    assert_frames_equal_dictionaries(one, many, frame, series)


def test_a_pickled_model_goes_on_alike():
    assert_pickled_goes_on_alike(AdditiveLogisticRegression(), examples(1, 60), examples(2, 60))


def test_a_clone_has_the_rate_and_nothing_learned():
    model = AdditiveLogisticRegression(lr=0.2)
    model.learn_one({"a": 1.0}, True)
    clone = model.clone()
    assert (clone.lr, clone.n_learned, clone.intercept) == (0.2, 0, 0.0)
    assert clone.predict_proba_one({"a": 1.0}) == {False: 0.5, True: 0.5}


def test_it_ends_a_pipeline():
    model = compose.Select("a") | AdditiveLogisticRegression()
    for _ in range(50):
        model.learn_one({"a": 1.0, "b": 1.0}, True)
        model.learn_one({"a": 5.0, "b": 1.0}, False)
    assert model.predict_one({"a": 1.0})
    assert not model.predict_one({"a": 5.0})
