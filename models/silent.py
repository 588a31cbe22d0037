"""A learner that never says anything: for features without scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import require_kind
from models.states.snapshot import State

_KIND = "silent/1"


class SilentLearner:
    """See `models.base.Learner`: never ready, so nothing is scored and nothing is learned."""

    learned = 0
    ready = False

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn nothing."""

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Know nothing."""
        return np.full(len(X), np.nan)

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Say nothing."""
        return np.zeros(len(X)), np.zeros(X.shape)

    def state(self) -> State:
        """Have none."""
        return State(_KIND)

    def restore(self, state: State) -> None:
        """Take none but its own; see `models.base.Learner`."""
        require_kind(state, _KIND)
