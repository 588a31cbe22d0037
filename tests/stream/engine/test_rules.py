"""Rules in the engine: what becomes of payments, what is said of it, and which alerts go out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from inputs.streams import HASH_KEY, INPUTS, LAYOUT, SECOND, START_US, block, feature_set, order_of

from models.silent import SilentLearner
from models.states.snapshot import pack, unpack
from schemas.columns import Reason
from schemas.errors import SnapshotError
from stream.decide import Outcome
from stream.engine.control import ControlKind
from stream.engine.engine import Engine
from stream.engine.parameters import EngineParameters
from stream.records.publish import Policy, Publisher
from stream.rules.in_force import BreakerParameters
from stream.rules.names import RuleInputs
from stream.rules.reading import read_rules

FEATURES = feature_set(("amount", "card.count_1h"))
PARAMETERS = EngineParameters(
    features=FEATURES,
    events_max=1_000,
    entities_max=1_000,
    waiting_max=1_000,
    hash_key=HASH_KEY,
    allowed_lateness_us=SECOND,
    batch_rows_max=16,
)


class Sure:
    """A learner that calls everything fraud."""

    learned = 1
    ready = True

    def predict_proba_many(self, X):
        return np.full(len(X), 0.99)

    def contributions_many(self, X):
        return np.zeros(len(X)), np.zeros(X.shape)

    def learn_many(self, X, y, w=None):
        pass


def rule(name, when, action, more=""):
    return f'[[rule]]\nid = "{name}"\nwhen = "{when}"\naction = "{action}"\n{more}\n'


LIVE, SHADOW = 'mode = "live"', 'mode = "shadow"'


def engine_of(*rules, learner=None, **changes):
    found = read_rules({"rules": "".join(rules)}, RuleInputs(INPUTS, FEATURES.names, ()))
    parameters = replace(PARAMETERS, calibrate=False, rules=found, **changes)
    return Engine(parameters, learner or SilentLearner())


def payments(*amounts, first=0):
    """Payments of one card, a second apart, in minor units."""
    rows = [
        {
            "time_us": START_US + (first + at) * SECOND,
            "key": first + at + 1,
            "amount": amount,
            "entities": [1, 9],
            "numeric": [0.0, np.nan],
        }
        for at, amount in enumerate(amounts)
    ]
    return block(LAYOUT, rows)


def alerts(engine, batch, effects):
    policy = Policy(PARAMETERS.thresholds, FEATURES.names)
    return list(Publisher(policy, "payments", "here").alerts(batch, effects))


def test_a_rule_alerts_where_no_model_has_a_score():
    engine = engine_of(rule("large", "amount > 900.0", "block", LIVE + '\nreason_code = "L1"'))
    batch = payments(100_00, 950_00)
    effects = engine.step(batch)
    assert effects.outcomes.tolist() == [Outcome.ALLOW, Outcome.BLOCK]
    assert effects.cold.all()
    (alert,) = alerts(engine, batch, effects)
    assert (alert["score"], alert["base"], alert["reasons"]) == (None, 0.0, [])
    assert (alert["decision"], alert["selection_probability"]) == ("BLOCK", 1.0)
    (found,) = alert["rules"]
    assert (found["id"], found["mode"], found["reason_code"]) == ("large", "LIVE", "L1")
    assert found["values"] == [{"name": "amount", "value": 950.0}]


def test_in_shadow_a_rule_is_noted_and_changes_nothing():
    engine = engine_of(rule("large", "amount > 900.0", "block", SHADOW))
    batch = payments(950_00)
    effects = engine.step(batch)
    assert effects.outcomes.tolist() == [Outcome.ALLOW]
    assert effects.matched.of(0) == [(0, False)]
    assert engine.rules.counts.tolist() == [[0, 1, 0]]


def test_a_rule_of_higher_priority_silences_the_model():
    allow = rule("small", "amount < 10.0", "allow", LIVE + "\npriority = 1")
    engine = engine_of(allow, learner=Sure())
    effects = engine.step(payments(5_00, 50_00))
    assert effects.outcomes.tolist() == [Outcome.ALLOW, Outcome.BLOCK]
    assert len(effects.alerts.rows) == 1


def test_a_rule_that_cannot_say_is_counted_and_does_not_match():
    engine = engine_of(rule("far", "distance > 100.0", "block", LIVE))
    effects = engine.step(payments(5_00))
    assert effects.outcomes.tolist() == [Outcome.ALLOW]
    assert engine.rules.counts.tolist() == [[0, 0, 1]]


def test_a_repeat_gets_the_outcome_of_the_first_and_no_rule_is_asked():
    engine = engine_of(rule("large", "amount > 900.0", "review", LIVE))
    engine.step(payments(950_00))
    effects = engine.step(payments(950_00))
    assert effects.duplicate.tolist() == [True]
    assert effects.outcomes.tolist() == [Outcome.REVIEW]
    assert effects.matched.of(0) == []
    assert engine.rules.counts.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("size", [1, 5, 30])
def test_a_rule_that_matches_everything_is_put_in_shadow_at_the_same_payment(size):
    everything = rule("all", "amount >= 0.0", "review", LIVE)
    engine = engine_of(everything, breaker=BreakerParameters(20, 6))
    outcomes, tripped = [], []
    for first in range(0, 30, size):
        effects = engine.step(payments(*[1_00] * size, first=first))
        outcomes += effects.outcomes.tolist()
        tripped += [each.row + first for each in effects.tripped]
    assert outcomes == [Outcome.REVIEW] * 7 + [Outcome.ALLOW] * 23
    assert tripped == [6]
    assert engine.rules.tripped == ["all"]


def ordered(engine, *rules, by="anna"):
    text = json.dumps({"rules": "".join(rules), "by": by})
    return engine.control(order_of(ControlKind.RULES, text))


def test_other_rules_take_the_place_of_all_rules():
    engine = engine_of(rule("large", "amount > 900.0", "block", LIVE))
    effects = ordered(engine, rule("small", "amount < 10.0", "review", LIVE))
    assert effects.reasons.tolist() == [Reason.OK]
    assert effects.rules == [engine.rules.rules.digest]
    decided = engine.step(payments(950_00, 5_00))
    assert decided.outcomes.tolist() == [Outcome.ALLOW, Outcome.REVIEW]
    assert ordered(engine).reasons.tolist() == [Reason.OK], "no rules at all"
    assert engine.step(payments(5_00, first=9)).outcomes.tolist() == [Outcome.ALLOW]


def test_rules_that_do_not_go_with_the_worker_are_refused_and_the_others_stay():
    engine = engine_of(rule("large", "amount > 900.0", "block", LIVE))
    before = engine.rules.rules
    unknown = ordered(engine, rule("x", "card.count_7h > 1.0", "block", LIVE))
    assert unknown.reasons.tolist() == [Reason.CONTROL_RULES_INVALID]
    nobody = ordered(engine, rule("x", "amount > 1.0", "block", LIVE), by=" ")
    assert nobody.reasons.tolist() == [Reason.CONTROL_TEXT_INVALID]
    assert engine.rules.rules is before


def test_a_state_has_the_rules_that_are_in_force():
    engine = engine_of(rule("large", "amount > 900.0", "block", LIVE))
    ordered(engine, rule("small", "amount < 10.0", "review", LIVE))
    engine.step(payments(5_00))
    other = engine_of()
    other.restore(unpack(pack(engine.state())))
    assert other.rules.rules == engine.rules.rules
    assert other.rules.counts.tolist() == [[1, 0, 0]]
    damaged = unpack(pack(engine.state()))
    damaged.parts["rules"].header["text"] = rule("x", "nothing > 1.0", "block", LIVE)
    with pytest.raises(SnapshotError, match="its rules cannot be used here"):
        other.restore(damaged)
    assert other.rules.rules == engine.rules.rules


def test_reviews_of_an_entity_wait_after_an_alert_and_blocks_do_not():
    engine = engine_of(
        rule("some", "amount > 10.0", "review", LIVE),
        rule("large", "amount > 900.0", "block", LIVE),
        cooldown_us=60 * SECOND,
    )
    effects = engine.step(payments(20_00, 20_00, 950_00, 20_00))
    review, block_ = Outcome.REVIEW, Outcome.BLOCK
    assert effects.outcomes.tolist() == [review, review, block_, review]
    assert effects.alerts.rows.tolist() == [0, 2]
    assert engine.admission.grouped == 2
    assert effects.alerts.grouped.tolist() == [0, 1]
    # What is held back now is told by the next alert, by a worker that was restarted too.
    other = engine_of(cooldown_us=60 * SECOND)
    other.restore(unpack(pack(engine.state())))
    for each in (engine, other):
        later = each.step(payments(20_00, 950_00, first=9))
        assert later.alerts.grouped.tolist() == [2]


def test_a_snoozed_rule_raises_no_alert_of_whom_it_is_snoozed_for():
    engine = engine_of(rule("some", "amount > 10.0", "review", LIVE))
    snooze = {"rule": "some", "entity": "card", "key": f"{1:016x}", "by": "anna"}
    text = json.dumps({**snooze, "until": START_US + 2 * SECOND})
    assert engine.control(order_of(ControlKind.SNOOZE, text)).reasons.tolist() == [Reason.OK]
    effects = engine.step(payments(20_00, 20_00, 20_00))
    assert effects.outcomes.tolist() == [Outcome.REVIEW] * 3
    assert effects.alerts.rows.tolist() == [2]
    nonsense = engine.control(order_of(ControlKind.SNOOZE, "{}"))
    assert nonsense.reasons.tolist() == [Reason.CONTROL_TEXT_INVALID]
