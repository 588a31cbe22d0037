"""The parts that every rule's loop is made of."""

import math

import numpy as np
import pytest
from river import optim
from seeds import seeds

from models.linear.rows import buffer, log_loss_slope, predict_rows, probability, product_sum
from schemas.jit import kernel


@kernel
def sums(weights, X):
    found = np.empty(len(X))
    products = buffer(X.shape[1])
    for i in range(len(X)):
        found[i] = product_sum(weights, X, i, products)
    return found


@seeds(2)
@pytest.mark.parametrize("width", [0, 1, 7, 8, 9, 16, 30])
def test_the_sum_is_the_exact_one_up_to_rounding(seed, width):
    rng = np.random.default_rng(seed)
    X, weights = rng.normal(size=(20, width)), rng.normal(size=width)
    X[rng.random(X.shape) < 0.2] = np.nan
    for x, found in zip(X, sums(weights, X), strict=True):
        exact = math.fsum(np.nan_to_num(weights * x))
        assert found == pytest.approx(exact, rel=1e-12, abs=1e-13)


@seeds(2)
def test_columns_that_are_not_known_change_no_bit(seed):
    rng = np.random.default_rng(seed)
    X, weights = rng.normal(size=(20, 33)), rng.normal(size=33)
    X[:, 13:] = np.nan
    assert sums(weights, X).tobytes() == sums(weights[:13].copy(), X[:, :13].copy()).tobytes()


def test_a_row_is_summed_alike_whatever_rows_came_before():
    rng = np.random.default_rng(1)
    X, weights = rng.normal(size=(9, 11)), rng.normal(size=11)
    alone = [sums(weights, x[np.newaxis])[0] for x in X]
    assert sums(weights, X).tolist() == alone


LOG_ODDS = [-1e30, -31.0, -30.0, -18.1, -18.0, -1.0, -0.0, 0.3, 18.0, 18.1, 29.9, 31.0, 1e30]


@pytest.mark.parametrize("log_odds", LOG_ODDS)
def test_probability_and_slope_equal_river(log_odds):
    loss = optim.losses.Log(weight_pos=3.0, weight_neg=0.5)
    assert probability(log_odds) == loss.mean_func(log_odds)
    assert log_loss_slope(log_odds, 1.0, 3.0) == loss.gradient(True, log_odds)
    assert log_loss_slope(log_odds, -1.0, 0.5) == loss.gradient(False, log_odds)


def test_a_score_is_the_probability_of_intercept_and_products():
    X = np.array([[1.0, np.nan], [2.0, 1e308], [np.nan, np.nan]])
    scores = predict_rows(np.array([0.5, -1e-12]), np.array([0.25, 0.0, 0.0]), X)
    expected = [1 / (1 + math.exp(-z)) for z in (0.75, 0.25, 0.25)]
    assert scores.tolist() == pytest.approx(expected, rel=1e-12)
