"""All measures of every day, of the whole, and fading over the days.

Source of the fading averages: Gama, Sebastião & Rodrigues, "On evaluating stream learning
algorithms", Machine Learning 90, 2013: what is long ago should say less about how good a
model is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from schemas.columns import NO_KEY
from stream.decide import Outcome
from stream.evaluation.budget import BudgetCounts, at_budget, found
from stream.evaluation.cards import by_card
from stream.evaluation.ledger import Decisions, by_day
from stream.evaluation.ranking import Ranking, rank
from stream.evaluation.reliability import Reliability, reliability


@dataclass(frozen=True)
class Measures:
    """How good the decisions of one day or of several were.

    Attributes
    ----------
    days, payments, without_card : int
        Days with payments, payments, and those of them that are nobody's card.
    budget : int
        Alerts a day that can be looked at, k.
    ranking : Ranking
        Of all payments.
    alerts : BudgetCounts
        By the alerts that were raised: REVIEW or stricter.
    payments_at_budget, cards_at_budget : BudgetCounts
        By the k payments of each day with the greatest scores, and by the k cards.
    calibration : Reliability
        Of the scores.
    """

    days: int
    payments: int
    without_card: int
    budget: int
    ranking: Ranking
    alerts: BudgetCounts
    payments_at_budget: BudgetCounts
    cards_at_budget: BudgetCounts
    calibration: Reliability

    def counts(self) -> dict[str, int]:
        """Return what is counted, by name; money in minor units."""
        return {
            "payments": self.payments,
            "frauds": self.alerts.frauds,
            "fraud_money_minor": round(self.alerts.fraud_money),
            "unscored": self.ranking.unscored,
            "without_card": self.without_card,
            "defrauded_cards": self.cards_at_budget.frauds,
            "alerts": self.alerts.picked,
        }

    def shares(self) -> dict[str, float | None]:
        """Return what can be averaged, by name; None where it is not defined."""
        looked_at = self.budget * self.days
        return {
            "auc": self.ranking.auc,
            "ap": self.ranking.average_precision,
            "card_precision": self.cards_at_budget.hits / looked_at if looked_at else None,
            "card_recall": self.cards_at_budget.recall,
            "card_value_recall": self.cards_at_budget.value_recall,
            "budget_precision": self.payments_at_budget.precision,
            "budget_recall": self.payments_at_budget.recall,
            "budget_value_recall": self.payments_at_budget.value_recall,
            "alert_precision": self.alerts.precision,
            "alert_recall": self.alerts.recall,
            "alert_value_recall": self.alerts.value_recall,
            "calibration_error": self.calibration.calibration_error,
            "calibration_rms_debiased": self.calibration.debiased_error,
            "brier": self.calibration.brier,
            "log_loss": self.calibration.log_loss,
        }


@dataclass(frozen=True)
class Quality:
    """Measures of every day and of all of them.

    Attributes
    ----------
    days : tuple of (int, Measures)
        Days since 1970-01-01 that have payments, ascending, and their measures.
    whole : Measures
        The ranking and calibration of all payments together; what was found at the budget
        and what was not, added up over the days.
    """

    days: tuple[tuple[int, Measures], ...]
    whole: Measures


def quality(decisions: Decisions, budget: int) -> Quality:
    """Judge decisions whose truth is known.

    Parameters
    ----------
    decisions : Decisions
        See `Decisions.judged`.
    budget : int
        Alerts a day that can be looked at.
    """
    days = tuple(
        (day, _of_one_day(decisions.take(rows), budget)) for day, rows in by_day(decisions.day)
    )
    each = [measures for _, measures in days]
    whole = Measures(
        days=len(days),
        payments=len(decisions),
        without_card=sum(measures.without_card for measures in each),
        budget=budget,
        ranking=rank(decisions.score, decisions.is_fraud),
        alerts=_sum(measures.alerts for measures in each),
        payments_at_budget=_sum(measures.payments_at_budget for measures in each),
        cards_at_budget=_sum(measures.cards_at_budget for measures in each),
        calibration=reliability(decisions.score, decisions.is_fraud),
    )
    return Quality(days, whole)


def _of_one_day(decisions: Decisions, budget: int) -> Measures:
    is_fraud, score = decisions.is_fraud, decisions.score
    money = np.where(is_fraud, decisions.amount_minor, 0).astype(np.float64)
    cards = by_card(decisions.card, score, is_fraud, money)
    return Measures(
        days=1,
        payments=len(decisions),
        without_card=int((decisions.card == NO_KEY).sum()),
        budget=budget,
        ranking=rank(score, is_fraud),
        alerts=found(decisions.outcome >= Outcome.REVIEW, is_fraud, money),
        payments_at_budget=at_budget(score, is_fraud, money, budget),
        cards_at_budget=at_budget(cards.score, cards.is_fraud, cards.fraud_money, budget),
        calibration=reliability(score, is_fraud),
    )


def _sum(parts: Iterable[BudgetCounts]) -> BudgetCounts:
    return reduce(add, parts, BudgetCounts())


def fading(
    days: NDArray[np.int64], values: Sequence[float | None], half_life: float
) -> list[float | None]:
    """Average values over the days up to each, a day counting half as much every half-life.

    Parameters
    ----------
    days : ndarray of int64, shape (n,)
        Ascending; days without payments may be missing, and time passes over them.
    values : sequence of float or None, length n
        None is a day on which the measure is not defined; it does not count.
    half_life : float
        Days, above 0.

    Returns
    -------
    list of float or None
        None as long as there was no value.
    """
    averages: list[float | None] = []
    total = weight = 0.0
    latest = 0
    for day, value in zip(days.tolist(), values, strict=True):
        if value is not None:
            # Only from value to value: over a long time without any both would fade to 0.
            kept = 0.5 ** ((day - latest) / half_life) if weight else 0.0
            total, weight, latest = total * kept + value, weight * kept + 1.0, day
        averages.append(total / weight if weight else None)
    return averages
