"""Evidence beside what is usual, with what would have helped, and without what is protected."""

from __future__ import annotations

import numpy as np
import pytest
from inputs.grammar_names import INPUTS

from stream.decide import Thresholds
from stream.event_time import BEGINNING_US
from stream.evidence.evidence import NO_TIME_US, Alerted, Evidence
from stream.evidence.explainer import Explained, Explainer, note_barriers
from stream.evidence.reasons import NO_REASON
from stream.features.declare import declare
from stream.features.feature_set import FeatureSet

NAMES = ("card.count_1h", "card.count_30d", "amount")
FEATURES = FeatureSet(declare(NAMES, INPUTS), None, INPUTS)  # type: ignore[arg-type]
X = np.array([[14.0, 14.0 + 719 * 2.0, 50.0], [3.0, 3.0, 900.0]])
PARTS = np.array([[2.0, -1.0, 1.0], [1.0, -1.0, 3.0]])
SCORES = np.array([0.9, 0.4])


def explain(explained: Explained, scores: np.ndarray = SCORES) -> tuple[Evidence, list[int]]:
    """Return the evidence, and of how many rows the champion was asked each time."""
    asked: list[int] = []

    def score(rows):
        asked.append(len(rows))
        return np.where((rows[:, 0] > 5) | (rows[:, 2] > 500), 0.9, 0.1)

    rows, two = np.array([4, 9]), np.zeros(2)
    outcomes, undrawn = np.ones(2, np.int8), np.array([np.nan, 0.25])
    states = np.zeros(X.shape, np.uint8)
    none = np.zeros((2, 0)), np.zeros(2, np.int64)
    alerted = Alerted(rows, X, states, two, PARTS, outcomes, undrawn, *none)
    thresholds = Thresholds(review=0.5)
    explainer = Explainer(FEATURES, explained)
    return explainer.evidence(alerted, thresholds, scores, score), asked


def test_what_is_usual_and_what_would_have_helped_stand_beside_the_reasons() -> None:
    found, _ = explain(Explained())
    assert found.reasons[:, :2].tolist() == [[0, 2], [2, 0]]
    assert found.normals[0, 0] == pytest.approx(2.0)
    assert np.isnan(found.normals[1]).all()
    assert found.change_features.tolist() == [0, NO_REASON], "the other was drawn, not raised"
    assert (found.change_values[0], found.change_scores[0]) == (5.0, 0.1)


def test_what_is_protected_is_no_reason_and_does_not_change() -> None:
    found, _ = explain(Explained(frozenset({"card.count_1h"})))
    assert found.reasons[:, :2].tolist() == [[2, NO_REASON], [2, NO_REASON]]
    assert found.change_features.tolist() == [NO_REASON, NO_REASON]
    assert not (found.reasons == 0).any()


def test_nobody_is_asked_where_no_counterfactual_is_wanted() -> None:
    found, asked = explain(Explained(counterfactuals=False))
    assert asked == []
    assert found.normals[0, 0] == pytest.approx(2.0)
    assert found.change_features.tolist() == [NO_REASON, NO_REASON]


def test_the_champion_is_asked_twice_however_many_alerts_there_are() -> None:
    assert len(explain(Explained())[1]) == 2


def test_labels_are_known_until_the_barrier_that_the_payments_own_watermark_had_passed() -> None:
    found, _ = explain(Explained())
    assert found.known_until.tolist() == [NO_TIME_US] * 2
    watermarks = np.full(10, BEGINNING_US)
    watermarks[9] = 12_345
    note_barriers([found], watermarks, 1_000)
    assert found.known_until.tolist() == [NO_TIME_US, 12_000]


def test_where_a_rule_asks_for_the_alert_no_other_score_would_have_helped() -> None:
    found, asked = explain(Explained(), np.array([np.nan, np.nan]))
    assert asked == []
    assert found.change_features.tolist() == [NO_REASON, NO_REASON]
