"""Pictures of a card: each shows, and says in words, the numbers that the manifest has."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from seeds import seeds

from models.prequential import Prequential
from models.reliability import EDGES, Reliability
from stream.model_registry.card import card_of
from stream.model_registry.manifest import calibration_of, features_of, metrics_of, thresholds_of
from stream.model_registry.plots import (
    CALIBRATION,
    RANKING,
    SCORES,
    calibration_plot,
    plots_of,
    ranking_plot,
    scores_plot,
)

LEFT, TOP, WIDTH, HEIGHT = 62, 84, 370, 220


def judged(seed, n=3000, frauds=True):
    rng, counted = np.random.default_rng(seed), Reliability()
    scores = 1 / (1 + np.exp(-rng.normal(-5, 2, n)))
    # Both ends of the axis: below the first bin, and in the last.
    scores[:2] = 0.0, 1.0
    y = (rng.random(n) < scores) & frauds
    y[1] = frauds
    counted.update(scores, y)
    return counted, scores, y


def manifest(counted):
    return {
        "name": 'for<est & "co"',
        "version": 3,
        "calibration": calibration_of(counted),
        "thresholds": thresholds_of(counted),
    }


def read(text):
    root = ElementTree.fromstring(text)
    words = next(each.text for each in root.iter() if each.tag.endswith("desc"))
    return root, words


def shapes(root, tag, kind):
    found = (each for each in root.iter() if each.tag.endswith(tag))
    return [each.attrib for each in found if each.attrib.get("class") == kind]


@seeds(3)
def test_each_bin_of_scores_stands_with_its_frauds_and_its_genuine_payments(seed):
    counted, scores, y = judged(seed)
    root, words = read(scores_plot(manifest(counted)))
    place = np.searchsorted(EDGES, scores, side="right")
    genuine, frauds = np.bincount(place[~y], minlength=64), np.bincount(place[y], minlength=64)
    used = np.flatnonzero(genuine + frauds)
    said = [tuple(map(int, pair)) for pair in re.findall(r": (\d+) genuine, (\d+) fraud", words)]
    assert said == [(genuine[at], frauds[at]) for at in used]
    shares = {"grey": genuine[used] / genuine.sum(), "dot": frauds[used] / frauds.sum()}
    most = max(map(max, shares.values()))
    for kind, expected in shares.items():
        tall = [float(each["height"]) for each in shapes(root, "rect", kind)]
        np.testing.assert_allclose(tall, HEIGHT * expected / most, atol=0.06)
    across = [float(each["x"]) for each in shapes(root, "rect", "dot")]
    # As far apart as their bins are.
    steps = np.diff(across) / (WIDTH / (used[-1] - used[0] + 1))
    np.testing.assert_allclose(steps, np.diff(used), atol=0.02)
    assert LEFT <= min(across) <= max(across) <= LEFT + WIDTH


@seeds(3)
def test_a_dot_a_threshold_at_its_recall_and_precision(seed):
    counted, scores, y = judged(seed)
    root, words = read(ranking_plot(manifest(counted)))
    rows = thresholds_of(counted)
    dots = shapes(root, "circle", "dot")
    assert len(dots) == len(rows) == words.count("precision")
    for dot, row in zip(dots, rows, strict=True):
        alerted = scores >= row["threshold"] - 1e-12
        recall, precision = (y & alerted).sum() / y.sum(), (y & alerted).sum() / alerted.sum()
        assert float(dot["cx"]) == pytest.approx(LEFT + WIDTH * recall, abs=0.06)
        assert float(dot["cy"]) == pytest.approx(TOP + HEIGHT * (1 - precision), abs=0.06)
    flat = [each["d"] for each in shapes(root, "path", "even")]
    base = f"{TOP + HEIGHT * (1 - y.mean()):.1f}"
    assert f"M{LEFT}.0 {base}L{LEFT + WIDTH}.0 {base}" in flat


@seeds(3)
def test_what_was_said_stands_beside_what_was_true_with_its_count(seed):
    counted, _, _ = judged(seed)
    rows = calibration_of(counted)
    root, words = read(calibration_plot(manifest(counted)))
    counts = [int(each.replace(",", "")) for each in re.findall(r"of ([\d,]+) payment", words)]
    assert counts == [row["payments"] for row in rows]
    dots, bars = shapes(root, "circle", "dot"), shapes(root, "rect", "grey")
    most = math.log10(1 + max(counts))
    for dot, bar, row in zip(dots, bars, rows, strict=True):
        assert float(bar["height"]) == pytest.approx(
            50 * math.log10(1 + row["payments"]) / most, abs=0.06
        )
        # Above the diagonal is what was more often true than said.
        x, y = float(dot["cx"]) - LEFT, TOP + HEIGHT - float(dot["cy"])
        if 1 < x < WIDTH - 1 and 1 < y < HEIGHT - 1 and abs(row["was"] / row["said"] - 1) > 0.05:
            assert (y / HEIGHT > x / WIDTH) == (row["was"] > row["said"])


def test_where_nothing_is_known_pictures_say_so():
    for counted, words in (
        (Reliability(), ("No scores yet.", "No frauds yet.", "No scores yet.")),
        (judged(1, frauds=False)[0], (None, "No frauds yet.", None)),
    ):
        plots = plots_of(manifest(counted))
        for text, expected in zip(plots.values(), words, strict=True):
            _, said = read(text)
            assert said == expected if expected else "payment" in said or "genuine" in said
            assert "nan" not in text
    one = Reliability()
    one.update(np.array([0.5]), np.array([True]))
    assert all(read(text) for text in plots_of(manifest(one)).values())


def test_every_picture_is_on_the_card_and_says_whose_it_is():
    counted, _, _ = judged(1)
    plots = plots_of(manifest(counted))
    assert list(plots) == [CALIBRATION, RANKING, SCORES]
    assert all("for&lt;est &amp;" in text for text in plots.values())
    whole = {
        "created": "",
        "code_version": "1",
        "role": "champion",
        "kind": "forest",
        "sample": 1.0,
        "features": features_of(["amount"]),
        "libraries": {},
        "source": {"snapshot": 7},
        "trained_until_us": 1,
        "learned": 1,
        "maturity_us": 1,
        "metrics": metrics_of(Prequential()),
        "segments": [],
    }
    card = card_of({**whole, **manifest(counted)})
    assert all(f"]({name})" in card for name in plots)
    assert "It learned 1 label," in card
