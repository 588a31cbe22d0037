"""What is found by those alerts that somebody looks at.

People are the scarce thing: so many alerts a day can be looked at, and the question is
which share of the frauds, and of their money, is among them. The k greatest scores of a
day are known only at its end, so this is what the scores could do and not what a fixed
threshold did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.evaluation.ranking import top


@dataclass(frozen=True)
class BudgetCounts:
    """What was looked at and what was found; adds up over days.

    Attributes
    ----------
    picked, hits, frauds : int
        Looked at; frauds among them; all frauds.
    hit_money, fraud_money : float
        Money of the frauds found and of all, minor units.
    """

    picked: int = 0
    hits: int = 0
    frauds: int = 0
    hit_money: float = 0.0
    fraud_money: float = 0.0

    def __add__(self, other: BudgetCounts) -> BudgetCounts:
        return BudgetCounts(
            self.picked + other.picked,
            self.hits + other.hits,
            self.frauds + other.frauds,
            self.hit_money + other.hit_money,
            self.fraud_money + other.fraud_money,
        )

    @property
    def precision(self) -> float | None:
        """Share of frauds in what was looked at; None if nothing was."""
        return self.hits / self.picked if self.picked else None

    @property
    def recall(self) -> float | None:
        """Share of the frauds that was found; None without frauds."""
        return self.hits / self.frauds if self.frauds else None

    @property
    def value_recall(self) -> float | None:
        """Share of the frauds' money that was found; None if there is no money in them."""
        return self.hit_money / self.fraud_money if self.fraud_money else None


def found(
    picked: NDArray[np.bool_], is_fraud: NDArray[np.bool_], fraud_money: NDArray[np.float64]
) -> BudgetCounts:
    """Say what is found by looking at some of n payments or cards.

    Parameters
    ----------
    picked, is_fraud : ndarray of bool, shape (n,)
    fraud_money : ndarray of float64, shape (n,)
        Money of its frauds, minor units. Floats: sums of hostile amounts leave 64-bit integers.
    """
    return BudgetCounts(
        picked=int(picked.sum()),
        hits=int((picked & is_fraud).sum()),
        frauds=int(is_fraud.sum()),
        hit_money=float(fraud_money[picked].sum()),
        fraud_money=float(fraud_money.sum()),
    )


def at_budget(
    scores: NDArray[np.float64],
    is_fraud: NDArray[np.bool_],
    fraud_money: NDArray[np.float64],
    k: int,
) -> BudgetCounts:
    """Say what is found by looking at the k greatest scores of one day.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Of payments or of cards; what has none (NaN) is never looked at.
    is_fraud : ndarray of bool, shape (n,)
    fraud_money : ndarray of float64, shape (n,)
        See `found`.
    k : int
        Alerts that can be looked at, of payments or of cards.
    """
    picked = np.zeros(len(scores), np.bool_)
    picked[top(scores, k)] = True
    return found(picked, is_fraud, fraud_money)
