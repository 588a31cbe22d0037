"""The Handbook's protocol, for scores that were given in one pass.

Source: Fraud Detection Handbook, chapter 3, "Baseline fraud detection system" (one split),
chapter 5, "Validation strategies" (four prequential folds) and `get_train_test_set`,
`prequentialSplit` and `card_precision_top_k` of its shared functions.

A split is a week of training, a week in which labels are on their way, and a week of test.
Chapter 3 trains from 2018-07-25 on, which is day 115 of a stream that begins on 2018-04-01;
chapter 5 begins a fold there and one in each of the three weeks that follow. Out of the test
are all payments of customers already known to be defrauded: those with a fraud in the week of
training, and on each day of test those with a fraud up to eight days before. Measured is on
what is left; card precision removes the cards it finds from the later days as well.

A model here is never trained on the split's week alone: it has learned, as it went, from all
labels that had come back before each payment. That is what a live engine does, and is more
than the Handbook's models get to see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.columns import NO_KEY
from schemas.errors import InputFileError
from stream.evaluation.cards import card_precision
from stream.evaluation.ledger import Decisions
from stream.evaluation.ranking import rank

FIRST_TRAINING_DAY = 115
WEEK = 7
FOLDS = 4
BUDGET = 100
LAST_DAY = FIRST_TRAINING_DAY + (FOLDS - 1 + 3) * WEEK - 1
"""Last day of test, counted from the first day of the stream, which is 0."""

# AUC ROC, average precision, card precision at 100.
PUBLISHED_SINGLE: dict[str, tuple[float, ...]] = {
    "logistic regression": (0.871, 0.606, 0.291),
    "decision tree of depth 2": (0.763, 0.496, 0.241),
    "decision tree": (0.788, 0.309, 0.243),
    "random forest": (0.867, 0.658, 0.287),
    "XGBoost": (0.862, 0.639, 0.273),
}
"""The Handbook's own results on the single split, chapter 3, default parameters."""
PUBLISHED_FOLDS: dict[str, tuple[float, ...]] = {
    "logistic regression": (0.868, 0.623, 0.297),
    "decision tree": (0.797, 0.579, 0.284),
    "random forest": (0.870, 0.678, 0.299),
    "XGBoost": (0.869, 0.687, 0.303),
}
"""Its means over the four test folds, chapter 5, parameters chosen on earlier folds."""

_Statistic = Callable[[list[float]], Any]


@dataclass(frozen=True)
class Fold:
    """One split's test week.

    Attributes
    ----------
    first_day : int
        Its first day of test, days since 1970-01-01.
    payments, frauds, unscored : int
        Left after known customers were removed; of these, without a score.
    auc, ap : float or None
        See `stream.evaluation.ranking.Ranking`.
    cp100, cp100_kept : float or None
        Card precision at 100; cards that were found removed from later days, and kept.
    """

    first_day: int
    payments: int
    frauds: int
    unscored: int
    auc: float | None
    ap: float | None
    cp100: float | None
    cp100_kept: float | None

    def figures(self) -> dict[str, float | None]:
        """Return what the Handbook's tables hold."""
        return {"auc": self.auc, "ap": self.ap, "cp100": self.cp100}


@dataclass(frozen=True)
class Results:
    """The single split and the folds, of which it is the first."""

    folds: tuple[Fold, ...]

    @property
    def single(self) -> Fold:
        """Chapter 3's split."""
        return self.folds[0]

    def mean(self) -> dict[str, float | None]:
        """Return the mean over the folds; None where one of them is not defined."""
        return self._over_folds(np.mean)

    def std(self) -> dict[str, float | None]:
        """Return the standard deviation over the folds, of a population, as the Handbook does."""
        return self._over_folds(np.std)

    def _over_folds(self, of: _Statistic) -> dict[str, float | None]:
        figures = [fold.figures() for fold in self.folds]
        found: dict[str, float | None] = {}
        for name in figures[0]:
            values = [each[name] for each in figures]
            known = [value for value in values if value is not None]
            found[name] = float(of(known)) if len(known) == len(values) else None
        return found


def judge(decisions: Decisions, place: str) -> Results:
    """Measure decisions by the Handbook's protocol.

    Parameters
    ----------
    decisions : Decisions
        Those whose truth is known.
    place : str
        Where they come from, for the error.

    Raises
    ------
    InputFileError
        If there are no payments on some day of the protocol.
    """
    day = decisions.day
    check_days(day, place)
    start = int(day.min()) + FIRST_TRAINING_DAY
    return Results(tuple(_fold(decisions, day, start + i * WEEK) for i in range(FOLDS)))


def check_days(day: NDArray[np.int64], place: str) -> None:
    """Check that there are payments on every day of the protocol.

    Raises
    ------
    InputFileError
        Naming the days that are missing.
    """
    wanted = (
        f"the Handbook's protocol needs the truth of payments on days {FIRST_TRAINING_DAY} to "
        f"{LAST_DAY} of the stream, its first day being 0"
    )
    remedy = (
        "replay a file that covers them, such as that of "
        "`fraudstream simulate --preset handbook --out handbook.parquet`"
    )
    if not len(day):
        raise InputFileError(f"{place}: {wanted}, and there is none: {remedy}")
    first = int(day.min())
    days = np.arange(first + FIRST_TRAINING_DAY, first + LAST_DAY + 1)
    missing = days[~np.isin(days, day)]
    if len(missing):
        span = f"{date(int(days[0]))} to {date(int(days[-1]))}"
        have = f"the file has {date(first)} to {date(int(day.max()))}"
        without = f"{len(missing)} of them have no payments, the first {date(int(missing[0]))}"
        raise InputFileError(f"{place}: {wanted} ({span}); {have}, and {without}: {remedy}")


def in_test(
    day: NDArray[np.int64], card: NDArray[np.uint64], is_fraud: NDArray[np.bool_], start: int
) -> NDArray[np.bool_]:
    """Find the payments of a split's test.

    Parameters
    ----------
    day : ndarray of int64, shape (n,)
    card : ndarray of uint64, shape (n,)
        0 where it is not known; nothing can be known of such a customer.
    is_fraud : ndarray of bool, shape (n,)
    start : int
        First day of training.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    chosen = np.zeros(len(day), np.bool_)
    for test_day in range(start + 2 * WEEK, start + 3 * WEEK):
        rows = np.flatnonzero(day == test_day)
        # Eight days before, not seven: the frauds of day d are labelled on day d + 7, and are
        # known from the day after it on.
        known = is_fraud & (day >= start) & (day <= test_day - WEEK - 1) & (card != NO_KEY)
        chosen[rows[~np.isin(card[rows], np.unique(card[known]))]] = True
    return chosen


def _fold(decisions: Decisions, day: NDArray[np.int64], start: int) -> Fold:
    # Nothing outside of these days matters, and they are few.
    near = (day >= start) & (day < start + 3 * WEEK)
    part, day = decisions.take(near), day[near]
    chosen = in_test(day, part.card, part.is_fraud, start)
    test, day = part.take(chosen), day[chosen]
    ranking = rank(test.score, test.is_fraud)
    removed, kept = (
        card_precision(day, test.card, test.score, test.is_fraud, BUDGET, remove_detected=remove)
        for remove in (True, False)
    )
    return Fold(
        first_day=start + 2 * WEEK,
        payments=len(test),
        frauds=int(test.is_fraud.sum()),
        unscored=ranking.unscored,
        auc=ranking.auc,
        ap=ranking.average_precision,
        cp100=removed.mean,
        cp100_kept=kept.mean,
    )


def date(day: int) -> str:
    """Write a day since 1970-01-01 as a date."""
    return str(np.datetime64(day, "D"))
