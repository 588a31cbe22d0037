"""What ours is compared with computes the same numbers, by the definition and by ours."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from seeds import seeds

from benchmarks.baselines_batch import (
    NAMES,
    SECOND_US,
    Columns,
    by_definition,
    by_duckdb,
    by_polars,
    largest_difference,
)
from benchmarks.baselines_features import (
    BisectWindows,
    DequeWindows,
    Resummed,
    RiverRolling,
    Row,
    StoredWindows,
    moments,
    naive,
)
from benchmarks.baselines_stream import (
    DAY_US,
    HOUR_US,
    MONTH_US,
    Traffic,
    Walk,
    feature_set,
    hashed,
)

WINDOWS_US = (HOUR_US, DAY_US, MONTH_US)


def some_rows(seed: int, n: int = 300) -> list[Row]:
    """A few entities, payments of equal time and of exactly a window apart among them."""
    traffic = Traffic(np.random.default_rng(seed), (5, 3, 4), events_a_month=200)
    rows = traffic.draw(n).rows()
    at = [rows[0][0] + (time_us - rows[0][0]) // HOUR_US * HOUR_US for time_us, _, _ in rows]
    return [(time_us, amount, keys) for time_us, (_, amount, keys) in zip(at, rows, strict=True)]


@seeds(3)
def test_deques_count_by_the_definition(seed: int) -> None:
    rows = some_rows(seed)
    assert DequeWindows(WINDOWS_US, 3).observe(rows) == naive(rows, WINDOWS_US)


class Texts:
    """A store of texts."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def get(self, key: str, default: Any) -> Any:
        return json.loads(self.texts[key]) if key in self.texts else default

    def set(self, key: str, value: Any) -> None:
        self.texts[key] = json.dumps(value)


@seeds(3)
def test_lists_in_a_store_count_the_same_and_hold_no_more_than_they_need(seed: int) -> None:
    rows = some_rows(seed)
    windows = StoredWindows(WINDOWS_US)
    windows.store = store = Texts()
    found = [windows.observe([row])[0] for row in rows]
    assert found == naive(rows, WINDOWS_US[::-1])
    newest = {f"{of}:{key}": time_us for time_us, _, keys in rows for of, key in enumerate(keys)}
    assert newest.keys() == store.texts.keys()
    for key, time_us in newest.items():
        times, totals = store.get(key, None)
        assert len(totals) == len(times) + 1
        assert min(times) > time_us - MONTH_US


@seeds(3)
def test_bisection_counts_the_same(seed: int) -> None:
    rows = some_rows(seed)
    found = BisectWindows(WINDOWS_US, 3).observe(rows)
    assert found == naive(rows, WINDOWS_US[::-1])


@seeds(3)
@pytest.mark.parametrize("window_us", [HOUR_US, DAY_US, MONTH_US])
def test_one_window_added_up_and_rivers_are_the_same(seed: int, window_us: int) -> None:
    rows = [(time_us, amount, keys[:1]) for time_us, amount, keys in some_rows(seed)]
    expected = naive(rows, [window_us])
    assert [list(row) for row in Resummed(window_us).observe(rows)] == expected
    river = RiverRolling(window_us).observe(moments(rows))
    np.testing.assert_allclose(river, expected, rtol=1e-9)


@seeds(3)
def test_ours_are_the_same_numbers(seed: int) -> None:
    entities = ("card", "merchant", "device")
    # Windows first, then aggregates: the order of the rows in Python.
    names = [
        f"{entity}.{aggregate}_{window}"
        for entity in entities
        for window in ("1h", "1d", "30d")
        for aggregate in ("count", "amount_sum", "amount_mean")
    ]
    features = feature_set(names, entities)
    traffic = Traffic(np.random.default_rng(seed), (40, 3, 7), events_a_month=800)
    python = DequeWindows(WINDOWS_US, 3)
    walk = Walk(
        features,
        traffic,
        events_max=1_500,
        ahead=500,
        also=lambda events: python.observe(events.rows()),
    )
    for rows in (1, 7, 256):
        expected = python.observe(walk.ahead(rows).rows())
        np.testing.assert_array_equal(walk.step(rows), expected)


def test_a_walk_begins_again_later() -> None:
    features = feature_set(["card.count_30d"], ("card",))
    traffic = Traffic(np.random.default_rng(1), (1,), events_a_month=100)
    walk = Walk(features, traffic, events_max=200, ahead=90)
    counts = np.concatenate([walk.step(30)[:, 0] for _ in range(12)])
    assert 60 < counts.min() <= counts.max() < 140


def test_every_card_is_met_before_any_is_met_again() -> None:
    traffic = Traffic(np.random.default_rng(1), (1_000, 10), events_a_month=5_000, meet_all=True)
    keys = np.concatenate([traffic.draw(300).keys[0] for _ in range(4)])
    assert len(set(keys[:1_000].tolist())) == 1_000


def test_keys_are_distinct_and_never_null() -> None:
    keys = hashed(np.arange(100_000))
    assert len(np.unique(keys)) == len(keys)
    assert keys.min() > 0


@seeds(3)
def test_batch_engines_count_what_had_arrived(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 600
    # Many rows of equal time, and many of exactly a day or a week apart.
    seconds = np.sort(rng.integers(0, 40 * 24, n)) * 3_600
    rows = Columns(
        (1_500_000_000 + seconds) * SECOND_US,
        rng.integers(0, 4, n),
        rng.integers(0, 3, n),
        rng.integers(1, 50_000, n),
    )
    expected = by_definition(rows)
    assert len(expected) == len(NAMES)
    pytest.importorskip("duckdb")
    assert largest_difference(by_duckdb(rows), expected) < 1e-12
    pytest.importorskip("polars")
    assert largest_difference(by_polars(rows), expected) < 1e-12
