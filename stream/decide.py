"""From score to outcome, and the name of an alert."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from stream.short_arrays import filled

THRESHOLD_OFF = 2.0
# On the card industry's scale.
SCORE_SCALED_MAX = 999
ALERT_ID_BYTES = 32


class Outcome(IntEnum):
    """What is done with a payment, from mild to strict; the strictest reason wins."""

    ALLOW = 0
    REVIEW = 1
    CHALLENGE = 2
    BLOCK = 3


@dataclass(frozen=True)
class Thresholds:
    """The score from which each outcome applies; above 1 it is off."""

    review: float = 0.5
    challenge: float = THRESHOLD_OFF
    block: float = 0.95

    def outcomes(self, scores: NDArray[np.float64]) -> NDArray[np.int8]:
        """Decide each score; NaN, a missing score, is ALLOW, and the caller says why."""
        outcomes = filled(len(scores), Outcome.ALLOW, np.int8)
        # The strictest last, so that it wins whatever the order of the thresholds.
        for outcome, threshold in self._steps():
            outcomes[scores >= threshold] = outcome
        return outcomes

    def of(self, outcomes: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return the threshold behind each outcome, shape (n,); 0 for ALLOW."""
        return np.array([0.0, self.review, self.challenge, self.block])[outcomes]

    @property
    def alerting(self) -> float:
        """The least score that is alerted."""
        return min(self.review, self.challenge, self.block)

    def _steps(self) -> tuple[tuple[Outcome, float], ...]:
        return (
            (Outcome.REVIEW, self.review),
            (Outcome.CHALLENGE, self.challenge),
            (Outcome.BLOCK, self.block),
        )


@dataclass(frozen=True)
class DecisionScores:
    """What was said of some payments when they were decided, as it waits for their labels.

    The first column is that of whoever decided, so that nothing which was said then moves when
    another model becomes champion. The place of that model is taken by the first of the slots.

    Attributes
    ----------
    scores : ndarray of float64, shape (n, n_contenders)
        The probabilities, the champion's first, NaN where there was none.
    raw : ndarray of float64, shape (n, n_contenders)
        What the models themselves said, before it was calibrated.
    alerting : ndarray of float64, shape (n,)
        The least score that was alerted then.
    champions : ndarray of uint8, shape (n,), or None
        Slot of the model that decided; None: that of slot 0, always.
    """

    scores: NDArray[np.float64]
    raw: NDArray[np.float64]
    alerting: NDArray[np.float64]
    champions: NDArray[np.uint8] | None = None

    @staticmethod
    def width(n_contenders: int) -> int:
        """Return the columns of `packed`."""
        return 2 * n_contenders + 1

    @staticmethod
    def contenders(width: int) -> int:
        """Return how many contenders a matrix of so many columns is of."""
        return width // 2

    def packed(self) -> NDArray[np.float64]:
        """Return all but the champions as one matrix; its first column is the champion's score."""
        return np.column_stack([self.scores, self.raw, self.alerting])

    @classmethod
    def unpacked(
        cls, matrix: NDArray[np.float64], champions: NDArray[np.uint8] | None = None
    ) -> DecisionScores:
        """Return what `packed` made a matrix of."""
        n = cls.contenders(matrix.shape[1])
        return cls(matrix[:, :n], matrix[:, n : 2 * n], matrix[:, 2 * n], champions)

    def scores_of(self, slot: int) -> NDArray[np.float64]:
        """Return what one contender said, whoever decided; shape (n,)."""
        return self._of(self.scores, slot)

    def raw_of(self, slot: int) -> NDArray[np.float64]:
        """Return what one contender's model itself said; shape (n,)."""
        return self._of(self.raw, slot)

    def decided_by(self, slot: int) -> NDArray[np.bool_]:
        """Tell which payments one contender decided, shape (n,)."""
        if self.champions is None:
            return filled(len(self.alerting), slot == 0, np.bool_)
        return self.champions == slot

    def _of(self, matrix: NDArray[np.float64], slot: int) -> NDArray[np.float64]:
        if self.champions is None or not self.champions.any():
            return np.ascontiguousarray(matrix[:, slot])
        if slot == 0:
            return matrix[np.arange(len(matrix)), self.champions]
        return np.where(self.champions == slot, matrix[:, 0], matrix[:, slot])


def champion_first(matrix: NDArray[np.float64], champion: int) -> NDArray[np.float64]:
    """Return columns in the order of slots with the champion's and the first one exchanged."""
    if champion == 0:
        return matrix
    order = np.arange(matrix.shape[1])
    order[[0, champion]] = champion, 0
    return matrix[:, order]


def score_scaled(score: float) -> int:
    """Bring a probability to the card industry's scale of 0 to 999."""
    return min(SCORE_SCALED_MAX, int(score * (SCORE_SCALED_MAX + 1)))


def alert_id(topic: str, partition: int, offset: int, policy: str) -> str:
    """Name an alert after the record it speaks of and the policy that made it.

    Deterministic, so that a crash and a replay give the same id, and a reader who
    keeps ids drops the repeat.
    """
    text = f"{topic}\0{partition}\0{offset}\0{policy}"
    return hashlib.blake2b(text.encode(), digest_size=ALERT_ID_BYTES // 2).hexdigest()
