"""What the engine asks of a learner."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.states.snapshot import State


class Learner(Protocol):
    """An online model over the engine's feature matrix.

    A NaN in a row is an unknown value. Nothing that comes in a row may make the
    model's state or its scores anything but finite.
    """

    @property
    def learned(self) -> int:
        """How many labels were learned from: the model's version."""
        ...

    @property
    def ready(self) -> bool:
        """Whether enough of both classes was seen for a score to mean anything."""
        ...

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows one after the other, in order: a batch is nothing but its rows.

        Parameters
        ----------
        X : ndarray of float64, shape (n, n_features)
        y : ndarray of bool, shape (n,)
            True for fraud.
        w : ndarray of float64, shape (n,), optional
            How many such rows each stands for, above 0; 1 each where it is None. Who learns no
            labels need not look at it.
        """
        ...

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,); changes nothing.

        NaN where there is no score.
        """
        ...

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart; changes nothing.

        Returns
        -------
        bases : ndarray of float64, shape (n,)
            Log-odds that no feature explains.
        contributions : ndarray of float64, shape (n, n_features)
            Log-odds that each feature adds: base + their sum is the score's.
        """
        ...

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        ...

    def restore(self, state: State) -> None:
        """Go on from a state of a learner that was built alike.

        Raises
        ------
        SnapshotError
            It is another learner's, or damaged; then nothing was changed.
        """
        ...
