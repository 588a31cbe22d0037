"""Rules that compare each day with the days of the reference, column by column."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, wasserstein_distance

from benchmarks.drift.plan import DAY_US, REFERENCE_DAYS, REFERENCE_FROM, WATCHED_FROM
from benchmarks.drift.watching import Alarm, Watched
from models.drift.divergence import psi
from stream.monitor.bins import BINS, count_into
from stream.monitor.distributions import Distributions
from stream.monitor.groups import Groups
from stream.monitor.parameters import MonitorParameters

FEW_VALUES = 5
"""Evidently takes a column of so many distinct values, or fewer, for categories."""
EVIDENTLY_DISTANCE, EVIDENTLY_SHARE = 0.1, 0.5
LEVEL = 0.05
PSI_LEVELS = (0.1, 0.25)
CALENDAR = ("is_weekend",)
"""Every day differs from a week in these, so they are left out."""
DATA_SET = "Evidently's defaults, the data set"


class Days:
    """The days of a stream, and the reference.

    Parameters
    ----------
    watched : Watched

    Attributes
    ----------
    numbers : list of int
        The days that are compared.
    """

    def __init__(self, watched: Watched) -> None:
        used = [at for at, name in enumerate(watched.columns) if name not in CALENDAR]
        self.columns = tuple(watched.columns[at] for at in used)
        self.numbers = list(range(WATCHED_FROM, int(watched.days[-1]) + 1))
        self._values = np.ascontiguousarray(watched.values[:, used])
        self._bounds = np.searchsorted(watched.days, np.arange(self.numbers[-1] + 2))

    def values(self, first: int, n: int = 1) -> NDArray[np.float64]:
        """Return the rows of `n` days, shape (n_rows, n_columns)."""
        return self._values[self._bounds[first] : self._bounds[first + n]]

    def counts(self, first: int, n: int = 1) -> NDArray[np.int64]:
        """Return their histograms, shape (n_columns, BINS)."""
        counts = np.zeros((len(self.columns), BINS), np.int64)
        count_into(counts, self.values(first, n))
        return counts


def said_by(days: Days) -> dict[str, NDArray[np.bool_]]:
    """Return which columns each rule calls drifted on each day, shape (n_days, n_columns).

    A rule about all columns says the same of each.
    """
    histograms = days.counts(REFERENCE_FROM, REFERENCE_DAYS)
    groups = Groups(histograms)
    reference = groups.fold(histograms)
    current = np.stack([groups.fold(days.counts(day)) for day in days.numbers])
    index = np.nan_to_num(psi(reference, current, (reference > 0) | (current > 0)))
    said = {f"PSI > {level:g}": index > level for level in PSI_LEVELS}
    said["chi-squared at 5 %"] = np.stack([_p_values(reference, it) < LEVEL for it in current])
    evidently = np.stack(
        [evidently_distances(days, it) >= EVIDENTLY_DISTANCE for it in days.numbers]
    )
    said["Evidently's defaults, a column"] = evidently
    whole = evidently.mean(axis=1) >= EVIDENTLY_SHARE
    said[DATA_SET] = np.repeat(whole[:, np.newaxis], len(days.columns), axis=1)
    return said


def _p_values(reference: NDArray[np.int64], current: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the plain chi-squared test's, of each column, shape (n_columns,)."""
    tables = np.stack([reference, current]).astype(float)
    totals = tables.sum(axis=0)
    rows = tables.sum(axis=-1, keepdims=True)
    expected = rows * totals / totals.sum(axis=-1, keepdims=True)
    squares = np.where(expected > 0, (tables - expected) ** 2 / np.maximum(expected, 1e-300), 0.0)
    degrees = np.maximum((totals > 0).sum(axis=-1) - 1, 1)
    return chi2.sf(squares.sum(axis=(0, 2)), degrees)


def evidently_distances(days: Days, day: int) -> NDArray[np.float64]:
    """Return the distances that Evidently takes by default above 1000 rows, shape (n_columns,).

    Wasserstein's over the reference's standard deviation; Jensen and Shannon's, in nats, where
    the reference has few values. What is missing is left out.
    """
    reference, current = days.values(REFERENCE_FROM, REFERENCE_DAYS), days.values(day)
    return np.array(
        [_distance(reference[:, at], current[:, at]) for at in range(len(days.columns))]
    )


def _distance(reference: NDArray[np.float64], current: NDArray[np.float64]) -> float:
    reference, current = (it[~np.isnan(it)] for it in (reference, current))
    if not len(reference) or not len(current):
        return 0.0
    values = np.unique(reference)
    if len(values) > FEW_VALUES:
        spread = max(float(reference.std()), 0.001)
        return float(wasserstein_distance(reference, current)) / spread
    values = np.unique(np.concatenate([values, current]))
    shares = [(it[:, np.newaxis] == values).mean(axis=0) for it in (reference, current)]
    return float(jensenshannon(*shares))


def alarms(days: Days, said: NDArray[np.bool_], *, whole: bool = False) -> list[Alarm]:
    """Return what began to drift, said when the day was over.

    Parameters
    ----------
    days : Days
    said : ndarray of bool, shape (n_days, n_columns)
    whole : bool
        The verdict is one about all columns.
    """
    begun = said & ~np.vstack([np.zeros_like(said[:1]), said[:-1]])
    if whole:
        return [Alarm(days.numbers[at] + 1.0, "all") for at in np.flatnonzero(begun[:, 0])]
    return [
        Alarm(days.numbers[at] + 1.0, days.columns[column])
        for at, column in np.argwhere(begun).tolist()
    ]


def by_parameters(watched: Watched, parameters: MonitorParameters) -> list[Alarm]:
    """Return what the engine's own comparison says under other parameters."""
    found: list[Alarm] = []
    scored = ~np.isnan(watched.scores)
    columns: list[tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]] = [
        (watched.names, watched.features, watched.days),
        (("score",), watched.scores[scored, np.newaxis], watched.days[scored]),
    ]
    for names, values, days in columns:
        own = Distributions(names, parameters)
        last = int(days[-1])
        bounds = np.searchsorted(days, np.arange(last + 2))
        advance: Callable[[int], list[Alarm]] = _advancing(own)
        for day in range(last + 1):
            found += advance(day)
            own.observe(np.ascontiguousarray(values[bounds[day] : bounds[day + 1]]))
        found += advance(last + 1)
    return found


def _advancing(own: Distributions) -> Callable[[int], list[Alarm]]:
    return lambda day: [
        Alarm(float(day), event.subject) for event in own.advance(day * DAY_US) if event.drifted
    ]
