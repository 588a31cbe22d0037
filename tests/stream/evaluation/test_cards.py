"""Card precision by plain loops, and by the Handbook's words in pandas."""

import naive_evaluation as naive
import numpy as np
import pandas as pd
import pytest
from inputs.decisions import KINDS, decisions_of
from seeds import seeds

from stream.evaluation.cards import by_card, card_precision


def precision(rows, k, remove):
    return card_precision(rows.day, rows.card, rows.score, rows.is_fraud, k, remove_detected=remove)


@seeds(2)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 150])
def test_cards_are_those_of_plain_loops(seed, kind, n):
    rows = decisions_of(n, seed, kind)
    money = np.where(rows.is_fraud, rows.amount_minor, 0).astype(np.float64)
    found = by_card(rows.card, rows.score, rows.is_fraud, money)
    wanted = naive.by_card(
        rows.card.tolist(),
        naive.plain(rows.score.tolist()),
        rows.is_fraud.tolist(),
        rows.amount_minor.tolist(),
    )
    given = zip(
        found.key.tolist(),
        naive.plain(found.score.tolist()),
        found.is_fraud.tolist(),
        found.fraud_money.tolist(),
        strict=True,
    )
    assert list(given) == wanted


@seeds(2)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 150])
@pytest.mark.parametrize("remove", [True, False])
@pytest.mark.parametrize("k", [1, 5, 1000])
def test_card_precision_is_that_of_plain_loops(seed, kind, n, remove, k):
    rows = decisions_of(n, seed, kind)
    found = precision(rows, k, remove)
    wanted = naive.card_precision(
        rows.day.tolist(),
        rows.card.tolist(),
        naive.plain(rows.score.tolist()),
        rows.is_fraud.tolist(),
        k,
        remove,
    )
    columns = (found.days.tolist(), found.hits.tolist(), found.defrauded.tolist())
    assert list(zip(*columns, strict=True)) == wanted
    if wanted:
        assert found.mean == pytest.approx(np.mean([hits / k for _, hits, _ in wanted]))
    else:
        assert found.mean is None


@seeds(5)
@pytest.mark.parametrize("remove", [True, False])
def test_card_precision_is_the_handbooks(seed, remove):
    """Its own steps on a table: group by customer, greatest of both, the first k, hits over k."""
    rows = decisions_of(2_000, seed, "plain")
    table = pd.DataFrame(
        {"day": rows.day, "card": rows.card, "score": rows.score, "fraud": rows.truth}
    )
    blocked: list[int] = []
    precisions = []
    for _, day in table.groupby("day"):
        cards = day[~day["card"].isin(blocked)].groupby("card")[["score", "fraud"]].max()
        first = cards.sort_values("score", ascending=False).head(20)
        caught = first.index[first["fraud"] == 1].tolist()
        precisions.append(len(caught) / 20)
        blocked += caught if remove else []
    assert precision(rows, 20, remove).mean == pytest.approx(np.mean(precisions))


def test_a_card_that_was_found_is_out_of_the_later_days_only_if_asked():
    rows = decisions_of(4, 1, "frauds", days=1)
    rows.card[:] = [1, 2, 1, 3]
    rows.score[:] = [0.9, 0.1, 0.9, 0.2]
    day = np.array([0, 0, 1, 1])
    args = (day, rows.card, rows.score, rows.is_fraud, 1)
    kept = card_precision(*args, remove_detected=False)
    removed = card_precision(*args, remove_detected=True)
    assert kept.hits.tolist() == removed.hits.tolist() == [1, 1]
    assert kept.defrauded.tolist() == [2, 2]
    assert removed.defrauded.tolist() == [2, 1]


def test_of_cards_of_one_score_the_smaller_key_comes_first():
    card = np.array([7, 3, 5], np.uint64)
    is_fraud = np.array([False, True, False])
    args = (np.zeros(3, np.int64), card, np.full(3, 0.5), is_fraud, 1)
    assert card_precision(*args, remove_detected=False).mean == 1.0
