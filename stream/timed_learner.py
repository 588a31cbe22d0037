"""What the model costs while it runs: processor time by event."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.base import Learner
from models.blend import Blend
from models.feedback_delayed import FeedbackAndDelayed, has_feedback_learner
from models.sampling import SampledLearner
from models.states.snapshot import State
from stream.engine.engine import Engine


class TimedLearner:
    """A learner that is timed; see `models.base.Learner`.

    Parameters
    ----------
    learner : Learner
        It does all the work.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self._scored = _Tally()
        self._taught = _Tally()

    @property
    def learned(self) -> int:
        """How many labels were learned from."""
        return self.learner.learned

    @property
    def ready(self) -> bool:
        """Whether its scores mean anything."""
        return self.learner.ready

    @property
    def costs(self) -> dict[str, float | None]:
        """Microseconds of processor time an event was scored, and learned, in; None of none."""
        return {"predict_us": self._scored.mean_us, "learn_us": self._taught.mean_us}

    @property
    def spent(self) -> tuple[int, int]:
        """Nanoseconds of processor time so far, of all it did, and the rows that were scored."""
        return self._scored.ns + self._taught.ns, self._scored.rows

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows in order."""
        began = time.thread_time_ns()
        self.learner.learn_many(X, y, w)
        self._taught.add(time.thread_time_ns() - began, len(X))

    def learn_feedback(self, X: NDArray[np.float64], y: NDArray[np.bool_]) -> None:
        """Learn verdicts on alerted rows; see `models.feedback_delayed`."""
        if has_feedback_learner(self.learner):
            began = time.thread_time_ns()
            self.learner.learn_feedback(X, y)
            self._taught.add(time.thread_time_ns() - began, len(X))

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of each row, shape (n,)."""
        began = time.thread_time_ns()
        scores = self.learner.predict_proba_many(X)
        self._scored.add(time.thread_time_ns() - began, len(X))
        return scores

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart."""
        return self.learner.contributions_many(X)

    def state(self) -> State:
        """Return the learner's state."""
        return self.learner.state()

    def restore(self, state: State) -> None:
        """Take a state of the learner."""
        self.learner.restore(state)


def challenges(engine: Engine) -> dict[str, dict[str, Any]]:
    """Return how good each challenger's scores were, and what it costs."""
    return {
        name: {
            "ready": challenger.ready,
            "aside": None if challenger.aside is None else challenger.aside._asdict(),
            **challenger.prequential.as_dict(),
            "calibration": challenger.calibration,
            **costs_of(challenger.learner),
            "unlearned": unlearned_by(challenger.learner),
        }
        for name, challenger in engine.challengers.items()
    }


def within(learner: Learner) -> Iterator[Learner]:
    """Yield a learner and what it wraps, outside in: the last one is the model itself."""
    while isinstance(learner, TimedLearner | SampledLearner):
        yield learner
        learner = learner.learner
    yield learner


def unlearned_by(learner: Learner) -> int:
    """Return at how many rows a model raised instead of learning; members each count theirs."""
    *_, model = within(learner)
    if isinstance(model, Blend | FeedbackAndDelayed):
        return sum(unlearned_by(member) for member in model.members.values())
    return int(getattr(model, "unlearned", 0))


def costs_of(learner: Learner) -> dict[str, float | None]:
    """Return the costs of a learner that is timed; of another none are known."""
    return learner.costs if isinstance(learner, TimedLearner) else {}


class _Tally:
    """Nanoseconds and rows."""

    def __init__(self) -> None:
        self.ns = 0
        self.rows = 0

    def add(self, ns: int, rows: int) -> None:
        self.ns += ns
        self.rows += rows

    @property
    def mean_us(self) -> float | None:
        return round(self.ns / 1000 / self.rows, 3) if self.rows else None
