"""River's detectors with River's defaults, over scores and over errors of mature payments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN, KSWIN, PageHinkley

from benchmarks.drift.plan import MATURITY_DAYS
from benchmarks.drift.watching import Alarm, Watched

DETECTORS: dict[str, Callable[[], Any]] = {
    "ADWIN": ADWIN,
    "PageHinkley": PageHinkley,
    "KSWIN": lambda: KSWIN(seed=1),
}
SUBJECTS = ("score", "error")
KSWIN_DAYS = 1
"""It tests at every value, a thousand times slower: so many days before and after a drift."""


def values_of(watched: Watched, subject: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return values in order and the days on which they are known, shape (n,) each.

    Scores are known at once; errors, the square of score less truth, when their payments are
    mature.
    """
    known = ~np.isnan(watched.scores)
    scores, days = watched.scores[known], watched.days[known]
    if subject == "score":
        return scores, days
    days = days + MATURITY_DAYS
    errors = (scores - watched.is_fraud[known]) ** 2
    mature = days <= watched.days[-1]
    return errors[mature], days[mature]


def by_detector(watched: Watched, name: str, subject: str, at_day: int) -> list[Alarm]:
    """Return at which values a detector says that something has changed."""
    values, days = values_of(watched, subject)
    if name == "KSWIN":
        began, behind = span_of(subject, at_day)
        near = (days >= began) & (days < behind)
        values, days = values[near], days[near]
    detector = DETECTORS[name]()
    found = []
    for day, value in zip(days.tolist(), values.tolist(), strict=True):
        detector.update(value)
        if detector.drift_detected:
            found.append(Alarm(day, subject))
    return found


def span_of(subject: str, at_day: int) -> tuple[int, int]:
    """Return the days between which KSWIN looks at values: about when a drift can be known."""
    first = at_day + (MATURITY_DAYS if subject == "error" else 0)
    return first - KSWIN_DAYS, first + KSWIN_DAYS
