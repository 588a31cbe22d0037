"""Page-Hinkley in rows of arrays: River's own, value by value, and when a mean began to change."""

import math

import numpy as np
import pytest
from river import drift
from seeds import seeds

from models.drift.page_hinkley import MODES, new, reset, turned, update, update_many


def values_of(rng, n=4_000):
    means = np.resize(np.repeat([0.2, 1.0, 0.5, -3.0], 400), n)
    return rng.normal(means, rng.choice([0.01, 0.5]))


@pytest.mark.parametrize("mode", MODES)
@seeds(2)
def test_rows_are_rivers_detectors_side_by_side(mode, seed):
    rng = np.random.default_rng(seed)
    params = {
        "min_instances": int(rng.choice([1, 30])),
        "delta": float(rng.choice([0.0, 0.005])),
        "threshold": float(rng.choice([2.0, 20.0])),
        "alpha": float(rng.choice([1.0, 0.9999, 0.99])),
        "mode": mode,
    }
    ours = new(3, **params)
    rivers = [drift.PageHinkley(**params) for _ in range(3)]
    drifts = 0
    for value in values_of(rng).tolist():
        at = int(rng.integers(3))
        rivers[at].update(value)
        assert update(ours, at, value) == rivers[at].drift_detected
        drifts += rivers[at].drift_detected
    assert drifts >= 1


@seeds(3)
def test_where_its_sum_turned_is_about_where_the_mean_changed(seed):
    rng = np.random.default_rng(seed)
    for before, now in ((0.1, 0.4), (0.4, 0.1)):
        values = np.concatenate([rng.normal(before, 0.05, 1000), rng.normal(now, 0.05, 500)])
        detector = new(1, delta=0.05, threshold=5.0)
        drifts = np.zeros(len(values), np.bool_)
        seen = 0
        while not update(detector, 0, values[seen]):
            seen += 1
        n_before, mean_before = turned(detector, 0)
        assert abs(n_before - 1000) < 30
        assert mean_before == pytest.approx(values[:n_before].mean())
        assert mean_before == pytest.approx(before, abs=0.02)
        reset(detector, 0)
        update_many(detector, 0, values, drifts)
        assert np.flatnonzero(drifts)[0] == seen


def test_a_nan_is_no_value_and_infinity_is_a_large_one():
    detector = new(1, min_instances=1)
    assert not update(detector, 0, math.nan)
    assert not detector.counters.any()
    update(detector, 0, 0.0)
    assert update(detector, 0, math.inf)
    assert np.isfinite(detector.sums).all()


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"min_instances": 0}, "min_instances is 0: give 1 or more"),
        ({"delta": -0.1}, "delta is -0.1"),
        ({"threshold": 0.0}, "threshold is 0.0"),
        ({"threshold": math.inf}, "threshold is inf"),
        ({"alpha": 1.1}, "alpha is 1.1"),
        ({"mode": "sideways"}, "mode is 'sideways': give one of up, down, both"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_to_give(params, told):
    with pytest.raises(ValueError, match=told):
        new(1, **params)
