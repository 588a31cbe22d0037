"""What becomes of payments, thresholds and records when another model becomes champion."""

from dataclasses import replace

import numpy as np
import pytest
from inputs.plain_learners import DAY, PARAMETERS, Says, payments
from inputs.streams import SECOND, START_US, model_orders

from models.states.snapshot import pack, unpack
from schemas.columns import Reason
from stream.champion.reigns import Cause
from stream.decide import Outcome
from stream.engine.engine import Engine
from stream.promotion.parameters import PromotionParameters


def engine(old=0.2, new=0.8, **changes):
    return Engine(replace(PARAMETERS, **changes), Says(old), challengers={"new": Says(new)})


def promote(it, model):
    effects = it.control(model_orders("PROMOTE", model))
    assert effects.reasons.tolist() == [Reason.OK]
    return effects.promoted


def test_from_a_promotion_on_the_other_model_decides_and_what_was_said_stays():
    it = engine()
    first = it.step(payments(1, 3, START_US))
    (reign,) = promote(it, "new")
    assert (reign.model, reign.payments, reign.cause) == ("new", 3, Cause.ORDER)
    second = it.step(payments(4, 3, START_US + 3 * SECOND))
    again = it.step(payments(2, 1, START_US + 6 * SECOND))
    assert first.scores.tolist() == [0.2] * 3
    assert second.scores.tolist() == [0.8] * 3
    assert second.outcomes.tolist() == [Outcome.REVIEW] * 3
    assert second.champions.tolist() == [1] * 3
    # A repeat is what it was when it was decided, by whom it was.
    assert (again.scores.tolist(), again.champions.tolist()) == ([0.2], [0])
    said = it.waiting.said(np.arange(6))
    assert said.scores[:, 0].tolist() == [0.2] * 3 + [0.8] * 3
    assert said.scores_of(0).tolist() == [0.2] * 6
    assert said.scores_of(1).tolist() == [0.8] * 6
    assert said.decided_by(1).tolist() == [False] * 3 + [True] * 3
    assert promote(it, "new") == []


def test_records_go_with_their_model():
    it = engine()
    it.step(payments(1, 10, START_US))
    promote(it, "new")
    it.step(payments(11, 5, START_US + 10 * SECOND))
    it.step(payments(99, 1, START_US + 2 * DAY))
    old, new = (each.prequential.as_dict() for each in it.contenders)
    assert old["judged"] == new["judged"] == 15
    assert old["brier"] == pytest.approx(0.04)
    assert new["brier"] == pytest.approx(0.64)


def test_the_first_champion_comes_back_by_the_same_order_and_that_is_a_rollback():
    it = engine()
    promote(it, "new")
    (reign,) = promote(it, "old")
    assert reign.cause == Cause.ROLLBACK
    assert [each.model for each in it.lineup.reigns] == ["old", "new", "old"]
    assert (it.counters.promotions, it.counters.rollbacks) == (2, 1)
    assert it.step(payments(1, 1, START_US)).scores.tolist() == [0.2]


def canaried(it, batch=100):
    """Promote the other one, and let a day of payments become mature."""
    it.step(payments(9000, 1, START_US))
    promote(it, "new")
    effects = []
    for first in range(1, 201, batch):
        effects.append(it.step(payments(first, batch, START_US + first * SECOND)))
    effects.append(it.step(payments(300, 4, START_US + DAY + 80 * SECOND, 20 * SECOND)))
    return effects


def test_a_champion_that_does_worse_in_its_canary_is_taken_back_at_a_barrier():
    it = engine(old=0.01, new=0.95)
    *_, last = canaried(it)
    (reign,) = last.promoted
    assert (reign.model, reign.cause, reign.by) == ("old", Cause.ROLLBACK, "canary")
    assert "Brier score was higher" in reign.why
    # With the first of these 20 payments of the canary are mature, with the next one 40: 27 do.
    assert last.champions.tolist() == [1, 0, 0, 0]
    assert last.scores.tolist() == [0.95, 0.01, 0.01, 0.01]
    assert it.lineup.name == "old"
    # Nobody is taken back from a rollback.
    assert it.step(payments(400, 2, START_US + 2 * DAY, DAY)).promoted == []


def test_it_is_taken_back_at_the_same_payment_however_they_come_and_after_a_restart():
    whole = engine(old=0.01, new=0.95)
    *_, last = canaried(whole)
    assert len(last.promoted) == 1
    one_by_one = engine(old=0.01, new=0.95)
    one_by_one.step(payments(9000, 1, START_US))
    promote(one_by_one, "new")
    champions = []
    batches = [payments(at, 1, START_US + at * SECOND) for at in range(1, 201)]
    times = [START_US + DAY + (80 + 20 * at) * SECOND for at in range(4)]
    batches += [payments(300 + at, 1, time) for at, time in enumerate(times)]
    for at, batch in enumerate(batches):
        if at in (50, 201):
            heir = engine(old=0.01, new=0.95)
            heir.restore(unpack(pack(one_by_one.state())))
            one_by_one = heir
        champions += one_by_one.step(batch).champions.tolist()
    assert champions[-4:] == last.champions.tolist()
    assert pack(one_by_one.state()) == pack(whole.state())


def test_a_champion_that_is_not_worse_stays_and_one_whose_canary_is_over_too():
    better = engine(old=0.95, new=0.01)
    assert [each.promoted for each in canaried(better)] == [[], [], []]
    over = engine(old=0.01, new=0.95, promotion=PromotionParameters(canary_us=0))
    assert [each.promoted for each in canaried(over)] == [[], [], []]


def test_whom_a_rollback_would_need_may_have_failed():
    it = engine(old=0.01, new=0.95)
    it.step(payments(9000, 1, START_US))
    promote(it, "new")
    it.step(payments(1, 100, START_US))
    it.control(model_orders("DISABLE", "old"))
    it.step(payments(200, 1, START_US + 2 * DAY))
    assert it.lineup.name == "new"


def test_the_threshold_of_a_budget_is_the_new_champions_own_at_once():
    rng = np.random.default_rng(1)

    def odds(shift):
        return lambda X: 1 / (1 + np.exp(-(rng.normal(0, 1, len(X)) + shift)))

    it = engine(old=odds(-4.0), new=odds(0.0), alerts_per_day=100.0, waiting_max=20_000)
    for day in range(4):
        it.step(payments(1 + 2000 * day, 2000, START_US + day * DAY, DAY // 2000))
    low = it.thresholds.review
    assert low < 0.4
    promote(it, "new")
    assert it.thresholds.review > 0.75
    effects = it.step(payments(90_000, 2000, START_US + 4 * DAY, DAY // 2000))
    alerts = int((effects.outcomes >= Outcome.REVIEW).sum())
    assert 50 < alerts < 200, "by the former threshold there would be thousands"
    promote(it, "old")
    assert it.thresholds.review < 0.4


def test_of_a_model_that_nobody_has_seen_the_scores_are_taken_to_be_like_the_last_ones():
    rng = np.random.default_rng(2)

    def odds(X):
        return 1 / (1 + np.exp(-(rng.normal(-4, 1, len(X)))))

    it = engine(old=odds, new=lambda X: np.full(len(X), np.nan), alerts_per_day=100.0)
    it.step(payments(1, 1000, START_US, DAY // 500))
    before = it.thresholds.review
    assert it.budget.active
    promote(it, "new")
    assert it.thresholds.review == pytest.approx(before, rel=0.2)
