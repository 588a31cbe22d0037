"""Detectors under River's names: nobody can tell them apart but by the clock."""

import copy
import inspect
import math
import pickle

import numpy as np
import pytest
from numba import config
from river import drift
from seeds import seeds

from models.drift.estimators import ADWIN, KSWIN, PageHinkley

# 5 streams of each: 100,000 values where kernels are compiled.
N = 2_000 if config.DISABLE_JIT else 20_000
SUDDEN = {
    PageHinkley: {"threshold": 5.0},
    KSWIN: {"alpha": 0.001, "seed": 7},
}
SEEN = ("drift_detected", "width", "total", "variance", "estimation", "n_detections")


def values_of(rng, n, kind):
    means = np.resize(np.repeat([0.0, 1.0, 0.2, -3.0], 500), n)
    if kind == "errors":
        return (rng.random(n) < 0.02 + 0.2 * np.abs(means)).astype(float)
    return rng.normal(means, {"quiet": 0.1, "loud": 1.0, "huge": 1e8, "still": 0.0}[kind])


@pytest.mark.parametrize("kind", ["errors", "quiet", "loud", "huge", "still"])
@seeds(1)
def test_it_is_rivers_value_by_value(kind, seed):
    rng = np.random.default_rng(seed)
    params = {"delta": float(rng.choice([0.002, 0.1])), "clock": int(rng.choice([1, 8, 32]))}
    ours, river = ADWIN(**params), drift.ADWIN(**params)
    drifts = 0
    for value in values_of(rng, N, kind).tolist():
        ours.update(value)
        river.update(value)
        drifts += river.drift_detected
        for name in SEEN:
            assert getattr(ours, name) == getattr(river, name)
    if kind != "huge":
        assert drifts >= 1


@pytest.mark.parametrize("own", [ADWIN, PageHinkley, KSWIN])
def test_it_is_a_detector_of_rivers_with_rivers_parameters(own):
    river = getattr(drift, own.__name__)
    assert issubclass(own, river.__bases__[0])
    ours, rivers = inspect.signature(own).parameters, inspect.signature(river).parameters
    assert {n: p.default for n, p in ours.items()} == {n: p.default for n, p in rivers.items()}
    if own is not KSWIN:  # River's shows its window as well.
        first = 0.01 if own is ADWIN else 5
        assert repr(own(first)) == repr(river(first))


@pytest.mark.parametrize("own", SUDDEN)
@seeds(2)
def test_sudden_ones_are_rivers_value_by_value(own, seed):
    values = values_of(np.random.default_rng(seed), 1500, "quiet")
    params = SUDDEN[own]
    ours, river = own(**params), getattr(drift, own.__name__)(**params)
    at_once, drifts = own(**params).update_many(values), []
    for value in values.tolist():
        ours.update(value)
        river.update(value)
        drifts.append(river.drift_detected)
        assert ours.drift_detected == river.drift_detected
        if own is KSWIN:
            assert (ours.p_value, ours.n) == (river.p_value, river.n)
            assert ours.window == list(river.window)
        else:
            assert (ours.n, ours.estimation) == (river._x_mean.n, river._x_mean.get())
    assert at_once.tolist() == drifts
    assert any(drifts)


@pytest.mark.parametrize("own", SUDDEN)
@seeds(3)
def test_sudden_ones_go_on_bit_for_bit_copied_and_restored(own, seed):
    rng = np.random.default_rng(seed)
    values, cut = values_of(rng, 1500, "loud"), int(rng.integers(1500))
    ours, other = own(**SUDDEN[own]), own(**SUDDEN[own])
    ours.update_many(values[:cut])
    other.update_many(values[::-1])
    other.restore(ours.state())
    copied = copy.deepcopy(ours)
    pickled = pickle.loads(pickle.dumps(ours))
    said = ours.update_many(values[cut:]).tolist()
    for each in (other, copied, pickled):
        assert each.update_many(values[cut:]).tolist() == said
        assert each.n == ours.n
    fresh = ours.clone()
    ours._reset()
    assert fresh.update_many(values).tolist() == ours.update_many(values).tolist()


def test_kswin_begins_with_a_window_that_it_is_given():
    given = [float(value) for value in range(120)]
    ours, river = KSWIN(seed=1, window=given), drift.KSWIN(seed=1, window=given)
    assert ours.window == list(river.window) == given[20:]
    for value in [50.0, 200.0, 30.0, 30.0]:
        ours.update(value)
        river.update(value)
        assert (ours.p_value, ours.n) == (river.p_value, river.n)
        assert ours.drift_detected == river.drift_detected


def test_kswin_without_a_seed_draws_anything():
    values = np.random.default_rng(3).random(400)
    said = {tuple(KSWIN(alpha=0.1).update_many(values).tolist()) for _ in range(5)}
    assert len(said) > 1


def test_a_fresh_one_has_seen_nothing():
    ours, river = ADWIN(), drift.ADWIN()
    for name in SEEN:
        assert getattr(ours, name) == getattr(river, name)


@seeds(2)
def test_many_values_at_once_are_the_values_one_by_one(seed):
    values = values_of(np.random.default_rng(seed), 2000, "loud")
    whole, one = ADWIN(clock=1), ADWIN(clock=1)
    expected = []
    for value in values:
        one.update(value)
        expected.append(one.drift_detected)
    parts = [whole.update_many(values[:700]), whole.update_many(values[700:].tolist())]
    assert np.concatenate(parts).tolist() == expected
    assert any(expected)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_on_as_the_original_and_leaves_it_alone(copied):
    values = values_of(np.random.default_rng(5), 1500, "loud")
    ours = ADWIN(clock=1)
    ours.update_many(values[:700])
    other = copied(ours)
    before = ours.total
    drifts = other.update_many(values[700:])
    assert ours.total == before
    assert ours.update_many(values[700:]).tolist() == drifts.tolist()


def test_a_clone_has_the_parameters_and_nothing_else():
    ours = ADWIN(0.05, 2, 3, 4, 6)
    ours.update(1.0)
    clone = ours.clone()
    assert (clone.delta, clone.clock, clone.max_buckets) == (0.05, 2, 3)
    assert (clone.min_window_length, clone.grace_period, clone.width) == (4, 6, 0)


def test_reset_forgets():
    ours = ADWIN()
    ours.update_many(np.ones(50))
    ours._reset()
    assert (ours.width, ours.total, ours.drift_detected) == (0, 0.0, False)


def test_a_nan_is_no_value():
    ours = ADWIN()
    ours.update(2.0)
    ours.update(math.nan)
    assert (ours.width, ours.total) == (1, 2.0)


def test_a_wrong_parameter_is_refused():
    with pytest.raises(ValueError, match="delta is 2"):
        ADWIN(delta=2)


@seeds(3)
def test_a_restored_detector_goes_on_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    values = values_of(rng, 1500, "loud")
    cut = int(rng.integers(1500))
    ours, other = ADWIN(clock=1), ADWIN(clock=1)
    ours.update_many(values[:cut])
    other.update_many(values[::-1])
    state = ours.state()
    other.restore(state)
    assert ours.update_many(values[cut:]).tolist() == other.update_many(values[cut:]).tolist()
    for name in SEEN:
        assert getattr(ours, name) == getattr(other, name)
