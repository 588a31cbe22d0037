"""How many payments a day reach each score, from a histogram that fades.

Scores fall into narrow bins of equal width in log-odds. What came in is counted row by row
and folded into what is remembered only at learning barriers: its fading depends on event
time alone, never on how the stream was cut into batches.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import array, require, require_kind, require_within
from models.states.snapshot import State
from schemas.jit import kernel

WIDTH = 0.05
LOG_ODDS_MAX = 16.0
BINS = round(2 * LOG_ODDS_MAX / WIDTH)
DAY_US = 86_400_000_000

_KIND = "fading_levels/1"
# Rows of a histogram: payments, the sum of their scores, and of the scores' squares.
COUNT, SUM, SQUARES = range(3)


@kernel
def count_scores(recent: NDArray[np.float64], scores: NDArray[np.float64]) -> int:
    """Add scores to a histogram, shape (3, BINS), one after the other; return how many.

    Scores beyond the ends belong to the last bins; NaN is none.
    """
    counted = 0
    for row in range(len(scores)):
        p = scores[row]
        if math.isnan(p):
            continue
        at = 0
        if p >= 1.0:
            at = BINS - 1
        elif p > 0.0:
            z = math.log(p / (1.0 - p))
            at = int((min(max(z, -LOG_ODDS_MAX), LOG_ODDS_MAX) + LOG_ODDS_MAX) / WIDTH)
            at = min(at, BINS - 1)
        recent[COUNT, at] += 1.0
        recent[SUM, at] += p
        recent[SQUARES, at] += p * p
        counted += 1
    return counted


class Above(NamedTuple):
    """Payments whose score is at least a certain one.

    Attributes
    ----------
    a_day : float
        How many there are.
    mean : float
        Of their scores; NaN if there are none.
    variance : float
        Mean of score times 1 - score: of the truth, if scores are probabilities.
    """

    a_day: float
    mean: float
    variance: float


class FadingLevels:
    """The histogram.

    Parameters
    ----------
    half_life_us : int
        Event time after which a payment counts half.

    Attributes
    ----------
    mass : ndarray of float64, shape (3, BINS)
        What is remembered, with what has faded gone.
    recent : ndarray of float64, shape (3, BINS)
        What came since.
    days : float
        The time that it is remembered of, faded alike.
    """

    def __init__(self, half_life_us: int) -> None:
        self.half_life_us = half_life_us
        self.mass = np.zeros((3, BINS))
        self.recent = np.zeros((3, BINS))
        self.days = 0.0

    def count(self, scores: NDArray[np.float64]) -> int:
        """Count scores, shape (n,); return how many there were."""
        return int(count_scores(self.recent, scores))

    def empty(self) -> FadingLevels:
        """Return such a histogram that has seen nothing."""
        return FadingLevels(self.half_life_us)

    def copy(self) -> FadingLevels:
        """Return one that has seen the same."""
        return self.like(self.state())

    def like(self, state: State) -> FadingLevels:
        """Return one that has seen what a state says; SnapshotError if it is damaged."""
        require_kind(state, _KIND)
        levels = self.empty()
        (levels.days,) = array(state, "days", np.float64, (1,)).tolist()
        require(state, levels.days >= 0.0, "its days are fewer than none")
        used = state.arrays["bins"].shape if "bins" in state.arrays else (0,)
        bins = array(state, "bins", np.int64, used)
        require_within(state, "bins", bins, 0, BINS - 1)
        require(state, bool((np.diff(bins) > 0).all()), "its bins are in no order")
        for name in ("mass", "recent"):
            found = array(state, name, np.float64, (3, len(bins)))
            require_within(state, name, found, 0.0, 2.0**62)
            getattr(levels, name)[:, bins] = found
        return levels

    def state(self) -> State:
        """Return all that `like` needs; a copy."""
        # Most bins hold nothing.
        bins = np.flatnonzero((self.mass + self.recent).any(axis=0))
        arrays = {"mass": self.mass[:, bins], "recent": self.recent[:, bins]}
        return State(_KIND, arrays={"days": np.array([self.days]), "bins": bins, **arrays})

    def fold(self, passed_us: int, counts_time: bool = True) -> None:
        """Let what is remembered fade, and remember what came in the time that passed.

        Where the time does not count, it is as if it had passed unseen.
        """
        kept = 0.5 ** (passed_us / self.half_life_us)
        self.mass *= kept
        self.mass += self.recent
        self.recent[:] = 0.0
        self.days = self.days * kept + (passed_us / DAY_US if counts_time else 0.0)

    def place(self, a_day: float) -> tuple[int, float]:
        """Find where so many payments a day lie above.

        Returns
        -------
        bin : int
            The bin in which that score lies; -1 if all payments are not more than that.
        share : float
            The share of the bin's payments that is still to be counted, from its upper end.
        """
        wanted = a_day * self.days
        counts = self.mass[COUNT]
        above = np.cumsum(counts[::-1])
        at = int(np.searchsorted(above, wanted, side="right"))
        if at == BINS:
            return -1, 1.0
        bin_ = BINS - 1 - at
        return bin_, float((wanted - (above[at] - counts[bin_])) / counts[bin_])

    def in_bin(self, bin_: int) -> float:
        """Return the payments a day of a bin."""
        return float(self.mass[COUNT, bin_] / self.days)

    def above(self, score: float) -> Above:
        """Return what lies at a score and above; scores are spread evenly within a bin."""
        if self.days == 0.0:
            return Above(0.0, math.nan, math.nan)
        place = (min(max(_log_odds(score), -LOG_ODDS_MAX), LOG_ODDS_MAX) + LOG_ODDS_MAX) / WIDTH
        first = min(int(place), BINS - 1)
        sums = self.mass[:, first + 1 :].sum(axis=1)
        if score <= 1.0:
            sums += (1.0 - min(place - first, 1.0)) * self.mass[:, first]
        n = sums[COUNT]
        if n <= 0.0:
            return Above(0.0, math.nan, math.nan)
        mean, square = sums[SUM] / n, sums[SQUARES] / n
        return Above(float(n / self.days), float(mean), float(max(mean - square, 0.0)))

    def sum_below(self, score: float) -> float:
        """Return the sum of the scores of a day that lie below a score."""
        if self.days == 0.0:
            return 0.0
        above = self.above(score)
        total = float(self.mass[SUM].sum() / self.days)
        return max(total - (above.mean * above.a_day if above.a_day else 0.0), 0.0)


def score_at(place: float) -> float:
    """Return the score at a place on the axis of bins: 0 is the lower end of the first."""
    return 1.0 / (1.0 + math.exp(LOG_ODDS_MAX - WIDTH * place))


def _log_odds(score: float) -> float:
    if score <= 0.0:
        return -math.inf
    return math.inf if score >= 1.0 else math.log(score / (1.0 - score))
