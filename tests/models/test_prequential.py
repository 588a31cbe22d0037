"""The running quality figures against plain loops."""

import itertools
import math

import numpy as np
import pytest
from seeds import seeds

from models.prequential import Prequential


def brier(scores, y):
    squares = [(p - t) ** 2 for p, t in zip(scores, y, strict=True) if not math.isnan(p)]
    return math.fsum(squares) / len(squares) if squares else None


def calibration_error(scores, y):
    """Bins of half a log-odds from -12 to 12, and one beyond each end."""
    edges = [-math.inf, *(-12 + 0.5 * i for i in range(49)), math.inf]
    pairs = [(p, t) for p, t in zip(scores, y, strict=True) if not math.isnan(p)]
    distance = 0.0
    for low, high in itertools.pairwise(edges):
        inside = [(p, t) for p, t in pairs if low <= odds(p) < high or odds(p) == high == math.inf]
        distance += abs(math.fsum(p for p, _ in inside) - sum(t for _, t in inside))
    return distance / len(pairs) if pairs else None


def odds(p):
    if p in (0.0, 1.0):
        return math.inf if p else -math.inf
    return math.log(p / (1 - p))


def plain(scores, alerted, y):
    """All figures from the lists, from scratch."""
    pairs = list(zip(alerted, y, strict=True))
    hits, alerts = pairs.count((True, True)), sum(alerted)
    frauds, losses = sum(y), []
    for score, fraud in zip(scores, y, strict=True):
        if not math.isnan(score):
            p = min(max(score, 1e-15), 1 - 1e-15)
            losses.append(-math.log(p) if fraud else -math.log1p(-p))
    return {
        "judged": len(pairs),
        "unscored": len(pairs) - len(losses),
        "left_out": 0,
        "frauds": frauds,
        "precision": hits / alerts if alerts else None,
        "recall": hits / frauds if frauds else None,
        "log_loss": math.fsum(losses) / len(losses) if losses else None,
        "brier": brier(scores, y),
        "calibration_error": calibration_error(scores, y),
    }


@seeds(5)
def test_every_figure_equals_plain_python_after_every_batch(seed):
    rng = np.random.default_rng(seed)
    n = 200
    scores = np.where(rng.random(n) < 0.2, np.nan, rng.random(n))
    scores[rng.integers(0, n, 10)] = rng.choice([0.0, 0.5, 1.0], 10)
    alerted, y = rng.random(n) < 0.4, rng.random(n) < 0.3
    quality, start = Prequential(), 0
    for stop in [*np.sort(rng.integers(0, n, 12)).tolist(), n]:
        quality.update(scores[start:stop], alerted[start:stop], y[start:stop])
        start = stop
        expected = plain(scores[:stop].tolist(), alerted[:stop].tolist(), y[:stop].tolist())
        got = quality.as_dict()
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            close = value if value is None else pytest.approx(value, rel=1e-12)
            assert got[name] == close, name


@seeds(3)
def test_judged_by_what_was_scored_rows_without_a_score_are_left_out(seed):
    rng = np.random.default_rng(seed)
    scores = np.where(rng.random(90) < 0.4, np.nan, rng.random(90))
    alerted, y = rng.random(90) < 0.4, rng.random(90) < 0.3
    quality, scored = Prequential(), ~np.isnan(scores)
    for part in np.array_split(np.arange(90), 5):
        quality.update_scored(scores[part], alerted[part], y[part])
    expected = plain(scores[scored].tolist(), alerted[scored].tolist(), y[scored].tolist())
    expected["left_out"] = int((~scored).sum())
    got = quality.as_dict()
    for name, value in expected.items():
        assert got[name] == (value if value is None else pytest.approx(value, rel=1e-12)), name


def test_what_is_not_defined_yet_is_none_and_not_zero():
    assert Prequential().as_dict() == {
        "judged": 0,
        "unscored": 0,
        "left_out": 0,
        "frauds": 0,
        "precision": None,
        "recall": None,
        "log_loss": None,
        "brier": None,
        "calibration_error": None,
    }


def test_a_missing_score_counts_against_recall_but_not_in_the_loss():
    quality = Prequential()
    quality.update(np.array([np.nan, 0.5]), np.array([False, True]), np.array([True, True]))
    figures = quality.as_dict()
    assert figures["unscored"] == 1
    assert figures["recall"] == 0.5
    assert figures["log_loss"] == pytest.approx(math.log(2))


@pytest.mark.parametrize(("score", "fraud"), [(0.0, True), (1.0, False)])
def test_a_score_that_is_certain_and_wrong_costs_much_but_not_everything(score, fraud):
    quality = Prequential()
    quality.update(np.array([score]), np.array([True]), np.array([fraud]))
    assert quality.as_dict()["log_loss"] == pytest.approx(-math.log(1e-15), rel=1e-2)


@pytest.mark.parametrize("scored_only", [False, True])
@seeds(3)
def test_what_is_taken_back_was_never_judged(scored_only, seed):
    rng = np.random.default_rng(seed)
    scores = np.where(rng.random(60) < 0.2, np.nan, rng.random(60))
    alerted, y = rng.random(60) < 0.4, rng.random(60) < 0.3
    ours, plain = Prequential(), Prequential()
    name = "_scored" if scored_only else ""
    getattr(ours, f"update{name}")(scores, alerted, y)
    wrong = slice(10, 30)
    getattr(ours, f"take_back{name}")(scores[wrong], alerted[wrong], y[wrong])
    kept = np.r_[0:10, 30:60]
    getattr(plain, f"update{name}")(scores[kept], alerted[kept], y[kept])
    mine, expected = vars(ours), vars(plain)
    assert mine.pop("log_loss_sum") == pytest.approx(expected.pop("log_loss_sum"), 1e-12)
    assert mine == expected
