"""Each rule against the formulas of its paper, one feature at a time."""

import math

import numpy as np
import pytest
from seeds import seeds

from models.linear.steps import (
    WEIGHT_MAX,
    bounded,
    step_ada_grad,
    step_adam,
    step_ftrl,
    step_sgd,
    unbiased,
)
from schemas.jit import kernel

L2 = 0.03


@kernel
def run_sgd(weights, X, slopes):
    for i in range(len(X)):
        step_sgd(weights, 0.1, L2, X, i, slopes[i])


@kernel
def run_ada_grad(weights, second, X, slopes):
    for i in range(len(X)):
        step_ada_grad(weights, second, 0.1, 1e-8, L2, X, i, slopes[i])


@kernel
def run_adam(weights, first, second, X, slopes):
    for i in range(len(X)):
        rate = unbiased(0.1, (0.9, 0.999), i + 1.0)
        step_adam(weights, first, second, rate, (0.9, 0.999), 1e-8, L2, X, i, slopes[i])


@kernel
def run_ftrl(weights, first, second, X, slopes):
    for i in range(len(X)):
        step_ftrl(weights, first, second, (0.1, 1.0, 0.4, 0.7), L2, X, i, slopes[i])


def examples(seed, n=80, width=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[3] = np.nan
    return X, rng.normal(size=n), [np.zeros(width) for _ in range(3)]


def known(X, slopes, j):
    """The steps of one feature: number of the row, value, slope."""
    for i, (value, slope) in enumerate(zip(X[:, j].tolist(), slopes.tolist(), strict=True)):
        if not math.isnan(value):
            yield i, value, slope


@seeds(2)
def test_sgd(seed):
    X, slopes, (weights, _, _) = examples(seed)
    run_sgd(weights, X, slopes)
    for j in range(5):
        weight = 0.0
        for _, value, slope in known(X, slopes, j):
            weight -= 0.1 * (value * slope + L2 * weight)
        assert weights[j] == weight


@seeds(2)
def test_ada_grad(seed):
    X, slopes, (weights, _, second) = examples(seed)
    run_ada_grad(weights, second, X, slopes)
    for j in range(5):
        weight = squares = 0.0
        for _, value, slope in known(X, slopes, j):
            gradient = value * slope + L2 * weight
            squares += gradient**2
            weight -= 0.1 / math.sqrt(squares + 1e-8) * gradient
        assert weights[j] == pytest.approx(weight, rel=1e-12)
        assert second[j] == pytest.approx(squares, rel=1e-12)


@seeds(2)
def test_adam(seed):
    X, slopes, (weights, first, second) = examples(seed)
    run_adam(weights, first, second, X, slopes)
    for j in range(5):
        weight = m = v = 0.0
        for i, value, slope in known(X, slopes, j):
            gradient = value * slope + L2 * weight
            m = 0.9 * m + 0.1 * gradient
            v = 0.999 * v + 0.001 * gradient**2
            # Section 2's end: both corrections in the rate, eps beside the uncorrected root.
            rate = 0.1 * math.sqrt(1 - 0.999 ** (i + 1)) / (1 - 0.9 ** (i + 1))
            weight -= rate * m / (math.sqrt(v) + 1e-8)
        assert weights[j] == pytest.approx(weight, rel=1e-9)
        assert first[j] == pytest.approx(m, rel=1e-9)
        assert second[j] == pytest.approx(v, rel=1e-9)


@seeds(2)
def test_ftrl(seed):
    X, slopes, (weights, first, second) = examples(seed)
    run_ftrl(weights, first, second, X, slopes)
    for j in range(5):
        weight = z = n = 0.0
        for _, value, slope in known(X, slopes, j):
            gradient = value * slope + L2 * weight
            if abs(z) > 0.4:
                weight = -(z - math.copysign(0.4, z)) / ((1.0 + math.sqrt(n)) / 0.1 + 0.7)
            change = (math.sqrt(n + gradient**2) - math.sqrt(n)) / 0.1
            z += gradient - change * weight
            n += gradient**2
        assert weights[j] == pytest.approx(weight, rel=1e-9)
        assert first[j] == pytest.approx(z, rel=1e-9, abs=1e-12)
        assert second[j] == pytest.approx(n, rel=1e-9)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [(1.5, 1.5), (-1e29, -1e29), (1e31, WEIGHT_MAX), (-math.inf, -WEIGHT_MAX), (0.0, 0.0)],
)
def test_a_weight_is_bounded(weight, expected):
    assert bounded(weight) == expected
