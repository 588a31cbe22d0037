"""What every compiled model is: flat arrays, and kernels over a matrix of fixed width.

A column is a feature, a NaN is a feature that is not known: what River says by
leaving a key out of its dictionary. Whatever else comes in is clipped to
`VALUE_MAX`, so that no square and no product of features leaves the finite numbers.
Rows are learned one after the other; how they are cut into batches never matters.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.states.snapshot import State
from schemas.jit import inlined

# No real feature is anywhere near.
VALUE_MAX = 1e12


@inlined
def clipped(value: float) -> float:
    """Return a value within `VALUE_MAX` of zero; a NaN stays one."""
    if value > VALUE_MAX:
        return VALUE_MAX
    if value < -VALUE_MAX:
        return -VALUE_MAX
    return value


class Dense(Protocol):
    """A model over matrices of `width` columns."""

    @property
    def width(self) -> int:
        """How many features it knows."""
        ...

    def widen(self, width: int) -> None:
        """Know more features: the new columns come last, and were never seen so far."""
        ...

    def state(self) -> State:
        """Return parameters and arrays, copied: all that `restore` needs to go on bit for bit."""
        ...

    def restore(self, state: State) -> None:
        """Take a state; SnapshotError, and no change, where it is not one of such a model."""
        ...


class DenseTransformer(Dense, Protocol):
    """A transformer: columns in, as many columns out."""

    def learn_transform_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Learn row after row; return each as it is scaled once it was learned."""
        ...

    def transform_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rows scaled, shape (n, width); changes nothing."""
        ...


class DenseClassifier(Dense, Protocol):
    """A binary classifier."""

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows in order; `w`, shape (n,), are their weights, 1 where it is None."""
        ...

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,); changes nothing."""
        ...

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart; see `models.base.Learner.contributions_many`."""
        ...


@runtime_checkable
class DenseDetector(Dense, Protocol):
    """An anomaly detector: it knows no labels."""

    @property
    def ready(self) -> bool:
        """Whether it has seen enough for a score to mean anything."""
        ...

    def learn_many(self, X: NDArray[np.float64]) -> None:
        """Learn rows in order."""
        ...

    def score_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how strange each row is, 0 to 1, shape (n,); changes nothing."""
        ...
