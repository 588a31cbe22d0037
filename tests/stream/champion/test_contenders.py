"""What contenders say, calibrated, and how they are taught."""

import math

import numpy as np
import pytest
from checks.one_row import contributions
from inputs.streams import examples

from models.calibration.calibrator import Calibrator
from models.feedback_delayed import FeedbackAndDelayed, has_feedback_learner
from models.sampling import SampledLearner, chosen
from stream.champion.contenders import Contender, ask, calibrate, contender_of, judge, teach
from stream.decide import DecisionScores
from stream.labels.label_kinds import DELAYED, FEEDBACK
from stream.timed_learner import TimedLearner


class _Says:
    """A learner whose score is its first feature, and that notes what happens to it."""

    learned, ready = 0, True

    def __init__(self, notes=None):
        self.notes = [] if notes is None else notes

    def predict_proba_many(self, X):
        return X[:, 0].copy()

    def contributions_many(self, X):
        p = np.clip(X[:, 0], 1e-15, 1 - 1e-15)
        parts = np.column_stack([np.log(p / (1 - p)) - 1.25, np.ones(len(X))])
        return np.full(len(X), 0.25), parts

    def learn_many(self, X, y, w=None):
        self.notes.append("learner")


class _Hears(FeedbackAndDelayed):
    """Feedback apart, that notes what each is told."""

    def __init__(self):
        self.notes = {"feedback": [], "delayed": []}

    def learn_feedback(self, X, y):
        self.notes["feedback"] += zip(X[:, 0].tolist(), y.tolist(), strict=True)

    def learn_many(self, X, y, w=None):
        self.notes["delayed"] += zip(X[:, 0].tolist(), y.tolist(), strict=True)


class _Listens(_Says):
    """A learner of all labels alike."""

    def learn_many(self, X, y, w=None):
        self.notes += zip(X[:, 0].tolist(), y.tolist(), strict=True)


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
    base, parts = contributions(contender, np.array([raw, 0.0]), raw)
    score = ask([contender], np.array([[raw, 0.0]]), 0.5).scores[0, 0]
    assert math.log(score / (1 - score)) == pytest.approx(base + parts.sum(), rel=1e-9)
    # Each feature's part is stretched as all others are.
    assert parts[1] == contender.calibrator.slope < 0.6


def test_without_a_calibrator_what_the_learner_says_is_the_score():
    contender = contender_of(_Says(), calibrate=False)
    X = np.array([[0.2, 0.0], [0.7, 0.0]])
    said = ask([contender], X, 0.4)
    np.testing.assert_array_equal(said.scores, said.raw)
    assert contributions(contender, X[0], 0.2)[0] == 0.25
    assert contender.calibration == {}


def test_who_is_not_ready_says_nothing():
    said = ask(
        [contender_of(_Cold(), True), contender_of(_Says(), True)],
        np.full((3, 2), 0.2),
        0.4,
    )
    assert np.isnan(said.scores[:, 0]).all()
    assert np.isnan(said.raw[:, 0]).all()
    np.testing.assert_allclose(said.scores[:, 1], 0.2)
    assert said.alerting.tolist() == [0.4] * 3
    assert ask([contender_of(_Says(), True)], np.empty((0, 2)), 0.4).scores.shape == (0, 1)


def test_a_label_is_a_test_first_then_teaches_the_learner(monkeypatch):
    notes = []
    contender = contender_of(_Says(notes), calibrate=True)
    monkeypatch.setattr(contender.prequential, "update", lambda *_: notes.append("test"))
    said = ask([contender], np.full((2, 2), 0.3), 0.5)
    y = np.array([True, False])
    judge([contender], said, y)
    teach([contender], examples(np.full((2, 2), 0.3), y))
    assert notes == ["test", "learner"]


def test_the_calibrator_learns_from_what_the_model_said_and_the_score_given_is_judged():
    contender, alone = contender_of(_Says(), calibrate=True), Calibrator()
    raw, y = np.full((50, 1), 0.9), np.zeros(50, np.bool_)
    said = DecisionScores(np.full((50, 1), 0.1), raw, np.full(50, 0.5))
    calibrate([contender], said, y)
    judge([contender], said, y)
    alone.learn(raw[:, 0], y)
    assert contender.calibration == {"slope": alone.slope, "offset": alone.offset, "labels": 50}
    assert contender.prequential.as_dict()["log_loss"] == pytest.approx(-math.log(0.9))


def test_alerts_are_judged_by_the_threshold_of_their_time():
    contender = contender_of(_Says(), calibrate=True)
    scores = np.full((4, 1), 0.3)
    said = DecisionScores(scores, scores, np.array([0.2, 0.2, 0.5, 2.0]))
    y = np.array([True, False, True, False])
    judge([contender], said, y)
    quality = contender.prequential
    assert (quality.true_positives, quality.false_positives) == (1, 1)
    assert (quality.false_negatives, quality.true_negatives) == (1, 1)


def test_each_learner_hears_what_is_of_its_kind_and_one_of_all_labels_hears_all_that_is_new():
    both, one = _Hears(), _Listens()
    X, y = np.arange(8.0).reshape(4, 2), np.array([True, False, True, False])
    kinds = [FEEDBACK, DELAYED, FEEDBACK | DELAYED, DELAYED]
    contenders = [contender_of(both, True), contender_of(one, True)]
    teach(contenders, examples(X, y, news=[True, True, True, False], kinds=kinds))
    assert both.notes["feedback"] == [(0.0, True), (4.0, True)]
    assert both.notes["delayed"] == [(2.0, False), (4.0, True), (6.0, False)]
    assert one.notes == [(0.0, True), (2.0, False), (4.0, True)]


class _Weighs(_Hears):
    """Feedback apart, that notes what each row of the delayed one weighs."""

    def learn_many(self, X, y, w=None):
        super().learn_many(X, y)
        self.weights = None if w is None else w.tolist()


def test_what_weighs_nothing_is_not_learned_and_what_analysts_say_weighs_one():
    both, one = _Weighs(), _Weighs()
    X, y = np.arange(10.0).reshape(5, 2), np.array([True, False, True, False, False])
    kinds = [FEEDBACK, *[DELAYED] * 4]
    news = [True, True, True, True, False]
    some = examples(X, y, news=news, kinds=kinds)
    contenders = [contender_of(both, True), contender_of(one, True)]
    teach(contenders, some._replace(weights=np.array([1.0, 0.0, 1.0, 4.0, 0.0])))
    for each in (both, one):
        assert each.notes["feedback"] == [(0.0, True)]
        assert each.notes["delayed"] == [(4.0, True), (6.0, False)]
        assert each.weights == [1.0, 4.0]
    alone = _Listens()
    teach([contender_of(alone, True)], some._replace(weights=np.array([1.0, 0.0, 1.0, 4.0, 1.0])))
    assert alone.notes == [(0.0, True), (4.0, True), (6.0, False)]
    teach(contenders, some)
    assert both.weights is None


def test_feedback_is_learned_apart_through_whatever_wraps_them():
    both, X = _Hears(), np.arange(40.0).reshape(20, 2)
    y, share = np.ones(20, np.bool_), 0.5
    wrapped = TimedLearner(SampledLearner(both, share))
    assert has_feedback_learner(wrapped)
    assert not has_feedback_learner(TimedLearner(SampledLearner(_Says(), share)))
    kinds = FEEDBACK | DELAYED
    teach([contender_of(wrapped, True)], examples(X, y, kinds=kinds))
    heard = [(x, True) for x in X[chosen(X, share), 0].tolist()]
    assert 0 < len(heard) < 20
    assert both.notes == {"feedback": heard, "delayed": heard}
    TimedLearner(SampledLearner(_Says(), share)).learn_feedback(X, y)  # It hears nothing.
