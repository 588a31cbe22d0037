"""What is known of a model, as numbers and for a person."""

import numpy as np
import pytest
from seeds import seeds

from models.interval import wilson
from models.prequential import Prequential
from stream.model_registry.card import card_of
from stream.model_registry.manifest import (
    calibration_of,
    differences,
    features_of,
    libraries,
    metrics_of,
    thresholds_of,
)


def judged(seed, n=2000):
    rng, quality = np.random.default_rng(seed), Prequential()
    scores = rng.beta(0.5, 6, n)
    y = rng.random(n) < scores
    quality.update(scores, scores >= 0.3, y)
    return quality, scores, y


@seeds(3)
def test_thresholds_are_counted_as_plain_loops_count_them(seed):
    quality, scores, y = judged(seed)
    rows = thresholds_of(quality.reliability)
    assert len(rows) > 8
    assert rows[0]["payments"] <= 2000
    for row in rows:
        above = scores >= row["threshold"]
        assert row["payments"] == int(above.sum())
        assert row["frauds"] == int((above & y).sum())
        assert row["precision"] == pytest.approx(y[above].mean())
        assert row["recall"] == pytest.approx((above & y).sum() / y.sum())
        assert row["recall_interval"] == list(wilson(row["frauds"], int(y.sum())))


def test_shares_have_intervals_and_of_nothing_there_are_none():
    quality, scores, _ = judged(1)
    metrics = metrics_of(quality)
    assert metrics["alerts"] == int((scores >= 0.3).sum())
    low, high = metrics["precision_interval"]
    assert low < metrics["precision"] < high
    nothing = metrics_of(Prequential())
    assert (nothing["precision"], nothing["precision_interval"]) == (None, None)
    assert thresholds_of(Prequential().reliability) == []


def test_features_differ_by_names_and_by_order():
    mine = {"features": features_of(["a", "b"])}
    assert differences(mine, ["a", "b"]) == ""
    assert differences(mine, ["b", "a"]) == "its features come in another order"
    assert differences(mine, ["a", "c"]) == "it has b and it lacks c"
    assert features_of(["a", "b"])["sha256"] != features_of(["b", "a"])["sha256"]


def test_what_computes_is_named():
    assert {"python", "numpy", "numba", "river"} <= libraries().keys()


def manifest(quality, **more):
    return {
        "name": "forest",
        "version": 3,
        "created": "2026-01-01T00:00:00+00:00",
        "code_version": "0.1.0",
        "role": "champion",
        "kind": "forest",
        "sample": 1.0,
        "features": features_of(["amount"]),
        "libraries": {"python": "3"},
        "source": {"snapshot": 7},
        "trained_until_us": 1_780_000_000_000_000,
        "learned": 12345,
        "maturity_us": 7 * 86_400_000_000,
        "metrics": metrics_of(quality),
        "calibration": calibration_of(quality.reliability),
        "thresholds": thresholds_of(quality.reliability),
        "comparison": None,
        "segments": [],
        **more,
    }


def test_the_card_says_what_is_known_and_what_is_not():
    card = card_of(manifest(judged(1)[0]))
    assert card.startswith("# forest, version 3\n")
    for text in ("12,345 labels", "2026-05-28T", "7 days", "## Limits", "(reliability.svg)"):
        assert text in card, text
    assert "Beside the champion" not in card
    bare = card_of(manifest(Prequential(), trained_until_us=-1, sample=0.5))
    assert "nothing yet" in bare
    assert "a share of 0.5" in bare
    assert "Fewer than 100 frauds" in bare


def test_a_name_cannot_break_a_table():
    segment = {"feature": "a|b", "value": "x\ny", "decisions": 1, "frauds": 0}
    segment |= {"recall": None, "false_positive_rate": 0.5}
    card = card_of(manifest(Prequential(), segments=[segment]))
    assert "| a\\|b | x y | 1 | 0 | - | 50.0% |" in card
