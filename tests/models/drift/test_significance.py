"""Significance of drift: scipy where payments are independent, and no false alarms where not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from seeds import seeds

from models.drift.divergence import psi
from models.drift.significance import Dispersion, compare, dispersion_of, false_discoveries

_MANY = np.array([1e12])


@seeds(5)
def test_with_independent_payments_it_is_scipys_test_of_homogeneity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = rng.multinomial(5000, np.full(8, 0.125))[np.newaxis]
    current = rng.multinomial(800, np.full(8, 0.125))[np.newaxis]
    found = compare(reference, current, Dispersion(np.ones(1), _MANY))
    table = np.concatenate([reference, current])
    assert found.p_value == pytest.approx(stats.chi2_contingency(table).pvalue, rel=1e-6)


@seeds(5)
def test_dispersion_is_chi_squared_over_its_degrees_of_freedom(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Windows of different shares, as days are.
    windows = np.stack([rng.multinomial(900, rng.dirichlet(np.full(6, 20.0))) for _ in range(7)])
    found = dispersion_of(windows[:, np.newaxis])
    expected = stats.chi2_contingency(windows)
    assert found.freedom == expected.dof == 6 * 5
    assert found.factor == pytest.approx(max(expected.statistic / expected.dof, 1.0))


def rejected(seed: int, concentration: float, dispersed: bool) -> float:
    """Return the share of unchanged columns that are called different at 5 %."""
    rng = np.random.default_rng(seed)
    columns, bins = 2000, 10
    shares = rng.dirichlet(np.full(bins, concentration), (8, columns))
    windows = np.stack([[rng.multinomial(1000, each) for each in window] for window in shares])
    reference, current = windows[:7], windows[7]
    dispersion = (
        dispersion_of(reference)
        if dispersed
        else Dispersion(np.ones(columns), np.full(columns, 1e12))
    )
    found = compare(reference.sum(axis=0), current, dispersion)
    return float((found.p_value < 0.05).mean())


@seeds(2)
def test_days_that_differ_among_themselves_are_no_drift(seed: int) -> None:
    # Of 2,000 independent columns 100 are expected; ten deviations are 98 more.
    assert rejected(seed, 50.0, dispersed=True) < 0.10
    assert rejected(seed, 50.0, dispersed=False) > 0.50


@seeds(2)
def test_what_the_index_stays_below_is_what_it_stays_below(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns, bins = 2000, 10
    windows = rng.multinomial(1000, np.full(bins, 0.1), (8, columns))
    reference, current = windows[:7].sum(axis=0), windows[7]
    found = compare(reference, current, dispersion_of(windows[:7]))
    index = psi(reference, current, np.ones((columns, bins), np.bool_))
    assert 0.90 < (index < found.psi_null).mean() < 0.99
    assert np.isclose((index < found.psi_null), found.p_value > 0.05).mean() > 0.99


def test_nothing_is_said_where_there_is_nothing_to_compare() -> None:
    none = np.zeros((1, 4), np.int64)
    some = np.array([[5, 5, 0, 0]])
    one_bin = np.array([[5, 0, 0, 0]])
    for reference, current in ((none, some), (some, none), (one_bin, one_bin)):
        windows = np.stack([reference, reference])
        found = compare(reference, current, dispersion_of(windows))
        assert np.isnan(found.p_value).all()
        assert np.isnan(found.psi_null).all()


@seeds(5)
def test_false_discoveries_are_scipys(seed: int) -> None:
    p_values = np.random.default_rng(seed).random(40) ** 3
    expected = stats.false_discovery_control(p_values) <= 0.05
    assert np.array_equal(false_discoveries(p_values, 0.05), expected)
    unknown = np.concatenate([p_values, [np.nan]])
    assert np.array_equal(false_discoveries(unknown, 0.05), [*expected, False])


def test_no_hypothesis_is_none() -> None:
    assert not len(false_discoveries(np.empty(0), 0.05))
    assert not false_discoveries(np.full(3, np.nan), 0.05).any()
