"""Card precision: of the k cards that look worst on a day, how many were defrauded.

Source: Fraud Detection Handbook, chapter 4, "Precision top-k metrics". An investigation is
about a card, not a payment: a card's score is the greatest of its payments' that day, it
counts as defrauded if any of them was a fraud, and the precision is the hits among the k
first cards over k, however many cards there are.

The Handbook leaves the order of cards with one score to a sort; here the smaller key comes
first. Keys are hashes as a rule, so that is an order that knows nothing of score and truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.columns import NO_KEY
from stream.evaluation.ledger import by_day
from stream.evaluation.ranking import top


@dataclass(frozen=True)
class Cards:
    """The cards of one day, one row each, in ascending order of key.

    Attributes
    ----------
    key : ndarray of uint64, shape (m,)
    score : ndarray of float64, shape (m,)
        The greatest of its payments'; NaN if none had one.
    is_fraud : ndarray of bool, shape (m,)
        Whether any of its payments was a fraud.
    fraud_money : ndarray of float64, shape (m,)
        Money of its frauds, minor units.
    """

    key: NDArray[np.uint64]
    score: NDArray[np.float64]
    is_fraud: NDArray[np.bool_]
    fraud_money: NDArray[np.float64]


def by_card(
    card: NDArray[np.uint64],
    score: NDArray[np.float64],
    is_fraud: NDArray[np.bool_],
    fraud_money: NDArray[np.float64],
) -> Cards:
    """Bring payments together by card; those whose card is not known are nobody's.

    Parameters
    ----------
    card : ndarray of uint64, shape (n,)
    score : ndarray of float64, shape (n,)
    is_fraud : ndarray of bool, shape (n,)
    fraud_money : ndarray of float64, shape (n,)
        Minor units; 0 for a genuine payment.
    """
    order = np.argsort(card)
    order = order[np.searchsorted(card[order], np.uint64(NO_KEY), side="right") :]
    sorted_card = card[order]
    starts = np.flatnonzero(np.diff(sorted_card, prepend=np.uint64(NO_KEY)))
    if not len(starts):  # reduceat wants one at least.
        return Cards(sorted_card, score[order], is_fraud[order], fraud_money[order])
    return Cards(
        key=sorted_card[starts],
        score=np.fmax.reduceat(score[order], starts),
        is_fraud=np.logical_or.reduceat(is_fraud[order], starts),
        fraud_money=np.add.reduceat(fraud_money[order], starts),
    )


@dataclass(frozen=True)
class CardPrecision:
    """Card precision over some days.

    Attributes
    ----------
    k : int
    days : ndarray of int64, shape (d,)
        Days that have payments, ascending.
    hits : ndarray of int64, shape (d,)
        Defrauded cards among the k first.
    defrauded : ndarray of int64, shape (d,)
        Cards that could have been found: without those removed.
    """

    k: int
    days: NDArray[np.int64]
    hits: NDArray[np.int64]
    defrauded: NDArray[np.int64]

    @property
    def mean(self) -> float | None:
        """Mean over the days; None without any."""
        return float(self.hits.mean() / self.k) if len(self.days) else None


def card_precision(
    day: NDArray[np.int64],
    card: NDArray[np.uint64],
    score: NDArray[np.float64],
    is_fraud: NDArray[np.bool_],
    k: int,
    *,
    remove_detected: bool,
) -> CardPrecision:
    """Compute card precision day by day.

    Parameters
    ----------
    day : ndarray of int64, shape (n,)
    card : ndarray of uint64, shape (n,)
    score : ndarray of float64, shape (n,)
        NaN where there is none.
    is_fraud : ndarray of bool, shape (n,)
    k : int
        Cards that can be looked at in a day.
    remove_detected : bool
        Whether a card that was found is blocked: out of all later days. The Handbook does so
        over its test weeks; over months it removes every card in the end.
    """
    counts = []
    detected = np.empty(0, np.uint64)
    for one, places in by_day(day):
        rows = places[~np.isin(card[places], detected)]
        cards = by_card(card[rows], score[rows], is_fraud[rows], np.zeros(len(rows)))
        first = top(cards.score, k)
        caught = cards.key[first[cards.is_fraud[first]]]
        counts.append((one, len(caught), int(cards.is_fraud.sum())))
        if remove_detected:
            detected = np.concatenate([detected, caught])
    days, hits, defrauded = np.array(counts, np.int64).reshape(-1, 3).T
    return CardPrecision(k, days, hits, defrauded)
