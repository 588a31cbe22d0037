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

from schemas.jit import kernel

WIDTH = 0.05
LOG_ODDS_MAX = 16.0
BINS = round(2 * LOG_ODDS_MAX / WIDTH)
DAY_US = 86_400_000_000

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

    def fold(self, passed_us: int) -> None:
        """Let what is remembered fade, and remember what came in the time that passed."""
        kept = 0.5 ** (passed_us / self.half_life_us)
        self.mass *= kept
        self.mass += self.recent
        self.recent[:] = 0.0
        self.days = self.days * kept + passed_us / DAY_US

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
