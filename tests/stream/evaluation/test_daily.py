"""Every measure of every day and of the whole, and how they fade, against plain loops."""

import naive_evaluation as naive
import numpy as np
import pytest
from inputs.decisions import KINDS, decisions_of
from seeds import seeds

from stream.evaluation.daily import fading, quality


def plain_day(rows, k):
    """All that is said of some rows of one day."""
    scores, y = naive.plain(rows.score.tolist()), rows.is_fraud.tolist()
    amounts = rows.amount_minor.tolist()
    cards = naive.by_card(rows.card.tolist(), scores, y, amounts)
    card_scores, card_y, card_money = ([row[i] for row in cards] for i in (1, 2, 3))
    raised = [i for i, outcome in enumerate(rows.outcome.tolist()) if outcome >= 1]
    alerts = naive.found(raised, y, amounts)
    budget = naive.found(naive.first_places(scores, k), y, amounts)
    at_cards = naive.found(naive.first_places(card_scores, k), card_y, card_money)
    known = [score for score in scores if score is not None]
    edges = np.percentile(known, np.linspace(0, 1, 16) * 100)[1:-1].tolist() if known else []
    error, debiased = naive.calibration(scores, y, edges)
    brier, log_loss = naive.losses(scores, y)
    return {
        "payments": len(y),
        "frauds": sum(y),
        "fraud_money_minor": sum(a for a, fraud in zip(amounts, y, strict=True) if fraud),
        "unscored": scores.count(None),
        "without_card": rows.card.tolist().count(0),
        "defrauded_cards": sum(card_y),
        "alerts": len(raised),
    }, {
        "auc": naive.auc(scores, y),
        "ap": naive.average_precision(scores, y),
        "card_precision": at_cards["hits"] / k,
        "card_recall": at_cards["recall"],
        "card_value_recall": at_cards["value_recall"],
        "budget_precision": budget["precision"],
        "budget_recall": budget["recall"],
        "budget_value_recall": budget["value_recall"],
        "alert_precision": alerts["precision"],
        "alert_recall": alerts["recall"],
        "alert_value_recall": alerts["value_recall"],
        "calibration_error": error,
        "calibration_rms_debiased": pytest.approx(debiased, abs=1e-8) if known else None,
        "brier": brier,
        "log_loss": log_loss,
    }


def agree(found, wanted):
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        close = pytest.approx(value) if isinstance(value, float) else value
        assert found[name] == close, name


@seeds(2)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [3, 100])
def test_a_day_is_what_plain_loops_say(seed, kind, k):
    rows = decisions_of(160, seed, kind, days=4)
    found = quality(rows, k)
    days = sorted(set(rows.day.tolist()))
    assert [day for day, _ in found.days] == days
    for day, measures in found.days:
        counts, shares = plain_day(rows.take(rows.day == day), k)
        agree(measures.counts(), counts)
        agree(measures.shares(), shares)


@seeds(2)
@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_ranks_all_together_and_adds_up_what_was_found(seed, kind):
    rows = decisions_of(160, seed, kind, days=4)
    found, k = quality(rows, 5), 5
    counts, shares = plain_day(rows, k)
    parts = [measures for _, measures in found.days]
    hits = sum(part.cards_at_budget.hits for part in parts)
    # A card is another one on another day.
    counts["defrauded_cards"] = frauds = sum(part.cards_at_budget.frauds for part in parts)
    agree(found.whole.counts(), counts)
    given = found.whole.shares()
    for name in ("auc", "ap", "brier", "log_loss", "calibration_error", "alert_precision"):
        agree({name: given[name]}, {name: shares[name]})
    assert given["card_precision"] == pytest.approx(
        np.mean([part.shares()["card_precision"] for part in parts])
    )
    assert given["card_recall"] == (pytest.approx(hits / frauds) if frauds else None)
    caught = sum(part.payments_at_budget.hits for part in parts)
    wanted = caught / counts["frauds"] if counts["frauds"] else None
    assert given["budget_recall"] == (wanted if wanted is None else pytest.approx(wanted))


def test_of_nothing_nothing_is_defined():
    found = quality(decisions_of(0, 1), 100)
    assert found.days == ()
    assert set(found.whole.shares().values()) == {None}
    assert set(found.whole.counts().values()) == {0}


@seeds(5)
@pytest.mark.parametrize("half_life", [0.3, 1.0, 7.0, 400.0])
def test_fading_is_the_weighted_mean_of_the_past(seed, half_life):
    rng = np.random.default_rng(seed)
    days = np.sort(rng.choice(300, 60, replace=False))
    values = [None if rng.random() < 0.3 else float(rng.random()) for _ in days]
    found = fading(days, values, half_life)
    wanted = naive.fading(days.tolist(), values, half_life)
    for given, value in zip(found, wanted, strict=True):
        assert given == (value if value is None else pytest.approx(value))


def test_a_day_counts_half_after_a_half_life():
    assert fading(np.array([0, 7]), [1.0, 0.0], 7.0) == [1.0, pytest.approx(1 / 3)]


def test_centuries_without_a_value_leave_the_last_one():
    days = np.array([0, 90_000, 180_000])
    assert fading(days, [0.5, None, None], 0.01) == [0.5, 0.5, 0.5]
    assert fading(days, [None, None, 0.25], 0.01) == [None, None, 0.25]
    assert fading(days, [0.5, None, 0.25], 0.01) == [0.5, 0.5, 0.25]
    assert fading(np.empty(0, np.int64), [], 7.0) == []
