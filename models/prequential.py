"""How good the scores were, judged only by what was said at decision time.

Test, then train (Dawid 1984; Gama, Sebastião & Rodrigues 2013): each label first
meets the score that was given before anybody knew, and only then teaches the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from models.reliability import Reliability
from models.states.restoring import array, count, require, require_kind
from models.states.snapshot import State

_EPSILON = 1e-15
_KIND = "prequential/1"
_COUNT_MAX = 2**62


@dataclass
class Prequential:
    """Running counts over all labels that met a decision.

    Attributes
    ----------
    true_positives, false_positives, false_negatives, true_negatives : int
        Of the alerts that were raised, by label.
    unscored : int
        Labels of rows that had no score, for example while the model was cold. They were not
        alerted, and are judged as such.
    left_out : int
        Labels of rows that had no score and are not judged for it.
    log_loss_sum : float
        Sum of the scores' log losses, nats.
    reliability : Reliability
        Of the scores, whether they mean what they say.
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0
    unscored: int = 0
    left_out: int = 0
    log_loss_sum: float = 0.0
    reliability: Reliability = field(default_factory=Reliability)

    def update_scored(
        self, scores: NDArray[np.float64], alerted: NDArray[np.bool_], y: NDArray[np.bool_]
    ) -> None:
        """Judge a batch only by the rows that had a score: for a model that decides nothing."""
        scored = ~np.isnan(scores)
        self.left_out += int((~scored).sum())
        self.update(scores[scored], alerted[scored], y[scored])

    def update(
        self, scores: NDArray[np.float64], alerted: NDArray[np.bool_], y: NDArray[np.bool_]
    ) -> None:
        """Judge a batch.

        Parameters
        ----------
        scores : ndarray of float64, shape (n,)
            Scores at decision time, NaN where there was none.
        alerted : ndarray of bool, shape (n,)
        y : ndarray of bool, shape (n,)
            True for fraud.
        """
        scored = ~np.isnan(scores)
        self.unscored += int((~scored).sum())
        self.true_positives += int((alerted & y).sum())
        self.false_positives += int((alerted & ~y).sum())
        self.false_negatives += int((~alerted & y).sum())
        self.true_negatives += int((~alerted & ~y).sum())
        p = np.clip(scores[scored], _EPSILON, 1 - _EPSILON)
        self.log_loss_sum -= float(np.where(y[scored], np.log(p), np.log1p(-p)).sum())
        self.reliability.update(scores[scored], y[scored])

    def take_back(
        self, scores: NDArray[np.float64], alerted: NDArray[np.bool_], y: NDArray[np.bool_]
    ) -> None:
        """Undo `update` of the same rows: what was called their truth was none."""
        wrong = Prequential()
        wrong.update(scores, alerted, y)
        self._subtract(wrong)

    def take_back_scored(
        self, scores: NDArray[np.float64], alerted: NDArray[np.bool_], y: NDArray[np.bool_]
    ) -> None:
        """Undo `update_scored` of the same rows."""
        wrong = Prequential()
        wrong.update_scored(scores, alerted, y)
        self._subtract(wrong)

    def __add__(self, other: Prequential) -> Prequential:
        """Return what both have counted."""
        parts = (part.name for part in fields(self))
        return Prequential(**{name: getattr(self, name) + getattr(other, name) for name in parts})

    def _subtract(self, other: Prequential) -> None:
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) - getattr(other, part.name))

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the counts, with shares and means; None where undefined."""
        alerts = self.true_positives + self.false_positives
        frauds = self.true_positives + self.false_negatives
        judged = alerts + self.false_negatives + self.true_negatives
        scored = judged - self.unscored
        return {
            "judged": judged,
            "unscored": self.unscored,
            "left_out": self.left_out,
            "frauds": frauds,
            "precision": self.true_positives / alerts if alerts else None,
            "recall": self.true_positives / frauds if frauds else None,
            "log_loss": self.log_loss_sum / scored if scored else None,
            "brier": self.reliability.brier,
            "calibration_error": self.reliability.calibration_error,
        }

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        return State(
            _KIND,
            {name: getattr(self, name) for name in _counts()},
            {"log_loss_sum": np.array([self.log_loss_sum])},
            {"reliability": self.reliability.state()},
        )

    def restore(self, state: State) -> None:
        """Go on from other counts; SnapshotError, and no change, if the state is damaged."""
        require_kind(state, _KIND)
        require(state, set(state.parts) == {"reliability"}, "its parts are others")
        counts = {name: count(state, name, 0, _COUNT_MAX) for name in _counts()}
        (log_loss_sum,) = array(state, "log_loss_sum", np.float64, (1,)).tolist()
        self.reliability.restore(state.parts["reliability"])
        self.log_loss_sum = log_loss_sum
        for name, found in counts.items():
            setattr(self, name, found)


def _counts() -> list[str]:
    return [each.name for each in fields(Prequential) if each.type == "int"]
