"""Row after row against plain Python, to twelve digits."""

import naive_additive as naive
import numba
import numpy as np
import pytest
from checks.one_row import contributions
from naive_additive import NaiveAdditive
from seeds import seeds

from models.additive import rows
from models.additive.additive import AdditiveLogistic
from models.additive.rows import USUAL_OVER

WIDTH = 6
N = 120 if numba.config.DISABLE_JIT else 400


def ordinary(rng, n):
    y = rng.random(n) < 0.2
    X = rng.lognormal(0, 1.5, (n, WIDTH)) * 10.0 ** np.arange(-2, 4) + y[:, np.newaxis]
    X[:, 1] = np.round(X[:, 1])
    X[:, 2] *= rng.choice([-1, 1], n)
    X[rng.random(X.shape) < 0.15] = np.nan
    return X, y


def assert_equal(model, oracle, X):
    found = model.predict_proba_many(X)
    np.testing.assert_allclose(found, [oracle.score(x) for x in X.tolist()], rtol=0, atol=1e-12)
    for x in X:
        base, parts = contributions(model, x)
        plain_base, plain_parts = oracle.contributions(x.tolist())
        assert base == pytest.approx(plain_base, abs=1e-12)
        np.testing.assert_allclose(parts, plain_parts, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lr", [0.05, 0.5])
@pytest.mark.parametrize("kind", ["ordinary", "hostile"])
@seeds(3)
def test_it_equals_plain_python(seed, kind, lr, hostile_rows):
    rng = np.random.default_rng(seed)
    X, y = ordinary(rng, N)
    if kind == "hostile":
        X = hostile_rows(rng, N, WIDTH)
    w = rng.choice((0.0, 0.5, 1.0, 3.0), N)
    model, oracle = AdditiveLogistic(WIDTH, lr), NaiveAdditive(lr)
    for start in range(0, N, 40):
        part = slice(start, start + 40)
        assert_equal(model, oracle, X[part])
        model.learn_many(X[part], y[part], w[part])
        for x, is_fraud, weight in zip(X[part].tolist(), y[part].tolist(), w[part], strict=True):
            oracle.learn(x, is_fraud, weight)
    assert model.intercept == pytest.approx(oracle.weights["intercept"], abs=1e-12)
    assert_equal(model, oracle, X)


def test_what_was_usual_long_ago_is_forgotten():
    assert rows.USUAL_OVER == naive.USUAL_OVER
    X, no = np.ones((4000, 1)), np.zeros(4000, np.bool_)
    model, oracle = AdditiveLogistic(1), NaiveAdditive()
    # Weights reach the bound sooner than rows do.
    w = np.full(4000, 5.0)
    model.learn_many(X, no, w)
    for weight in w.tolist():
        oracle.learn([1.0], False, weight)
    assert model.state().header["genuine"] == USUAL_OVER
    assert_equal(model, oracle, X[:1])


def test_a_row_without_weight_teaches_nothing():
    rng = np.random.default_rng(1)
    X, y = ordinary(rng, 60)
    w = rng.choice((0.0, 1.0), 60)
    some, all_of_them = AdditiveLogistic(WIDTH), AdditiveLogistic(WIDTH)
    some.learn_many(X[w > 0], y[w > 0])
    all_of_them.learn_many(X, y, w)
    assert some.predict_proba_many(X).tolist() == all_of_them.predict_proba_many(X).tolist()
