"""Feedback apart: each label reaches the learner of its kind, and both speak."""

import numpy as np
import pytest
from checks.one_row import contributions
from seeds import seeds

import models
from models.feedback_delayed import FeedbackAndDelayed
from models.river.adapter import logistic_pipeline
from models.states.snapshot import pack, unpack
from schemas.errors import SnapshotError

NAMES = ("f0", "f1", "f2")


def log_odds(p):
    return np.log(p / (1 - p))


def member():
    return models.compile(logistic_pipeline(), NAMES, frauds_min=1, genuine_min=1)


def examples(rng, n):
    y = rng.random(n) < 0.4
    return rng.normal(0, 1, (n, len(NAMES))) + y[:, None], y


@seeds(3)
def test_each_kind_of_label_teaches_its_own_learner_and_log_odds_are_averaged(seed):
    rng = np.random.default_rng(seed)
    feedback, delayed = member(), member()
    both = FeedbackAndDelayed(member(), member(), feedback_share=0.3)
    for _ in range(5):
        late, fast = examples(rng, 40), examples(rng, 7)
        both.learn_many(*late)
        both.learn_feedback(*fast)
        delayed.learn_many(*late)
        feedback.learn_many(*fast)
    assert both.learned == 5 * 47
    X, _ = examples(rng, 50)
    expected = 0.3 * log_odds(feedback.predict_proba_many(X)) + 0.7 * log_odds(
        delayed.predict_proba_many(X)
    )
    np.testing.assert_allclose(log_odds(both.predict_proba_many(X)), expected, rtol=1e-9)


def test_it_is_ready_when_the_delayed_learner_is_and_that_one_may_speak_alone():
    rng = np.random.default_rng(1)
    both, alone = FeedbackAndDelayed(member(), member()), member()
    fast = examples(rng, 30)
    both.learn_feedback(*fast)
    assert not both.ready
    both, late = FeedbackAndDelayed(member(), member()), examples(rng, 60)
    both.learn_many(*late)
    alone.learn_many(*late)
    X, _ = examples(rng, 20)
    assert both.ready
    np.testing.assert_allclose(both.predict_proba_many(X), alone.predict_proba_many(X), rtol=1e-12)


@seeds(2)
def test_what_it_says_of_features_adds_up_to_the_score(seed):
    rng = np.random.default_rng(seed)
    both = FeedbackAndDelayed(member(), member(), 0.6)
    both.learn_many(*examples(rng, 80))
    both.learn_feedback(*examples(rng, 20))
    X, _ = examples(rng, 10)
    for x, score in zip(X, both.predict_proba_many(X), strict=True):
        base, parts = contributions(both, x)
        assert base + parts.sum() == pytest.approx(log_odds(score), abs=1e-9)


@seeds(2)
def test_a_restored_one_goes_on_and_a_state_of_another_share_is_refused(seed):
    rng = np.random.default_rng(seed)
    first = FeedbackAndDelayed(member(), member(), 0.4)
    first.learn_many(*examples(rng, 50))
    first.learn_feedback(*examples(rng, 20))
    kept = unpack(pack(first.state()))
    second = FeedbackAndDelayed(member(), member(), 0.4)
    second.restore(kept)
    for _ in range(2):
        late, fast = examples(rng, 9), examples(rng, 3)
        for each in (first, second):
            each.learn_many(*late)
            each.learn_feedback(*fast)
    X, _ = examples(rng, 30)
    np.testing.assert_array_equal(first.predict_proba_many(X), second.predict_proba_many(X))
    other = FeedbackAndDelayed(member(), member(), 0.5)
    with pytest.raises(SnapshotError, match="feedback_share"):
        other.restore(kept)
    assert other.learned == 0


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_that_leaves_one_learner_out_is_refused(share):
    with pytest.raises(ValueError, match="feedback_share is"):
        FeedbackAndDelayed(member(), member(), share)
