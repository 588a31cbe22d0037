"""Two learners: one of analysts' feedback on alerts, in hours, and one of delayed labels, in weeks.

Analysts look only at what was alerted, and within hours; everything else is known after weeks,
as chargebacks or because nobody complained. The few verdicts on alerts are unlike the stream: most
are frauds or nearly, and one learner that is given both is drowned by the many late ones. Trained
apart and aggregated they rank better on real cards (Dal Pozzolo, Boracchi, Caelen, Alippi &
Bontempi 2018, "Credit card fraud detection: a realistic modeling and a novel learning strategy",
section V); that paper averages probabilities. Here log-odds are averaged, so that contributions
still add up to the score.
"""

from __future__ import annotations

from typing import Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from models import pool
from models.base import Learner
from models.members import contributions_of, log_odds_of, restore_members, states_of
from models.states.restoring import require_header, require_kind
from models.states.snapshot import State

_KIND = "feedback and delayed/1"


class LearnsFeedback(Learner, Protocol):
    """A learner that learns feedback apart, or a wrapper around one."""

    def learn_feedback(self, X: NDArray[np.float64], y: NDArray[np.bool_]) -> None:
        """Learn verdicts on alerted rows, in order; see `FeedbackAndDelayed`."""
        ...


def has_feedback_learner(learner: Learner) -> TypeGuard[LearnsFeedback]:
    """Tell whether a learner, or what it wraps, learns feedback apart."""
    while hasattr(learner, "learner"):
        learner = learner.learner
    return isinstance(learner, FeedbackAndDelayed)


class FeedbackAndDelayed:
    """A learner of feedback and a learner of delayed labels, aggregated.

    `learn_many` teaches the delayed learner and `learn_feedback` the other one: whoever
    holds the labels says of which kind they are. Every row is learned once by each of the two
    that has a label of it.

    Parameters
    ----------
    feedback, delayed : Learner
        They are learned from here on through this one only.
    feedback_share : float
        Weight of the feedback learner's log-odds, above 0 to below 1. Where only one of the
        two is ready it speaks alone.

    Raises
    ------
    ValueError
        The share is out of its range.
    """

    def __init__(self, feedback: Learner, delayed: Learner, feedback_share: float = 0.5) -> None:
        if not 0.0 < feedback_share < 1.0:
            raise ValueError(
                f"feedback_share is {feedback_share}: give a number above 0 and below 1"
            )
        self.members: dict[str, Learner] = {"feedback": feedback, "delayed": delayed}
        self.feedback_share = float(feedback_share)
        self._weights = np.array([self.feedback_share, 1.0 - self.feedback_share])

    @property
    def learned(self) -> int:
        """How many labels were learned from, by both together."""
        return sum(member.learned for member in self.members.values())

    @property
    def ready(self) -> bool:
        """Whether the delayed learner is: the other one has seen alerts only."""
        return self.members["delayed"].ready

    def learn_feedback(self, X: NDArray[np.float64], y: NDArray[np.bool_]) -> None:
        """Learn verdicts on alerted rows, in order; shapes as in `learn_many`."""
        self.members["feedback"].learn_many(X, y)

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn delayed labels, in order; see `models.base.Learner`."""
        self.members["delayed"].learn_many(X, y, w)

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,); NaN where there is none."""
        return pool.pooled(log_odds_of(self.members, X), self._weights)

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart; see `models.members.contributions_of`."""
        return contributions_of(self.members, self._weights, X)

    def state(self) -> State:
        """Return the states of both learners.

        Raises
        ------
        schemas.errors.ModelError
            One of them has no state.
        """
        return State(_KIND, {"feedback_share": self.feedback_share}, {}, states_of(self.members))

    def restore(self, state: State) -> None:
        """Go on where another one was; SnapshotError, and no change, else."""
        require_kind(state, _KIND)
        require_header(state, {"feedback_share": self.feedback_share})
        restore_members(self.members, state)
