"""The cumulative l1 penalty."""

import numpy as np
import pytest
from seeds import seeds

from models.linear.penalty import settle, towards_zero
from schemas.jit import kernel


@kernel
def run(weights, paid, due, X):
    owed = 0.0
    for i in range(len(X)):
        owed = settle(weights, paid, owed, due, X, i)
    return owed


@pytest.mark.parametrize(
    ("weight", "owed", "paid", "expected"),
    [
        (0.5, 0.2, 0.0, 0.3),
        (0.5, 0.2, -0.2, 0.5),
        (0.1, 0.2, 0.0, 0.0),
        (-0.5, 0.2, 0.0, -0.3),
        (-0.5, 0.2, 0.2, -0.5),
        (-0.1, 0.2, 0.0, 0.0),
        (0.0, 0.2, 0.0, 0.0),
    ],
)
def test_a_weight_pays_what_it_owes_and_never_crosses_zero(weight, owed, paid, expected):
    assert towards_zero(weight, owed, paid) == pytest.approx(expected, abs=1e-15)


@seeds(1)
def test_a_feature_that_comes_rarely_pays_all_at_once(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 2))
    X[:-1, 1] = np.nan
    weights, paid = np.array([3.0, 3.0]), np.zeros(2)
    assert run(weights, paid, 0.01, X) == pytest.approx(0.2)
    assert weights == pytest.approx([2.8, 2.8])
    assert paid == pytest.approx([-0.2, -0.2])


def test_nothing_due_moves_nothing():
    weights, paid = np.array([3.0, -3.0]), np.zeros(2)
    assert run(weights, paid, 0.0, np.ones((5, 2))) == 0.0
    assert weights.tolist() == [3.0, -3.0]
    assert paid.tolist() == [0.0, 0.0]
