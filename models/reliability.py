"""Whether scores mean what they say, from numbers that never grow.

Of the payments that were scored 0.2 a fifth should be frauds. Scores fall into bins of
equal width in log-odds, because almost all of them lie near 0; each bin counts its scores
and frauds, and adds up what was said.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import array, require_kind
from models.states.snapshot import State

_KIND = "reliability/1"
WIDTH = 0.5
LOG_ODDS_MAX = 12.0
# Scores from which on a bin counts, but for the first.
EDGES = 1.0 / (1.0 + np.exp(-np.arange(-LOG_ODDS_MAX, LOG_ODDS_MAX + WIDTH / 2, WIDTH)))


def _zeros() -> NDArray[np.float64]:
    return np.zeros(len(EDGES) + 1)


@dataclass(eq=False)
class Reliability:
    """Running sums of scores and of what became known.

    Attributes
    ----------
    count, frauds : ndarray of float64, shape (n_bins,)
        Scores of each bin, and how many of their payments were frauds: whole numbers.
    said : ndarray of float64, shape (n_bins,)
        Sum of the scores.
    brier_sum : float
        Sum of the squares of score less truth.
    """

    count: NDArray[np.float64] = field(default_factory=_zeros)
    frauds: NDArray[np.float64] = field(default_factory=_zeros)
    said: NDArray[np.float64] = field(default_factory=_zeros)
    brier_sum: float = 0.0

    def update(self, scores: NDArray[np.float64], y: NDArray[np.bool_]) -> None:
        """Take scores from 0 to 1, shape (n,), none of them NaN, and the truth, True for fraud."""
        place = np.searchsorted(EDGES, scores, side="right")
        bins = len(self.count)
        self.count += np.bincount(place, minlength=bins)
        self.frauds += np.bincount(place, y, bins)
        self.said += np.bincount(place, scores, bins)
        self.brier_sum += float(((scores - y) ** 2).sum())

    def __add__(self, other: Reliability) -> Reliability:
        """Return the sums of both."""
        return Reliability(
            self.count + other.count,
            self.frauds + other.frauds,
            self.said + other.said,
            self.brier_sum + other.brier_sum,
        )

    def __sub__(self, other: Reliability) -> Reliability:
        """Return what is left without scores that the other has taken."""
        return Reliability(
            self.count - other.count,
            self.frauds - other.frauds,
            self.said - other.said,
            self.brier_sum - other.brier_sum,
        )

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error: mean distance of what was said and what was, over the bins.

        Each bin counts by its scores (Naeini, Cooper & Hauskrecht, "Obtaining well calibrated
        probabilities using Bayesian binning", AAAI 2015). It is never 0 by luck: noise alone
        makes it greater.
        """
        total = self.count.sum()
        return float(np.abs(self.said - self.frauds).sum() / total) if total else None

    @property
    def brier(self) -> float | None:
        """Mean square of score less truth (Brier 1950)."""
        total = self.count.sum()
        return float(self.brier_sum / total) if total else None

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        bins = np.array([self.count, self.frauds, self.said])
        return State(_KIND, {}, {"bins": bins, "brier_sum": np.array([self.brier_sum])})

    def restore(self, state: State) -> None:
        """Go on from other sums; SnapshotError, and no change, if the state is damaged."""
        require_kind(state, _KIND)
        bins = array(state, "bins", np.float64, (3, len(self.count)))
        brier_sum = array(state, "brier_sum", np.float64, (1,))
        self.count, self.frauds, self.said = (each.copy() for each in bins)
        self.brier_sum = float(brier_sum[0])
