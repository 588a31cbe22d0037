"""The standard scaler: River's moments bit for bit, however rows come."""

import math
from itertools import pairwise

import numpy as np
import pytest
from river import preprocessing
from seeds import seeds

from models.scale.standard import DenseStandardScaler
from schemas.errors import SnapshotError


def moments(scaler):
    return [array.tobytes() for array in scaler.moments]


def rows(rng, n, width=6):
    X = rng.normal(3, 2, (n, width)) * 10.0 ** rng.integers(-3, 6, width)
    X[rng.random(X.shape) < 0.2] = np.nan
    return X


@seeds(2)
@pytest.mark.parametrize("with_std", [True, False])
def test_moments_equal_rivers_bit_for_bit_and_values_to_rounding(seed, with_std, as_dict, n_rows):
    X = rows(np.random.default_rng(seed), n_rows)
    X[7] = np.nan
    ours, river = DenseStandardScaler(6, with_std), preprocessing.StandardScaler(with_std)
    Z = ours.learn_transform_many(X)
    for x, z in zip(X, Z, strict=True):
        river.learn_one(as_dict(x))
        theirs = river.transform_one(as_dict(x))
        for j, value in enumerate(z.tolist()):
            assert math.isnan(value) == (f"f{j}" not in theirs)
            if not math.isnan(value):
                # River takes the root by a power: one unit in the last place, at times.
                assert value == pytest.approx(theirs[f"f{j}"], rel=1e-15, abs=0)
    names = [f"f{j}" for j in range(6)]
    assert ours.moments.counts.tolist() == [river.counts[name] for name in names]
    assert ours.moments.means.tolist() == [river.means[name] for name in names]
    if with_std:
        assert ours.moments.variances.tolist() == [river.vars[name] for name in names]


@seeds(2)
def test_hostile_rows_equal_plain_loops_and_stay_finite(seed, hostile_rows):
    rng = np.random.default_rng(seed)
    X = hostile_rows(rng, 200)
    scaler = DenseStandardScaler(6)
    Z = scaler.learn_transform_many(X)
    for j in range(6):
        count, mean, variance = 0, 0.0, 0.0
        for given, z in zip(X[:, j].tolist(), Z[:, j].tolist(), strict=True):
            if math.isnan(given):
                assert math.isnan(z)
                continue
            value = min(max(given, -1e12), 1e12)
            count += 1
            before, mean = mean, mean + (value - mean) / count
            variance += ((value - before) * (value - mean) - variance) / count
            assert z == ((value - mean) / math.sqrt(variance) if variance else 0.0)
        found = [array[j] for array in scaler.moments]
        assert found == [count, mean, variance]
        assert variance >= 0.0
    assert np.isfinite(np.concatenate(scaler.moments)).all()
    wild = np.full((1, 6), 1e308)
    assert np.isfinite(scaler.transform_many(wild)).all()


@seeds(2)
def test_how_rows_are_cut_never_matters(seed, hostile_rows):
    rng = np.random.default_rng(seed)
    X = hostile_rows(rng, 100)
    whole, single, silent = (DenseStandardScaler(6) for _ in range(3))
    Z = whole.learn_transform_many(X)
    cuts = [0, *sorted(rng.integers(0, 101, 6)), 100]
    parts = [single.learn_transform_many(X[a:b]) for a, b in pairwise(cuts)]
    for row in X:
        silent.learn_many(row[np.newaxis])
    assert np.concatenate(parts).tobytes() == Z.tobytes()
    assert moments(single) == moments(whole) == moments(silent)


@seeds(2)
@pytest.mark.parametrize("with_std", [True, False])
def test_a_row_just_learned_is_scaled_as_it_will_be(seed, with_std, hostile_rows):
    X = hostile_rows(np.random.default_rng(seed), 50)
    scaler = DenseStandardScaler(6, with_std)
    for row in X:
        z = scaler.learn_transform_many(row[np.newaxis])
        before = moments(scaler)
        assert scaler.transform_many(row[np.newaxis]).tobytes() == z.tobytes()
        assert moments(scaler) == before


@seeds(1)
def test_columns_that_come_later_change_nothing(seed):
    X = rows(np.random.default_rng(seed), 60)
    grown, narrow, late = DenseStandardScaler(4), DenseStandardScaler(4), DenseStandardScaler(2)
    grown.learn_many(X[:30, :4])
    grown.widen(6)
    Z = grown.learn_transform_many(X[30:])
    narrow.learn_many(X[:30, :4])
    late.learn_many(X[30:, 4:])
    assert Z[:, :4].tobytes() == narrow.learn_transform_many(X[30:, :4]).tobytes()
    assert grown.moments.means[4:].tolist() == late.moments.means.tolist()
    assert grown.width == 6


@seeds(1)
def test_a_restored_scaler_goes_on_bit_for_bit(seed, hostile_rows):
    X = hostile_rows(np.random.default_rng(seed), 80)
    scaler, other = DenseStandardScaler(6), DenseStandardScaler(6)
    scaler.learn_many(X[:40])
    saved = scaler.state()
    Z = scaler.learn_transform_many(X[40:])
    other.restore(saved)
    assert other.learn_transform_many(X[40:]).tobytes() == Z.tobytes()
    assert moments(other) == moments(scaler)
    assert saved.arrays["counts"].tolist() != scaler.moments.counts.tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [("counts", -1.0), ("means", 1e13), ("variances", -1e-9), ("variances", np.inf)],
)
def test_a_damaged_state_is_refused_and_changes_nothing(name, value):
    scaler = DenseStandardScaler(3)
    scaler.learn_many(np.ones((4, 3)))
    saved, before = scaler.state(), moments(scaler)
    saved.arrays[name][1] = value
    with pytest.raises(SnapshotError, match=f"{name} holds"):
        scaler.restore(saved)
    assert moments(scaler) == before


@pytest.mark.parametrize(
    ("other", "text"),
    [(DenseStandardScaler(3, False), "with_std"), (DenseStandardScaler(4), "width")],
)
def test_the_state_of_a_scaler_with_other_parameters_is_refused(other, text):
    with pytest.raises(SnapshotError, match=text):
        DenseStandardScaler(3).restore(other.state())


def test_a_scaler_without_columns_or_rows():
    empty = DenseStandardScaler(0)
    assert empty.learn_transform_many(np.empty((3, 0))).shape == (3, 0)
    scaler = DenseStandardScaler(2)
    assert scaler.learn_transform_many(np.empty((0, 2))).shape == (0, 2)
    assert scaler.transform_many(np.array([[5.0, np.nan]])).tolist()[0][0] == 0.0
    assert DenseStandardScaler(1, with_std=False).transform_many(np.array([[5.0]])) == 5.0
