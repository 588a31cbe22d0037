"""What the gate says of a challenger, in numbers and in words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from stream.promotion.days import MeanOfDays
from stream.promotion.parameters import PromotionParameters


class Answer(StrEnum):
    """Whether a challenger should decide."""

    PROMOTE = "promote"
    KEEP = "keep"
    NOT_YET = "not_yet"


@dataclass(frozen=True)
class Compared:
    """A challenger beside the champion, on matured payments that both scored.

    Attributes
    ----------
    champion, challenger : str
    payments, frauds, days : int
        Days that are over.
    brier : tuple of float
        Champion's and challenger's mean squared error; NaN of no payments.
    log_loss : tuple of float
        In nats.
    better_by : float
        Champion's Brier score less the challenger's: above 0 the challenger is better.
    low, high : float
        Its interval, for every look at it together.
    alerts : int
        That each would have spent.
    hits : tuple of float
        Frauds that each would have found with them.
    found_more : MeanOfDays
        The share of alerts that hit, the challenger's less the champion's.
    """

    champion: str
    challenger: str
    payments: int
    frauds: int
    days: int
    brier: tuple[float, float]
    log_loss: tuple[float, float]
    better_by: float
    low: float
    high: float
    alerts: int
    hits: tuple[float, float]
    found_more: MeanOfDays


@dataclass(frozen=True)
class Recommendation:
    """The gate's answer, what it is based on, and why.

    Attributes
    ----------
    answer : Answer
    why : str
    compared : Compared
    """

    answer: Answer
    why: str
    compared: Compared

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values; None for what is not known."""
        compared = asdict(self.compared)
        compared["found_more"] = self.compared.found_more._asdict()
        return {"answer": str(self.answer), "why": self.why, **_known(compared)}


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _known(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_known(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def recommendation_of(compared: Compared, parameters: PromotionParameters) -> Recommendation:
    """Judge a comparison.

    Promoted is who is better beyond doubt in the Brier score, at any look, and is not seen to
    find fewer frauds with the same alerts.
    """
    it, found = compared, compared.found_more
    if it.high < 0.0:
        why = f"{it.challenger} is worse: its Brier score is higher by {_range(-it.high, -it.low)}"
        return Recommendation(Answer.KEEP, why, it)
    if it.days < parameters.days_min or it.frauds < parameters.frauds_min:
        why = (
            f"mature, and scored by both, are {it.days} of {parameters.days_min} days and "
            f"{it.frauds} of {parameters.frauds_min} frauds"
        )
        return Recommendation(Answer.NOT_YET, why, it)
    better = f"its Brier score is lower by {_range(it.low, it.high)}"
    if it.low <= 0.0:
        return Recommendation(Answer.NOT_YET, f"no difference beyond doubt: {better}", it)
    if found.high < 0.0:
        why = (
            f"{it.challenger} finds fewer frauds with the same alerts, though {better}: "
            f"{-found.high:.1%} to {-found.low:.1%} of them fewer are hits"
        )
        return Recommendation(Answer.KEEP, why, it)
    return Recommendation(Answer.PROMOTE, f"{it.challenger} is better: {better}", it)


def _range(low: float, high: float) -> str:
    return f"{low:.3g} to {high:.3g}"
