"""KSWIN in rows of arrays: River's own, value by value and draw by draw; scipy's test."""

import math
import warnings

import numpy as np
import pytest
from river import drift
from scipy.stats import ks_2samp
from seeds import seeds

from models.drift.kswin import DISTANCE, MEAN, MEAN_BEFORE, P_VALUE, new, p_values, update


def values_of(rng, n=700):
    means = np.resize(np.repeat([0.0, 1.0, 0.2], 150), n)
    values = rng.normal(means, 0.3)
    # Many equal ones: where they stand among themselves must not matter.
    return values.round(1) if rng.random() < 0.5 else values


@seeds(3)
def test_rows_are_rivers_detectors_side_by_side(seed):
    rng = np.random.default_rng(seed)
    stat_size = int(rng.integers(5, 31))
    params = {
        "alpha": float(rng.choice([0.01, 0.0001])),
        "window_size": int(rng.integers(2 * stat_size, 120)),
        "stat_size": stat_size,
        "seed": int(rng.integers(2**32)),
    }
    ours = new(2, **params)
    rivers = [drift.KSWIN(**params) for _ in range(2)]
    for value in values_of(rng).tolist():
        at = int(rng.integers(2))
        rivers[at].update(value)
        assert update(ours, at, value) == rivers[at].drift_detected
        assert ours.said[at, P_VALUE] == rivers[at].p_value


@seeds(2)
def test_small_distances_of_large_samples_are_no_drift_as_in_river(seed):
    rng = np.random.default_rng(seed)
    # Every test is significant, so the distance alone decides.
    params = {"alpha": 1.0, "window_size": 2000, "stat_size": 1000, "seed": 1}
    ours, river = new(1, **params), drift.KSWIN(**params)
    small = 0
    for value in np.concatenate([rng.random(2000), rng.random(400) + 0.5]).tolist():
        river.update(value)
        assert update(ours, 0, value) == river.drift_detected
        small += 0 < ours.said[0, DISTANCE] <= 0.1
        if river.drift_detected:
            break
    assert small > 0
    assert river.drift_detected


@pytest.mark.parametrize("n", [1, 2, 3, 7, 30, 77, 400])
def test_probabilities_are_scipys(n):
    found = p_values(n)
    lower = np.arange(n, dtype=float)
    for h in range(n + 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            expected = ks_2samp(lower, lower + (h - 0.5 if h else 0.0))
        assert round(expected.statistic * n) == h
        assert found[h] == expected.pvalue


@seeds(2)
def test_it_says_what_it_held_beside_what(seed):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(0, 1, 300), rng.normal(5, 1, 50)])
    detector = new(1, alpha=1e-6)
    at = next(at for at, value in enumerate(values) if update(detector, 0, value))
    assert 300 < at < 330
    said = detector.said[0]
    assert said[MEAN] == pytest.approx(values[at - 29 : at + 1].mean())
    assert abs(said[MEAN_BEFORE]) < 1.0
    assert said[P_VALUE] == p_values(30)[round(said[DISTANCE] * 30)]


def test_a_nan_is_no_value_and_infinity_is_a_large_one():
    detector = new(1, window_size=4, stat_size=2)
    assert not update(detector, 0, math.nan)
    assert not detector.counters.any()
    for value in (1.0, -math.inf, math.inf, 2.0, 3.0):
        update(detector, 0, value)
    assert np.isfinite(detector.values).all()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"alpha": 1.5}, "alpha is 1.5"),
        ({"window_size": 1}, "window_size is 1: give 2 to 10000 values"),
        ({"window_size": 10_001}, "window_size is 10001"),
        ({"stat_size": 51}, "stat_size is 51: give 1 to 50, half of window_size"),
        ({"stat_size": 0}, "stat_size is 0"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_to_give(params, told):
    with pytest.raises(ValueError, match=told):
        new(1, **params)
