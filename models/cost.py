"""What an event costs a learner."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.base import Learner


class Cost(NamedTuple):
    """Microseconds an event."""

    predict_us: float
    learn_us: float

    def __str__(self) -> str:
        return f"{self.predict_us:.2g} us to score an event, {self.learn_us:.2g} us to learn one"


def measured_cost(
    learner: Learner, X: NDArray[np.float64], y: NDArray[np.bool_], clock: Callable[[], float]
) -> Cost:
    """Score some rows, learn them, and say what it took; the learner stays as it is.

    Parameters
    ----------
    learner : Learner
        A copy of it does the work.
    X : ndarray of float64, shape (n, n_features)
        As many rows as the engine would give it at once.
    y : ndarray of bool, shape (n,)
    clock : callable
        Returns seconds, for example `time.thread_time`: the learners know no clock.

    Raises
    ------
    ValueError
        There are no rows.
    """
    if len(X) == 0:
        raise ValueError("X has 0 rows: give some, for there is nothing to measure")
    copy = deepcopy(learner)
    # A first call may compile, or make tables; the scores and examples timed are those after it.
    copy.predict_proba_many(X[:1])
    copy.learn_many(X[:1], y[:1])
    copy.contributions_many(X[:1])
    times = [clock()]
    copy.predict_proba_many(X)
    times.append(clock())
    copy.learn_many(X, y)
    times.append(clock())
    predict_us, learn_us = np.diff(times) * 1e6 / len(X)
    return Cost(float(predict_us), float(learn_us))
