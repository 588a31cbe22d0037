"""A stream of features: blocks in, a matrix out, and a copy is a stream of its own."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from seeds import seeds

from stream.config.configuration import Config, load
from stream.files.inputs import joined
from stream.offline.feature_stream import FeatureStream, Glance

START_US = 1_750_000_000_000_000
NAMES = ["amount", "card.count_{1m,1h}", "card.distinct_merchant_1h", "card.frauds_1h"]
SECTIONS: dict[str, Any] = {
    "features": {"names": tuple(NAMES)},
    "windows": {"events_max": 500, "entities_max": 20, "allowed_lateness": "1m"},
    "labels": {"waiting_max": 2_048, "maturity": "1h"},
    "replay": {"label": "truth", "label_delay": "5m"},
}


@pytest.fixture(scope="module")
def config() -> Config:
    return load(None, **SECTIONS)


def payments(n: int, seed: int = 1) -> list[dict[str, Any]]:
    """A stream somewhat out of order, with repeats and with amounts that are refused."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        number = i if rng.random() < 0.95 else int(rng.integers(i + 1))
        rows.append(
            {
                "transaction_id": f"t{number}",
                "event_time": START_US + i * 20_000_000 - int(rng.integers(0, 100)) * 10**6,
                "amount_minor": int(rng.integers(-50, 2_000)),
                "card_id": f"c{rng.integers(6)}",
                "merchant_id": f"m{rng.integers(4)}",
                "truth": bool(rng.random() < 0.2),
            }
        )
    return rows


def whole(config: Config, rows: list[dict[str, Any]]) -> tuple[np.ndarray, dict[str, int]]:
    stream = FeatureStream(config)
    return stream.take(joined(map(stream.record, rows))), dict(stream.not_taken)


def same(one: Any, other: Any) -> bool:
    return np.array_equal(one, other, equal_nan=True)


@seeds(5)
def test_how_it_is_cut_and_copied_changes_nothing(config: Config, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = payments(250, seed)
    wanted, not_taken = whole(config, rows)
    assert {"amount_negative", "duplicate", "event_too_late"} >= set(not_taken) != set()
    assert np.nanmax(wanted[:, 4]) > 0
    stream = FeatureStream(config)
    edges = sorted({0, len(rows), *rng.integers(0, len(rows), 12).tolist()})
    for a, b in pairwise(edges):
        other = rng.choice([copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s)), lambda s: s])
        twin, stream = stream, other(stream)
        assert same(stream.take(joined(map(stream.record, rows[a:b]))), wanted[a:b])
        if twin is not stream:  # What went its own way changes nothing here.
            twin.take(joined(map(twin.record, payments(5, seed + a))))
    assert stream.not_taken == not_taken


def test_names_and_shapes(config: Config) -> None:
    stream = FeatureStream(config)
    assert stream.names == (
        *("amount", "card.count_1m", "card.count_1h", "card.distinct_merchant_1h"),
        "card.frauds_1h",
    )
    assert stream.take(joined([])).shape == (0, 5)


def test_a_payment_without_the_truth_is_one_without_a_label(config: Config) -> None:
    rows = payments(250)
    bare = [{name: row[name] for name in row if name != "truth"} for row in rows]
    matrix, _ = whole(config, bare)
    assert np.nanmax(matrix[:, 4]) == 0
    assert same(matrix[:, :4], whole(config, rows)[0][:, :4])


def test_a_payment_is_recalled_until_its_label_is_due(config: Config) -> None:
    rows = [row for row in payments(250) if row["amount_minor"] >= 0][:120]
    stream = FeatureStream(config)
    matrix = stream.take(joined(map(stream.record, rows)))
    assert same(stream.recalled(stream.record(rows[-1])), matrix[-1])
    assert stream.recalled(stream.record({**rows[-1], "transaction_id": "other"})) is None
    assert stream.recalled(stream.record({**rows[-1], "amount_minor": -1})) is None
    # An hour on it is mature, and let go.
    later = {**rows[-1], "transaction_id": "later"}
    stream.take(stream.record({**later, "event_time": rows[-1]["event_time"] + 2 * 3600 * 10**6}))
    assert stream.recalled(stream.record(rows[-1])) is None


@seeds(5)
def test_a_glance_leaves_no_trace(config: Config, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = payments(150, seed)
    wanted, not_taken = whole(config, rows)
    glance = Glance(FeatureStream(config))
    glance.SINCE_MAX = int(rng.integers(1, 40))
    fresh = set()
    for i, x in enumerate(rows):
        for _ in range(int(rng.choice([0, 0, 1, 2]))):
            glance.look({**rows[int(rng.integers(len(rows)))], "transaction_id": "never"})
        is_repeat = x["transaction_id"] in fresh
        if not is_repeat:
            assert same(glance.look(x), wanted[i])
        if x["amount_minor"] >= 0:
            fresh.add(x["transaction_id"])
        glance.learn(x)
    assert glance.settled().not_taken == not_taken
    rest = payments(300, seed)[150:]
    stream = glance.settled()
    reference = FeatureStream(config)
    reference.take(joined(map(reference.record, rows)))
    blocks = joined(map(stream.record, rest))
    assert same(stream.take(blocks), reference.take(blocks))
