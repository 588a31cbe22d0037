"""Every column against plain Python, and the names that go with them."""

import math

import numpy as np
import pytest
from seeds import seeds
from streams import SECOND, START_US, block

from schemas.columns import MISSING, Layout
from stream.features import FeatureSet, window_name
from stream.windows import WindowReadings

LAYOUT = Layout(("card", "merchant"), ("ratio", "distance"), ("channel",))
WINDOWS_US = (60 * SECOND, 3600 * SECOND)


def random_batch(rng, n):
    batch = block(
        LAYOUT,
        [
            {
                "time_us": START_US + int(rng.integers(0, 2 * 86_400 * SECOND)),
                "amount": int(rng.integers(0, 10**6)),
                "key": i + 1,
                "entities": [int(k) for k in rng.integers(0, 3, 2)],
                "numeric": [float(rng.normal()), float("nan") if i % 3 else 4.5],
            }
            for i in range(n)
        ],
    )
    shape = (2, len(WINDOWS_US), n)
    counts = rng.integers(1, 9, shape)
    readings = WindowReadings(
        counts, rng.integers(0, 10**9, shape), rng.integers(-1, 3, (2, n)) * 1_500_000
    )
    readings.gaps_us[readings.gaps_us < 0] = -1
    # What the kernels leave where they read nothing.
    for e in range(2):
        nobody = batch.entities[e] == 0
        readings.counts[e][:, nobody] = 0
        readings.totals_minor[e][:, nobody] = 0
        readings.gaps_us[e][nobody] = -1
    return batch, readings


def plain_features(features, batch, readings, row, known):
    """One row as a dict by name, with nothing imported from what is checked."""
    time_us = int(batch.event_time_us[row])
    angle = 2 * math.pi * (time_us % 86_400_000_000) / 86_400_000_000
    x = {
        "amount": int(batch.amount_minor[row]) / features.minor_per_unit if known else math.nan,
        "hour_sin": math.sin(angle),
        "hour_cos": math.cos(angle),
    }
    for i, name in enumerate(LAYOUT.numeric):
        x[f"input.{name}"] = float(batch.numeric[i, row])
    for e, entity in enumerate(LAYOUT.entities):
        known_entity = known and batch.entities[e, row] != 0
        for w, window in enumerate(["1m", "1h"]):
            count = int(readings.counts[e, w, row])
            total = int(readings.totals_minor[e, w, row]) / features.minor_per_unit
            mean = total / count if count else 0.0
            values = (count, total, mean) if known_entity else (math.nan,) * 3
            for name, value in zip(("count", "amount_sum", "amount_mean"), values, strict=True):
                x[f"{entity}.{name}_{window}"] = value
        gap = int(readings.gaps_us[e, row])
        x[f"{entity}.seconds_since_last"] = gap / 1e6 if known_entity and gap >= 0 else math.nan
    return x


@pytest.mark.parametrize("minor_per_unit", [1, 100, 1000])
@seeds(3)
def test_every_column_equals_plain_python(minor_per_unit, seed):
    rng = np.random.default_rng(seed)
    features = FeatureSet(LAYOUT, WINDOWS_US, minor_per_unit)
    batch, readings = random_batch(rng, 60)
    known = rng.random(60) < 0.8
    X = features.matrix(batch, readings, known)
    assert X.shape == (60, len(features.names))
    for row in range(60):
        expected = plain_features(features, batch, readings, row, known[row])
        assert list(expected) == list(features.names)
        np.testing.assert_allclose(X[row], list(expected.values()), 1e-14, 1e-14, err_msg=row)


def test_names_are_in_the_order_of_the_configuration():
    assert FeatureSet(Layout(("card",), ("ratio",)), WINDOWS_US).names == (
        "amount",
        "hour_sin",
        "hour_cos",
        "input.ratio",
        "card.count_1m",
        "card.amount_sum_1m",
        "card.amount_mean_1m",
        "card.count_1h",
        "card.amount_sum_1h",
        "card.amount_mean_1h",
        "card.seconds_since_last",
    )


def test_names_are_unique_for_windows_of_like_lengths():
    lengths = (1, 1000, SECOND, 60 * SECOND, 61 * SECOND, 3600 * SECOND, 3601 * SECOND)
    lengths += (24 * 3600 * SECOND, 25 * 3600 * SECOND, 7 * 24 * 3600 * SECOND)
    names = FeatureSet(LAYOUT, lengths).names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("length_us", "name"),
    [
        (1, "1us"),
        (1_500_000, "1500000us"),
        (SECOND, "1s"),
        (90 * SECOND, "90s"),
        (300 * SECOND, "5m"),
        (3600 * SECOND, "1h"),
        (36 * 3600 * SECOND, "36h"),
        (48 * 3600 * SECOND, "2d"),
    ],
)
def test_a_window_is_named_by_its_largest_whole_unit(length_us, name):
    assert window_name(length_us) == name


def test_a_null_entity_is_unknown_and_not_zero():
    features = FeatureSet(LAYOUT, WINDOWS_US)
    batch, readings = random_batch(np.random.default_rng(1), 5)
    batch.entities[0] = 0
    batch.entities[1] = 7
    X = features.matrix(batch, readings, np.ones(5, bool))
    card = [i for i, name in enumerate(features.names) if name.startswith("card.")]
    merchant = [i for i, name in enumerate(features.names) if name.startswith("merchant.count")]
    assert np.isnan(X[:, card]).all()
    assert not np.isnan(X[:, merchant]).any()


def test_a_refused_row_among_others_costs_no_warning_and_has_no_windows():
    features = FeatureSet(LAYOUT, WINDOWS_US)
    batch, readings = random_batch(np.random.default_rng(1), 3)
    batch.event_time_us[1] = MISSING
    batch.amount_minor[1] = -(2**63)
    known = np.array([True, False, True])
    X = features.matrix(batch, readings, known)
    names = list(features.names)
    own = [i for i, name in enumerate(names) if name == "amount" or "." in name]
    own = [i for i in own if not names[i].startswith("input.")]
    assert np.isnan(X[1, own]).all()
    assert np.isfinite(X[[0, 2]][:, names.index("amount")]).all()


def test_the_matrix_is_one_block_of_rows():
    features = FeatureSet(LAYOUT, WINDOWS_US)
    batch, readings = random_batch(np.random.default_rng(1), 4)
    X = features.matrix(batch, readings, np.ones(4, bool))
    assert X.flags.c_contiguous
    assert X.dtype == np.float64


def test_no_rows_and_no_entities_are_features_too():
    features = FeatureSet(Layout(()), WINDOWS_US)
    empty = np.zeros((0, 2, 0), np.int64)
    X = features.matrix(
        block(Layout(()), []), WindowReadings(empty, empty, empty[:, 0]), np.empty(0, bool)
    )
    assert X.shape == (0, 3)
