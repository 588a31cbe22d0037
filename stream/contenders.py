"""The champion and its challengers: what they say of payments, and how they learn from labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.base import Learner
from models.calibration.calibrator import Calibrator
from models.members import Stateful, restore_members, states_of
from models.prequential import Prequential
from models.states.restoring import require_kind
from models.states.snapshot import State
from models.two_clocks import on_two_clocks
from stream.decide import Said
from stream.labels.clocks import Clock
from stream.labels.lessons import Lessons
from stream.short_arrays import filled

_KIND = "contender/1"


@dataclass
class Contender:
    """A learner, how good its scores were, and what makes them probabilities.

    Attributes
    ----------
    learner : Learner
    prequential : Prequential
    calibrator : Calibrator or None
        Without one what the learner says is the score.
    """

    learner: Learner
    prequential: Prequential = field(default_factory=Prequential)
    calibrator: Calibrator | None = None

    @property
    def calibration(self) -> dict[str, float | int]:
        """What the calibrator does: slope and offset of log-odds, labels learned; empty if none."""
        it = self.calibrator
        return {} if it is None else {"slope": it.slope, "offset": it.offset, "labels": it.learned}

    def contributions_many(
        self, X: NDArray[np.float64], raw: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart, of which the learner itself said `raw`.

        Calibration stretches what each feature adds. What it adds itself, and what bounding
        the log-odds takes away, is in the base.

        Returns
        -------
        bases : ndarray of float64, shape (n,)
        contributions : ndarray of float64, shape (n, n_features)
            base + their sum is the log-odds of the score.
        """
        bases, parts = self.learner.contributions_many(X)
        if self.calibrator is None:
            return bases, parts
        stretched = self.calibrator.slope * parts
        return self.calibrator.log_odds(raw) - stretched.sum(axis=1), stretched

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        return State(_KIND, parts=states_of(self._parts))

    def restore(self, state: State) -> None:
        """Go on from the state of a contender built alike; SnapshotError, and no change, else."""
        require_kind(state, _KIND)
        restore_members(self._parts, state)

    @property
    def _parts(self) -> dict[str, Stateful]:
        parts: dict[str, Stateful] = {"learner": self.learner, "quality": self.prequential}
        return parts if self.calibrator is None else {**parts, "calibrator": self.calibrator}


def contender_of(learner: Learner, calibrate: bool) -> Contender:
    """Return a contender about whose scores nothing is known."""
    return Contender(learner, calibrator=Calibrator() if calibrate else None)


def ask(
    contenders: Sequence[Contender],
    X: NDArray[np.float64],
    alerting: float,
) -> Said:
    """Return what every contender says of every row, NaN where it says nothing.

    Parameters
    ----------
    contenders : sequence of Contender
    X : ndarray of float64, shape (n, n_features)
    alerting : float
        The least score that is alerted now.
    """
    raw = filled((len(X), len(contenders)), np.nan)
    scores = raw.copy()
    for at, contender in enumerate(contenders):
        if contender.learner.ready and len(X):
            said = contender.learner.predict_proba_many(X)
            calibrator = contender.calibrator
            raw[:, at] = said
            scores[:, at] = said if calibrator is None else calibrator.calibrate(said)
    return Said(scores, raw, filled(len(X), alerting))


def judge(contenders: Sequence[Contender], said: Said, y: NDArray[np.bool_]) -> None:
    """Judge by each label what was said before it.

    Parameters
    ----------
    contenders : sequence of Contender
        The champion first. It answers for every payment, a challenger for those that it scored.
    said : Said
    y : ndarray of bool, shape (n,)
        True for fraud.
    """
    for at, contender in enumerate(contenders):
        scores, quality = said.scores[:, at], contender.prequential
        update = quality.update if at == 0 else quality.update_scored
        update(scores, scores >= said.alerting, y)


def teach(contenders: Sequence[Contender], lessons: Lessons) -> None:
    """Let the learners learn labels: all that is new, or what came by each one's clock.

    Feedback is what somebody said, so it weighs 1.

    Parameters
    ----------
    contenders : sequence of Contender
    lessons : Lessons
        Their scores are not looked at.
    """
    feedback = (lessons.clocks & Clock.FEEDBACK) != 0
    delayed = (lessons.clocks & Clock.DELAYED) != 0
    for contender in contenders:
        learner = contender.learner
        if on_two_clocks(learner):
            learner.learn_feedback(lessons.features[feedback], lessons.is_fraud[feedback])
            learner.learn_many(*_to_learn(lessons, delayed))
        else:
            learner.learn_many(*_to_learn(lessons, lessons.news))


def _to_learn(
    lessons: Lessons, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64] | None]:
    """Return features, verdicts and weights of some lessons, without those that weigh nothing."""
    weights = lessons.weights
    if weights is None:
        if rows.all():
            return lessons.features, lessons.is_fraud, None
        return lessons.features[rows], lessons.is_fraud[rows], None
    rows = rows & (weights > 0.0)
    return lessons.features[rows], lessons.is_fraud[rows], weights[rows]


def take_back(contenders: Sequence[Contender], said: Said, y: NDArray[np.bool_]) -> None:
    """Take back how rows were judged whose truth is the opposite after all.

    Parameters are those of `judge`; `y` is what is known now.
    """
    for at, contender in enumerate(contenders):
        scores, quality = said.scores[:, at], contender.prequential
        undo = quality.take_back if at == 0 else quality.take_back_scored
        undo(scores, scores >= said.alerting, ~y)


def calibrate(
    contenders: Sequence[Contender], raw: NDArray[np.float64], y: NDArray[np.bool_]
) -> None:
    """Let the calibrators learn labels.

    Parameters
    ----------
    contenders : sequence of Contender
    raw : ndarray of float64, shape (n, n_contenders)
        What the learners themselves had said.
    y : ndarray of bool, shape (n,)
        True for fraud.
    """
    for at, contender in enumerate(contenders):
        if contender.calibrator is not None:
            contender.calibrator.learn(np.ascontiguousarray(raw[:, at]), y)
