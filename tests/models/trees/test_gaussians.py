"""Observers against River's own, one by one."""

import math

import numpy as np
import pytest
from river.proba import Gaussian
from river.tree.splitter import GaussianSplitter
from seeds import seeds

from models.trees.gaussians import deviation, log_density, observe, share_up_to, variance
from models.trees.nodes import HIGH, LOW, MEAN, N_GAUSS, WEIGHT


@seeds(3)
@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e12])
def test_an_observer_is_rivers_to_the_last_bit(seed, scale):
    rng = np.random.default_rng(seed)
    values = (rng.normal(3, 2, 200) * scale).tolist()
    weights = rng.choice([1, 2, 6, 0.25], 200).tolist()
    gauss, theirs, splitter = np.zeros((2, 3, N_GAUSS)), Gaussian(), GaussianSplitter()
    assert log_density(gauss, 1, 2, 0.0, 2.0) == -math.inf
    for value, w in zip(values, weights, strict=True):
        observe(gauss, 1, 2, value, w)
        theirs.update(value, w)
        splitter.update(value, True, w)
        assert gauss[1, 2, WEIGHT] == theirs.n_samples
        assert gauss[1, 2, MEAN] == theirs.mu
        assert variance(gauss, 1, 2) == theirs._var.get()
        assert deviation(gauss, 1, 2, 0.5) == theirs.sigma
        at = values[0] * 1.1
        assert log_density(gauss, 1, 2, at, 2.0) == theirs.log_pdf(at)
        share = share_up_to(gauss[1, 2, MEAN], deviation(gauss, 1, 2, 0.5), at)
        assert share == theirs.cdf(at)
    assert gauss[1, 2, LOW] == splitter._min_per_class[True]
    assert gauss[1, 2, HIGH] == splitter._max_per_class[True]
    assert not gauss[0].any()
    assert not gauss[1, :2].any()


def test_a_constant_has_no_density_and_no_share():
    gauss = np.zeros((1, 1, N_GAUSS))
    for _ in range(5):
        observe(gauss, 0, 0, 1e12, 3.0)
    assert variance(gauss, 0, 0) == 0.0
    assert log_density(gauss, 0, 0, 1e12, 2.0) == -math.inf
    assert share_up_to(1e12, deviation(gauss, 0, 0, 0.5), 1e12) == 0.0


def test_squares_that_rounding_took_below_zero_do_no_harm():
    gauss = np.array([[[3.0, 1.0, -1e-18, 1.0, 1.0]]])
    assert deviation(gauss, 0, 0, 0.5) == 0.0
    assert log_density(gauss, 0, 0, 1.0, 2.0) == -math.inf
