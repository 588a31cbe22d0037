"""What a budget of alerts finds, against plain loops."""

import naive_evaluation as naive
import numpy as np
import pytest
from inputs.decisions import KINDS, decisions_of
from seeds import seeds

from stream.evaluation.budget import BudgetCounts, at_budget, found

NAMES = ("picked", "hits", "frauds", "precision", "recall", "value_recall")


def same(given, wanted):
    for name in NAMES:
        value = wanted[name]
        assert getattr(given, name) == (value if value is None else pytest.approx(value)), name


def money_of(rows):
    return np.where(rows.is_fraud, rows.amount_minor, 0).astype(np.float64)


@seeds(2)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 80])
@pytest.mark.parametrize("k", [1, 10, 100])
def test_the_greatest_scores_find_what_plain_loops_find(seed, kind, n, k):
    rows = decisions_of(n, seed, kind)
    money, y = money_of(rows), rows.is_fraud.tolist()
    picked = naive.first_places(naive.plain(rows.score.tolist()), k)
    same(
        at_budget(rows.score, rows.is_fraud, money, k),
        naive.found(picked, y, rows.amount_minor.tolist()),
    )


@seeds(2)
def test_days_add_up(seed):
    rows = decisions_of(120, seed, "frauds")
    money, picked = money_of(rows), np.random.default_rng(seed).random(120) < 0.5
    parts = [
        found(picked[part], rows.is_fraud[part], money[part])
        for part in (slice(0, 40), slice(40, 41), slice(41, 120))
    ]
    whole = found(picked, rows.is_fraud, money)
    total = sum(parts, BudgetCounts())
    for name in NAMES:
        assert getattr(total, name) == pytest.approx(getattr(whole, name)), name


def test_nothing_found_of_nothing_is_not_defined_and_not_zero():
    assert (BudgetCounts().precision, BudgetCounts().recall, BudgetCounts().value_recall) == (
        None,
        None,
        None,
    )


def test_frauds_without_money_have_a_recall_but_no_value_recall():
    given = at_budget(np.array([0.9]), np.array([True]), np.zeros(1), 1)
    assert (given.recall, given.value_recall) == (1.0, None)


def test_the_greatest_amounts_do_not_overflow():
    money = np.full(20_000, 1e15)  # More than 2**63 together.
    picked = np.arange(20_000) < 5_000
    assert found(picked, np.ones(20_000, np.bool_), money).value_recall == 0.25
