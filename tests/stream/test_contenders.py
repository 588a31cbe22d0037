"""What contenders say, calibrated, and how they are taught."""

import math

import numpy as np
import pytest

from models.calibration.calibrator import Calibrator
from stream.contenders import Contender, ask, calibrate, contender_of, judge_and_teach
from stream.decide import Said, Thresholds

NOW = np.zeros(2, np.int64)


class _Says:
    """A learner whose score is its first feature, and that notes what happens to it."""

    learned, ready = 0, True

    def __init__(self, notes=None):
        self.notes = [] if notes is None else notes

    def predict_proba_many(self, X):
        return X[:, 0].copy()

    def contributions(self, x):
        p = min(max(x[0], 1e-15), 1 - 1e-15)
        return 0.25, np.array([math.log(p / (1 - p)) - 1.25, 1.0])

    def learn_many(self, X, y):
        self.notes.append("learner")


class _Cold(_Says):
    ready = False


def taught():
    """A calibrator that has learned that scores are too sure."""
    rng = np.random.default_rng(1)
    z = rng.normal(-1, 2, 3000)
    calibrator = Calibrator()
    calibrator.learn(1 / (1 + np.exp(-z)), rng.random(3000) < 1 / (1 + np.exp(-0.4 * z)))
    return calibrator


@pytest.mark.parametrize("raw", [0.0, 1e-9, 0.2, 0.97, 1 - 1e-9, 1.0])
def test_base_and_contributions_are_the_log_odds_of_the_calibrated_score(raw):
    contender = Contender(_Says(), calibrator=taught())
    base, parts = contender.contributions(np.array([raw, 0.0]), raw)
    score = ask([contender], np.array([[raw, 0.0]]), 0.5, NOW[:1]).scores[0, 0]
    assert math.log(score / (1 - score)) == pytest.approx(base + parts.sum(), rel=1e-9)
    # Each feature's part is stretched as all others are.
    assert parts[1] == contender.calibrator.slope < 0.6


def test_without_a_calibrator_what_the_learner_says_is_the_score():
    contender = contender_of(_Says(), calibrate=False)
    X = np.array([[0.2, 0.0], [0.7, 0.0]])
    said = ask([contender], X, 0.4, NOW)
    np.testing.assert_array_equal(said.scores, said.raw)
    assert contender.contributions(X[0], 0.2)[0] == 0.25
    assert contender.calibration == {}


def test_who_is_not_ready_says_nothing():
    said = ask(
        [contender_of(_Cold(), True), contender_of(_Says(), True)],
        np.full((3, 2), 0.2),
        0.4,
        np.zeros(3, np.int64),
    )
    assert np.isnan(said.scores[:, 0]).all()
    assert np.isnan(said.raw[:, 0]).all()
    np.testing.assert_allclose(said.scores[:, 1], 0.2)
    assert said.review.tolist() == [0.4] * 3
    assert ask([contender_of(_Says(), True)], np.empty((0, 2)), 0.4, NOW[:0]).scores.shape == (0, 1)


def test_a_label_is_a_test_first_then_teaches_the_learner(monkeypatch):
    notes = []
    contender = contender_of(_Says(notes), calibrate=True)
    monkeypatch.setattr(contender.prequential, "update", lambda *_: notes.append("test"))
    said = ask([contender], np.full((2, 2), 0.3), 0.5, NOW)
    judge_and_teach([contender], Thresholds(), np.full((2, 2), 0.3), said, np.array([True, False]))
    assert notes == ["test", "learner"]


def test_the_calibrator_learns_from_what_the_model_said_and_the_score_given_is_judged():
    contender, alone = contender_of(_Says(), calibrate=True), Calibrator()
    raw, y = np.full((50, 1), 0.9), np.zeros(50, np.bool_)
    said = Said(np.full((50, 1), 0.1), raw, np.full(50, 0.5), np.zeros(50))
    calibrate([contender], said.raw, y)
    judge_and_teach([contender], Thresholds(), np.zeros((50, 2)), said, y)
    alone.learn(raw[:, 0], y)
    assert contender.calibration == {"slope": alone.slope, "offset": alone.offset, "labels": 50}
    assert contender.prequential.as_dict()["log_loss"] == pytest.approx(-math.log(0.9))


def test_alerts_are_judged_by_the_threshold_of_their_time():
    contender = contender_of(_Says(), calibrate=True)
    scores = np.full((4, 1), 0.3)
    said = Said(scores, scores, np.array([0.2, 0.2, 0.5, 2.0]), np.zeros(4))
    y = np.array([True, False, True, False])
    judge_and_teach([contender], Thresholds(), np.zeros((4, 2)), said, y)
    quality = contender.prequential
    assert (quality.true_positives, quality.false_positives) == (1, 1)
    assert (quality.false_negatives, quality.true_negatives) == (1, 1)
