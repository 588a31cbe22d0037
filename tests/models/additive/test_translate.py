"""The additive estimator is compiled like River's, or refused by what is wrong with it."""

import numpy as np
import pytest
from river import linear_model, preprocessing

import models
from models.additive.additive import WIDTH_MAX, AdditiveLogistic
from models.additive.estimators import AdditiveLogisticRegression
from models.additive.translate import dense_of
from schemas.errors import ModelError, TrainedModelError


class Other(AdditiveLogisticRegression):
    """A subclass, which may do anything."""


def learned(model):
    model.learn_one({}, True)
    return model


def test_the_rate_is_translated():
    dense = dense_of(AdditiveLogisticRegression(lr=0.3), 5, tuple("abcde"))
    assert isinstance(dense, AdditiveLogistic)
    assert (dense.width, dense.lr) == (5, 0.3)


@pytest.mark.parametrize(
    ("model", "width", "error", "text"),
    [
        (linear_model.LogisticRegression(), 3, ModelError, "LogisticRegression has no compiled"),
        (Other(), 3, ModelError, "Other has no compiled form"),
        (AdditiveLogisticRegression(), WIDTH_MAX + 1, ModelError, "Regression: width is 10001"),
        (learned(AdditiveLogisticRegression()), 3, TrainedModelError, "learned 1 rows"),
    ],
)
def test_what_cannot_be_is_refused_by_name(model, width, error, text):
    with pytest.raises(error, match=text):
        dense_of(model, width)


def test_it_is_compiled_alone_and_behind_a_scaler():
    rng = np.random.default_rng(1)
    y = rng.random(500) < 0.3
    X = rng.normal(size=(500, 2)) + 2 * y[:, np.newaxis]
    for model in (
        AdditiveLogisticRegression(),
        preprocessing.StandardScaler() | AdditiveLogisticRegression(),
    ):
        learner = models.compile(model, ("a", "b"))
        river = model.clone()
        assert isinstance(learner.model, AdditiveLogistic)
        learner.learn_many(X, y)
        rows = [dict(zip("ab", x, strict=True)) for x in X.tolist()]
        for x, label in zip(rows, y.tolist(), strict=True):
            river.learn_one(x, label)
        expected = [river.predict_proba_one(x)[True] for x in rows[:50]]
        assert learner.predict_proba_many(X[:50]).tolist() == expected
