"""From score to outcome, and the name of an alert."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

THRESHOLD_OFF = 2.0


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
        outcomes = np.full(len(scores), Outcome.ALLOW, np.int8)
        # The strictest last, so that it wins whatever the order of the thresholds.
        for outcome, threshold in self._steps():
            outcomes[scores >= threshold] = outcome
        return outcomes

    def of(self, outcome: Outcome) -> float:
        """Return the threshold behind an outcome; 0 for ALLOW."""
        return dict(self._steps()).get(outcome, 0.0)

    def _steps(self) -> tuple[tuple[Outcome, float], ...]:
        return (
            (Outcome.REVIEW, self.review),
            (Outcome.CHALLENGE, self.challenge),
            (Outcome.BLOCK, self.block),
        )


def score_scaled(score: float) -> int:
    """Bring a probability to the card industry's scale of 0 to 999."""
    return min(999, int(score * 1000))


def alert_id(topic: str, partition: int, offset: int, policy: str) -> str:
    """Name an alert after the record it speaks of and the policy that made it.

    Deterministic, so that a crash and a replay give the same id, and a reader who
    keeps ids drops the repeat.
    """
    text = f"{topic}\0{partition}\0{offset}\0{policy}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
