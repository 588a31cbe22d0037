"""How good decisions were, beside plain loops."""

from __future__ import annotations

import numpy as np
from seeds import seeds

from models.interval import wilson
from stream.backtest.judge import changes_of, days_of, known_of, measures, rules_of
from stream.backtest.ledger import Decided, Matches, Payments, Trip
from stream.decide import Outcome
from stream.evaluation.ledger import DAY_US, UNKNOWN

DAY = 19_000 * DAY_US


def payments_of(times_us, amounts, truths=None):
    n = len(times_us)
    truths = np.full(n, UNKNOWN, np.int8) if truths is None else np.array(truths, np.int8)
    keys = np.arange(1, n + 1).astype(np.uint64)
    return Payments(keys, np.array(times_us, np.int64), np.array(amounts, np.int64), truths)


def decided_of(outcomes, rules=(), matches=(), told=None, trips=()):
    """What was decided; a match is (payment, rule, live)."""
    outcomes = np.array(outcomes, np.int8)
    columns = list(zip(*matches, strict=True)) or [(), (), ()]
    kinds = (np.int64, np.int64, np.bool_)
    found = Matches(*(np.array(each, kind) for each, kind in zip(columns, kinds, strict=True)))
    told = outcomes > 0 if told is None else np.array(told, np.bool_)
    named = dict.fromkeys(rules, Outcome.REVIEW)
    return Decided(outcomes, np.full(len(outcomes), 0.5), told, named, found, list(trips))


def test_young_payments_are_not_judged_even_if_one_has_a_label():
    payments = payments_of([DAY, DAY + 5, DAY + 6], [1, 1, 1])
    known = known_of(payments, np.array([1, UNKNOWN, 1], np.int8), DAY + 10, 5)
    assert known.judged.tolist() == [True, True, False]
    assert known.fraud.tolist() == [True, False, False]


def test_a_truth_that_a_file_has_needs_no_age():
    payments = payments_of([DAY, DAY + 9, DAY + 9], [1, 1, 1], [0, 1, UNKNOWN])
    known = known_of(payments, np.array([1, 0, 1], np.int8), DAY + 10, 5)
    assert known.judged.tolist() == [True, True, False]
    assert known.fraud.tolist() == [False, True, False]


def test_nothing_judged_has_no_precision():
    known = known_of(payments_of([DAY], [1]), np.array([1], np.int8), DAY, 5)
    found = measures(known, np.array([True]))
    assert (found["payments"], found["judged"], found["precision"]) == (1, 0, None)
    assert (found["recall"], found["value_recall"], found["precision_95"]) == (None, None, None)


@seeds(6)
def test_measures_are_what_plain_loops_count(seed):
    rng = np.random.default_rng(seed)
    n = 60
    payments = payments_of(DAY + rng.integers(0, 10, n), rng.integers(0, 500, n))
    labels = rng.choice([1, 0, UNKNOWN], n).astype(np.int8)
    known = known_of(payments, labels, DAY + 10, 4)
    mask = rng.random(n) < 0.5
    judged = frauds = value = genuine = every = every_value = 0
    for at in range(n):
        if payments.event_time_us[at] > DAY + 10 - 4:
            continue
        amount, fraud = int(payments.amount_minor[at]), labels[at] == 1
        every += fraud
        every_value += amount if fraud else 0
        if mask[at]:
            judged += 1
            frauds += fraud
            value += amount if fraud else 0
            genuine += 0 if fraud else amount
    assert measures(known, mask) == {
        "payments": int(mask.sum()),
        "judged": judged,
        "frauds": frauds,
        "genuine": judged - frauds,
        "precision": frauds / judged,
        "precision_95": list(wilson(frauds, judged)),
        "recall": frauds / every,
        "fraud_minor": value,
        "genuine_minor": genuine,
        "value_recall": value / every_value,
    }


def test_a_rule_is_judged_by_what_it_matched_and_by_what_that_adds():
    payments = payments_of([DAY] * 4, [10, 20, 30, 40], [1, 0, 1, UNKNOWN])
    known = known_of(payments, np.full(4, UNKNOWN, np.int8), DAY, 5)
    matches = [(0, 0, True), (0, 1, False), (1, 0, True), (2, 0, False)]
    decided = decided_of([1, 1, 0, 0], ("b", "a"), matches, trips=[Trip("b", DAY + 1)])
    other = decided_of([1, 0, 0, 0])
    first, second = rules_of(known, decided, other)
    assert (first["id"], first["payments"], first["in_shadow"]) == ("a", 1, 1)
    assert (first["new"], first["new_frauds"]) == (0, 0)
    assert first["overlaps"] == [{"id": "b", "share": 1.0}]
    assert (second["id"], second["payments"], second["in_shadow"]) == ("b", 3, 1)
    assert (second["frauds"], second["precision"], second["recall"]) == (2, 2 / 3, 1.0)
    assert (second["new"], second["new_frauds"]) == (2, 1)
    assert second["overlaps"] == [{"id": "a", "share": 1 / 3}]
    assert second["put_in_shadow"] == ["2022-01-08T00:00:00.000001Z"]
    assert rules_of(known, decided, None)[0]["new"] is None


def test_a_rule_that_matched_nothing_is_there():
    known = known_of(payments_of([DAY], [1]), np.array([1], np.int8), DAY, 5)
    (rule,) = rules_of(known, decided_of([0], ("a",)), None)
    assert (rule["payments"], rule["overlaps"], rule["put_in_shadow"]) == (0, [], [])


def test_what_is_decided_otherwise_is_counted_by_both_outcomes():
    payments = payments_of([DAY] * 5, [10, 20, 30, 40, 50], [1, 0, 1, 0, UNKNOWN])
    known = known_of(payments, np.full(5, UNKNOWN, np.int8), DAY, 5)
    was, now = decided_of([0, 0, 1, 3, 0]), decided_of([3, 3, 1, 0, 3])
    assert changes_of(known, was, now) == [
        {
            "from": "allow",
            "to": "block",
            "payments": 3,
            "judged": 2,
            "frauds": 1,
            "genuine": 1,
            "fraud_minor": 10,
            "genuine_minor": 20,
        },
        {
            "from": "block",
            "to": "allow",
            "payments": 1,
            "judged": 1,
            "frauds": 0,
            "genuine": 1,
            "fraud_minor": 0,
            "genuine_minor": 40,
        },
    ]


def test_days_are_those_of_event_time():
    payments = payments_of([DAY, DAY + DAY_US, DAY + DAY_US + 1], [1, 1, 1], [1, 1, 0])
    known = known_of(payments, np.full(3, UNKNOWN, np.int8), DAY, 5)
    days = days_of(known, decided_of([0, 1, 1], told=[False, True, False]))
    assert days == [
        {"day": "2022-01-08", "payments": 1, "alerts": 0, "frauds_caught": 0, "frauds": 1},
        {"day": "2022-01-09", "payments": 2, "alerts": 1, "frauds_caught": 1, "frauds": 1},
    ]
