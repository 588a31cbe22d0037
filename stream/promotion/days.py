"""What two models would have found with the same number of alerts, day by day.

A day's scores of each are a histogram, so that a day of any size takes the same memory. The
budget is what the champion alerted that day; each model spends it on its own highest scores.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from models.states.restoring import array, count, require, require_kind, require_within
from models.states.snapshot import State
from stream.budget.levels import BINS, LOG_ODDS_MAX, WIDTH
from stream.promotion.parameters import DAY_US

_KIND = "paired_days/1"
_COUNT_MAX = 2**62
NO_DAY = -(2**40)


class MeanOfDays(NamedTuple):
    """A mean over days, with Student's interval; NaN where there are too few.

    Attributes
    ----------
    days : int
        With any alert.
    mean, low, high : float
    """

    days: int
    mean: float
    low: float
    high: float


class PairedDays:
    """Of a champion and one challenger, the same days.

    Attributes
    ----------
    closed : int
        Days that are over.
    hits : tuple of float
        Frauds that each would have found: champion, challenger.
    alerts : int
        That each would have spent.
    """

    def __init__(self) -> None:
        self.closed = 0
        self.hits = (0.0, 0.0)
        self.alerts = 0
        self._day = NO_DAY
        self._spent = 0
        # Champion and challenger; all payments and frauds; bins of log-odds.
        self._seen = np.zeros((2, 2, BINS), np.int64)
        # Days with alerts, the mean of their differences, and the sum of squares around it.
        self._moments = np.zeros(3)

    def update(
        self,
        scores: NDArray[np.float64],
        alerted: NDArray[np.bool_],
        y: NDArray[np.bool_],
        times_us: NDArray[np.int64],
    ) -> None:
        """Take payments in the order in which they became mature.

        Parameters
        ----------
        scores : ndarray of float64, shape (2, n)
            The champion's and the challenger's; none is NaN.
        alerted : ndarray of bool, shape (n,)
            By the champion.
        y : ndarray of bool, shape (n,)
        times_us : ndarray of int64, shape (n,)
            One that comes behind a later day counts with that.
        """
        if not len(y):
            return
        days = np.maximum.accumulate(np.maximum(times_us // DAY_US, self._day))
        bins = bins_of(scores)
        for day in np.unique(days).tolist():
            if day > self._day:
                self._close()
                self._day = day
            rows = days == day
            self._spent += int(np.count_nonzero(alerted[rows]))
            for who in range(2):
                for which, some in enumerate((rows, rows & y)):
                    self._seen[who, which] += np.bincount(bins[who, some], minlength=BINS)

    def difference(self) -> MeanOfDays:
        """Return the share of alerts that hit fraud: the challenger's less the champion's.

        Days count alike, and for independent; Student's 95 % interval is right for one look.
        """
        n, mean, around = self._moments.tolist()
        if n < 2:
            return MeanOfDays(int(n), mean if n else math.nan, math.nan, math.nan)
        half = float(scipy.special.stdtrit(n - 1, 0.975)) * math.sqrt(around / (n - 1) / n)
        return MeanOfDays(int(n), mean, mean - half, mean + half)

    def _close(self) -> None:
        if self._day == NO_DAY:
            return
        self.closed += 1
        if self._spent:
            champion, challenger = (hits_of(seen, self._spent) for seen in self._seen)
            self.hits = (self.hits[0] + champion, self.hits[1] + challenger)
            self.alerts += self._spent
            n, mean, around = self._moments.tolist()
            new = (challenger - champion) / self._spent
            moved = mean + (new - mean) / (n + 1)
            self._moments[:] = n + 1, moved, around + (new - mean) * (new - moved)
        self._seen[:] = 0
        self._spent = 0

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        header = {name: getattr(self, name) for name in _COUNTS}
        sums = np.array([*self.hits, *self._moments])
        # Most bins count nothing.
        flat = self._seen.reshape(-1)
        bins = np.flatnonzero(flat)
        return State(_KIND, header, {"sums": sums, "bins": bins, "counts": flat[bins]})

    def restore(self, state: State) -> None:
        """Go on from a state; SnapshotError, and no change, if it is damaged."""
        require_kind(state, _KIND)
        counts: dict[str, Any] = {
            name: count(state, name, NO_DAY if name == "_day" else 0, _COUNT_MAX)
            for name in _COUNTS
        }
        sums = array(state, "sums", np.float64, (5,))
        used = state.arrays["bins"].shape if "bins" in state.arrays else (0,)
        bins, values = (array(state, name, np.int64, used) for name in ("bins", "counts"))
        require_within(state, "bins", bins, 0, self._seen.size - 1)
        require_within(state, "counts", values, 1, _COUNT_MAX)
        require(state, bool((np.diff(bins) > 0).all()), "its bins are in no order")
        seen = np.zeros(self._seen.size, np.int64)
        seen[bins] = values
        require(state, bool((sums[[0, 1, 2, 4]] >= 0).all()), "its sums are negative")
        vars(self).update(counts)
        self.hits = (float(sums[0]), float(sums[1]))
        self._moments, self._seen = sums[2:].copy(), seen.reshape(self._seen.shape)


_COUNTS = ("closed", "alerts", "_day", "_spent")


def bins_of(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each score, on the axis of `stream.budget.levels`; of its own shape."""
    with np.errstate(divide="ignore"):
        odds = np.log(scores) - np.log1p(-scores)
    places = (np.clip(odds, -LOG_ODDS_MAX, LOG_ODDS_MAX) + LOG_ODDS_MAX) / WIDTH
    return np.minimum(places.astype(np.int64), BINS - 1)


def hits_of(seen: NDArray[np.int64], k: int) -> float:
    """Return the frauds among the k highest scores; of a bin that is cut, their share.

    Parameters
    ----------
    seen : ndarray of int64, shape (2, BINS)
        All payments, and the frauds.
    k : int
    """
    above = np.cumsum(seen[:, ::-1], axis=1)
    at = int(np.searchsorted(above[0], k))
    if at == BINS:
        return float(above[1, -1])
    before = above[:, at - 1] if at else np.zeros(2, np.int64)
    in_bin = above[:, at] - before
    return float(before[1] + (k - before[0]) / in_bin[0] * in_bin[1]) if in_bin[0] else 0.0
