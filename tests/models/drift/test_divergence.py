"""Measures of divergence against plain loops, and against scipy on the same numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp
from seeds import seeds

from models.drift.divergence import jensen_shannon, kolmogorov_smirnov, psi


def some_counts(seed: int, bins: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(bins), 2)
    return rng.multinomial(3000, shares[0]), rng.multinomial(500, shares[1])


def naive_psi(reference: list[int], current: list[int]) -> float:
    bins, total = len(reference), 0.0
    for p, q in zip(reference, current, strict=True):
        p_share = (p + 0.5) / (sum(reference) + 0.5 * bins)
        q_share = (q + 0.5) / (sum(current) + 0.5 * bins)
        total += (q_share - p_share) * math.log(q_share / p_share)
    return total


@seeds(5)
def test_psi_is_the_sum_over_the_bins(seed: int) -> None:
    reference, current = some_counts(seed)
    used = np.ones(10, np.bool_)
    assert psi(reference, current, used) == pytest.approx(naive_psi(list(reference), list(current)))


@seeds(3)
def test_bins_that_are_not_there_change_nothing(seed: int) -> None:
    reference, current = some_counts(seed)
    wider = np.concatenate([reference, [0, 0]]), np.concatenate([current, [0, 0]])
    used = np.arange(12) < 10
    assert psi(*wider, used) == psi(reference, current, np.ones(10, np.bool_))


@seeds(5)
def test_jensen_shannon_is_scipys(seed: int) -> None:
    reference, current = some_counts(seed)
    expected = jensenshannon(reference, current, base=2)
    assert jensen_shannon(reference, current) == pytest.approx(expected)


@seeds(5)
def test_kolmogorov_smirnov_is_scipys_on_the_numbers_of_the_bins(seed: int) -> None:
    reference, current = some_counts(seed)
    bins = np.arange(10)
    expected = ks_2samp(np.repeat(bins, reference), np.repeat(bins, current)).statistic
    assert kolmogorov_smirnov(reference, current) == pytest.approx(expected)


def test_what_is_alike_has_no_distance_and_what_has_nothing_in_common_has_all_of_it() -> None:
    here, there = np.array([10, 0]), np.array([0, 7])
    assert jensen_shannon(here, here) == kolmogorov_smirnov(here, here) == 0.0
    assert jensen_shannon(here, there) == pytest.approx(1.0)
    assert kolmogorov_smirnov(here, there) == 1.0
    assert psi(here, here, np.ones(2, np.bool_)) == 0.0


def test_nothing_is_said_where_one_side_counts_nothing() -> None:
    some, none, used = np.array([[3, 4]]), np.zeros((1, 2), np.int64), np.ones((1, 2), np.bool_)
    for measure in (jensen_shannon, kolmogorov_smirnov):
        assert np.isnan(measure(some, none)).all()
        assert np.isnan(measure(none, some)).all()
    assert np.isnan(psi(some, none, used)).all()
