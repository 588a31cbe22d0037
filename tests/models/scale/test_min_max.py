"""The min-max scaler: River's bit for bit, however rows come."""

import math
from itertools import pairwise

import numpy as np
import pytest
from river import preprocessing
from seeds import seeds

from models.scale.min_max import DenseMinMaxScaler
from schemas.errors import SnapshotError


def extremes(scaler):
    return [array.tobytes() for array in scaler.extremes]


@seeds(2)
def test_it_equals_river_bit_for_bit(seed, as_dict, n_rows):
    rng = np.random.default_rng(seed)
    X = rng.normal(3, 2, (n_rows, 6)) * 10.0 ** rng.integers(-3, 6, 6)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[:, 5] = 4.0
    ours, river = DenseMinMaxScaler(6), preprocessing.MinMaxScaler()
    Z = ours.learn_transform_many(X)
    for x, z in zip(X, Z, strict=True):
        river.learn_one(as_dict(x))
        assert as_dict(z) == river.transform_one(as_dict(x))
    late = rng.normal(3, 4, (50, 6))
    for x, z in zip(late, ours.transform_many(late), strict=True):
        assert as_dict(z) == river.transform_one(as_dict(x))
    assert ours.extremes.lows.tolist() == [river.min[f"f{j}"].get() for j in range(6)]
    assert ours.extremes.highs.tolist() == [river.max[f"f{j}"].get() for j in range(6)]


@seeds(2)
def test_hostile_rows_equal_plain_loops_and_stay_finite(seed, hostile_rows):
    X = hostile_rows(np.random.default_rng(seed), 200)
    scaler = DenseMinMaxScaler(6)
    Z = scaler.learn_transform_many(X)
    for j in range(6):
        seen = []
        for given, z in zip(X[:, j].tolist(), Z[:, j].tolist(), strict=True):
            if math.isnan(given):
                assert math.isnan(z)
                continue
            value = min(max(given, -1e12), 1e12)
            seen.append(value)
            low, high = min(seen), max(seen)
            assert z == ((value - low) / (high - low) if high > low else 0.0)
            assert 0.0 <= z <= 1.0
    assert np.isfinite(np.concatenate(scaler.extremes)).all()
    # Far outside a range of one denormal.
    for wild in (1e308, -np.inf, 1.0):
        assert np.isfinite(scaler.transform_many(np.full((1, 6), wild))).all()


@seeds(2)
def test_how_rows_are_cut_never_matters(seed, hostile_rows):
    rng = np.random.default_rng(seed)
    X = hostile_rows(rng, 100)
    whole, single, silent = (DenseMinMaxScaler(6) for _ in range(3))
    Z = whole.learn_transform_many(X)
    cuts = [0, *sorted(rng.integers(0, 101, 6)), 100]
    parts = [single.learn_transform_many(X[a:b]) for a, b in pairwise(cuts)]
    for row in X:
        silent.learn_many(row[np.newaxis])
        before = extremes(silent)
        silent.transform_many(1.0 - X[:1])
        assert extremes(silent) == before
    assert np.concatenate(parts).tobytes() == Z.tobytes()
    assert extremes(single) == extremes(whole) == extremes(silent)


@seeds(1)
def test_columns_that_come_later_change_nothing(seed):
    X = np.random.default_rng(seed).normal(size=(60, 6))
    grown, narrow, late = DenseMinMaxScaler(4), DenseMinMaxScaler(4), DenseMinMaxScaler(2)
    grown.learn_many(X[:30, :4])
    grown.widen(6)
    Z = grown.learn_transform_many(X[30:])
    narrow.learn_many(X[:30, :4])
    assert Z[:, :4].tobytes() == narrow.learn_transform_many(X[30:, :4]).tobytes()
    assert Z[:, 4:].tobytes() == late.learn_transform_many(X[30:, 4:]).tobytes()


@seeds(1)
def test_a_restored_scaler_goes_on_bit_for_bit(seed, hostile_rows):
    X = hostile_rows(np.random.default_rng(seed), 80)
    scaler, other = DenseMinMaxScaler(6), DenseMinMaxScaler(6)
    scaler.learn_many(X[:4])
    saved = scaler.state()
    Z = scaler.learn_transform_many(X[4:])
    other.restore(saved)
    assert other.learn_transform_many(X[4:]).tobytes() == Z.tobytes()
    assert extremes(other) == extremes(scaler)


@pytest.mark.parametrize(("name", "value"), [("lows", np.nan), ("highs", 1e13)])
def test_a_damaged_state_is_refused_and_changes_nothing(name, value):
    scaler = DenseMinMaxScaler(3)
    scaler.learn_many(np.ones((4, 3)))
    saved, before = scaler.state(), extremes(scaler)
    saved.arrays[name][1] = value
    with pytest.raises(SnapshotError, match=f"{name} holds"):
        scaler.restore(saved)
    with pytest.raises(SnapshotError, match="width"):
        scaler.restore(DenseMinMaxScaler(4).state())
    assert extremes(scaler) == before


def test_what_was_never_seen_becomes_zero_and_what_is_missing_stays_missing():
    z = DenseMinMaxScaler(2).transform_many(np.array([[5.0, np.nan]]))[0]
    assert z[0] == 0.0
    assert math.isnan(z[1])
    assert DenseMinMaxScaler(0).learn_transform_many(np.empty((3, 0))).shape == (3, 0)
