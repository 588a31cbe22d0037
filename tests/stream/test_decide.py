"""From score to outcome, and names of alerts."""

import hashlib
import itertools

import numpy as np
import pytest

from stream.decide import THRESHOLD_OFF, DecisionScores, Outcome, Thresholds, alert_id, score_scaled


def names(thresholds, *scores):
    return [Outcome(o).name for o in thresholds.outcomes(np.array(scores))]


def test_a_threshold_applies_from_its_very_score():
    thresholds = Thresholds(review=0.5, challenge=0.7, block=0.9)
    below = np.nextafter([0.5, 0.7, 0.9], 0)
    assert names(thresholds, 0.0, *below) == ["ALLOW", "ALLOW", "REVIEW", "CHALLENGE"]
    assert names(thresholds, 0.5, 0.7, 0.9, 1.0) == ["REVIEW", "CHALLENGE", "BLOCK", "BLOCK"]


@pytest.mark.parametrize("order", list(itertools.permutations([0.3, 0.6, 0.9])))
def test_the_strictest_outcome_wins_whatever_the_order_of_the_thresholds(order):
    thresholds = Thresholds(*order)
    for score in np.linspace(0, 1, 21):
        met = [place for place, threshold in enumerate(order, 1) if score >= threshold]
        assert thresholds.outcomes(np.array([score]))[0] == max(met, default=0)


def test_a_missing_score_is_allowed():
    assert names(Thresholds(review=0.0), np.nan, 0.0) == ["ALLOW", "REVIEW"]


def test_challenge_is_off_unless_it_is_asked_for():
    assert Thresholds().challenge == THRESHOLD_OFF
    assert names(Thresholds(), 0.6, 0.94, 0.95) == ["REVIEW", "REVIEW", "BLOCK"]
    assert names(Thresholds(review=THRESHOLD_OFF, block=THRESHOLD_OFF), 1.0) == ["ALLOW"]


@pytest.mark.parametrize("thresholds", [(0.3, 2.0, 0.9), (0.9, 0.5, 0.7), (2.0, 2.0, 0.4)])
def test_what_is_alerted_is_what_is_not_allowed(thresholds):
    scores = np.append(np.linspace(0, 1, 41), np.nan)
    for review in (0.0, 0.2, thresholds[0], 2.0):
        moved = Thresholds(review, *thresholds[1:])
        np.testing.assert_array_equal(scores >= moved.alerting, moved.outcomes(scores) > 0)


def test_what_was_said_comes_back_as_it_was():
    rng = np.random.default_rng(1)
    said = DecisionScores(rng.random((5, 3)), rng.random((5, 3)), rng.random(5))
    packed = said.packed()
    assert packed.shape == (5, DecisionScores.width(3))
    np.testing.assert_array_equal(packed[:, 0], said.scores[:, 0])
    back = DecisionScores.unpacked(packed)
    for name, values in vars(said).items():
        np.testing.assert_array_equal(getattr(back, name), values)
    assert DecisionScores.unpacked(packed[:0]).raw.shape == (0, 3)


def test_outcomes_are_ordered_from_mild_to_strict():
    assert Outcome.ALLOW < Outcome.REVIEW < Outcome.CHALLENGE < Outcome.BLOCK


def test_the_threshold_behind_an_outcome_is_told():
    thresholds = Thresholds(0.1, 0.2, 0.3)
    assert thresholds.of(np.array([*Outcome], np.int8)).tolist() == [0.0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("score", "scaled"), [(0.0, 0), (0.0009, 0), (0.5, 500), (0.9999, 999), (1.0, 999)]
)
def test_a_score_is_scaled_to_0_to_999(score, scaled):
    assert score_scaled(score) == scaled


def test_no_rows_have_no_outcomes():
    assert Thresholds().outcomes(np.empty(0)).shape == (0,)


def test_an_alert_has_the_same_id_for_ever():
    # Pinned: readers keep ids across releases.
    expected = hashlib.blake2b(b"payments\x003\x0042\x00v1", digest_size=16).hexdigest()
    assert alert_id("payments", 3, 42, "v1") == expected
    assert expected == "c64f7eed93dadcff72f941cf692a9d47"


def test_alerts_of_other_records_or_policies_have_other_ids():
    parts = [("payments", 1, 23, "v1"), ("payments", 12, 3, "v1"), ("payments", 1, 23, "v2")]
    parts += [("payments1", 1, 23, "v1"), ("payments", 1, 2, "3v1")]
    assert len({alert_id(*part) for part in parts}) == len(parts)
