"""What makes the scores of one model probabilities, and goes on learning to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.calibration.bounds import squeezed
from models.calibration.newton import (
    LINE_SIZE,
    OFFSET,
    OFFSET_MAX,
    OFFSET_OFFSET,
    SLOPE,
    SLOPE_MAX,
    SLOPE_MIN,
    SLOPE_OFFSET,
    SLOPE_SLOPE,
    apply_line,
    learn_line,
)
from models.states.restoring import array, count, require, require_header, require_kind
from models.states.snapshot import State

# Labels after which one counts a third: it follows a model that is still learning, and
# has enough frauds where one payment in a thousand is one.
MEMORY_LABELS = 50_000
# How many frauds must speak against the scores as they are to be heard as much as they.
PRIOR_FRAUDS = 50.0
# How far from 0 the log-odds are where those frauds are thought to be.
PRIOR_LOG_ODDS = 4.0

_KIND = "calibrator/1"
_LEARNED_MAX = 2**63 - 1
# A curvature is at most the prior's and a quarter of a squared log-odds for each label
# that is remembered; this is far beyond.
_CURVATURE_MAX = 1e15


class Calibrator:
    """A line in log-odds between a model's score and what is said; see `models.calibration`.

    At first it changes nothing (slope 1, offset 0). It never changes the order of scores:
    its slope is positive and its bounds keep the order, up to rounding.

    Parameters
    ----------
    memory_labels : int
        After this many labels one counts 1/e of what it did.
    prior_frauds : float
        How many frauds the first line is worth.

    Raises
    ------
    ValueError
        One of them is not above 0.

    Attributes
    ----------
    learned : int
        How many labels of scored payments were learned from.
    """

    def __init__(
        self, memory_labels: int = MEMORY_LABELS, prior_frauds: float = PRIOR_FRAUDS
    ) -> None:
        if memory_labels < 1 or not 0 < prior_frauds < np.inf:
            raise ValueError(
                f"memory_labels is {memory_labels} and prior_frauds {prior_frauds}: "
                "give numbers above 0"
            )
        self.memory_labels = memory_labels
        self.prior_frauds = float(prior_frauds)
        self.learned = 0
        self._keep = float(np.exp(-1.0 / memory_labels))
        self._prior = np.zeros(LINE_SIZE)
        self._prior[SLOPE] = 1.0
        self._prior[SLOPE_SLOPE] = prior_frauds * PRIOR_LOG_ODDS**2
        self._prior[OFFSET_OFFSET] = prior_frauds
        self._line = self._prior.copy()

    @property
    def slope(self) -> float:
        """Below 1 the model is too sure, above 1 not sure enough; always positive."""
        return float(self._line[SLOPE])

    @property
    def offset(self) -> float:
        """Log-odds that are added to all."""
        return float(self._line[OFFSET])

    def calibrate(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability that stands for each score, shape (n,); NaN stays."""
        return np.asarray(apply_line(self._line, scores))

    def log_odds(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of what `calibrate` makes of each score, shape (n,)."""
        return self.slope * np.array([squeezed(each) for each in scores.tolist()]) + self.offset

    def learn(self, scores: NDArray[np.float64], y: NDArray[np.bool_]) -> None:
        """Learn labels one after the other, in order: a batch is nothing but its rows.

        Parameters
        ----------
        scores : ndarray of float64, shape (n,)
            What the model itself said when it was asked, NaN where it said nothing.
        y : ndarray of bool, shape (n,)
            True for fraud.

        Raises
        ------
        ValueError
            They are not of one length.
        """
        if len(scores) != len(y):
            raise ValueError(f"there are {len(scores)} scores and {len(y)} labels: give pairs")
        self.learned += int(learn_line(self._line, self._prior, self._keep, scores, y))

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        header = {**self._parameters(), "learned": self.learned}
        return State(_KIND, header, {"line": self._line.copy()})

    def restore(self, state: State) -> None:
        """Go on where a calibrator with the same parameters was; SnapshotError, no change, else."""
        require_kind(state, _KIND)
        require_header(state, self._parameters())
        learned = count(state, "learned", 0, _LEARNED_MAX)
        line = array(state, "line", np.float64, (LINE_SIZE,))
        require(state, SLOPE_MIN <= line[SLOPE] <= SLOPE_MAX, "the slope is out of range")
        require(state, abs(line[OFFSET]) <= OFFSET_MAX, "the offset is out of range")
        ss, so, oo = line[SLOPE_SLOPE], line[SLOPE_OFFSET], line[OFFSET_OFFSET]
        # Fading leaves the prior's curvature where it is, up to rounding.
        least = 0.999 * self._prior
        curved = ss >= least[SLOPE_SLOPE] and oo >= least[OFFSET_OFFSET] and ss * oo > so * so
        require(
            state, bool(curved and max(ss, oo) <= _CURVATURE_MAX), "the curvature is no curve's"
        )
        self.learned = learned
        self._line = line

    def _parameters(self) -> dict[str, int | float]:
        return {"memory_labels": self.memory_labels, "prior_frauds": self.prior_frauds}
