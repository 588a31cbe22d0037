"""Between 0, the least value seen so far, and 1, the greatest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dense.matrix import rows_of
from models.dense.model import VALUE_MAX, clipped
from models.states.restoring import array, require_header, require_kind, require_within
from models.states.snapshot import State
from schemas.jit import inlined, kernel

KIND = "min_max_scaler/1"


class Extremes(NamedTuple):
    """The least and the greatest value of each column; float64, shape (width,).

    A column that was never seen has them the wrong way round, at the ends of what a
    clipped value can be: then whatever comes first is less, and greater, and nothing
    in the state is infinite.
    """

    lows: NDArray[np.float64]
    highs: NDArray[np.float64]


@inlined
def learn_row(lows, highs, X, i):
    """Take one row in; a NaN is neither less nor greater than anything."""
    for j in range(X.shape[1]):
        value = clipped(X[i, j])
        lows[j] = value if value < lows[j] else lows[j]
        highs[j] = value if value > highs[j] else highs[j]


@inlined
def scaled(value, low, high):
    """Return a value on the scale from low to high, 0 where there is none; a NaN stays one."""
    span = high - low
    # Far outside a range of next to nothing it would be infinite.
    return clipped((value - low) / span) if span > 0.0 else value - value


@kernel
def learn_rows(lows, highs, X):
    """Learn row after row."""
    for i in range(X.shape[0]):
        learn_row(lows, highs, X, i)


@kernel
def learn_transform_rows(lows, highs, X):
    """Learn row after row, and scale each by what is then known."""
    Z = np.empty(X.shape)
    for i in range(X.shape[0]):
        learn_row(lows, highs, X, i)
        for j in range(X.shape[1]):
            Z[i, j] = scaled(clipped(X[i, j]), lows[j], highs[j])
    return Z


@kernel
def transform_rows(lows, highs, X):
    """Scale rows by what is known."""
    Z = np.empty(X.shape)
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            Z[i, j] = scaled(clipped(X[i, j]), lows[j], highs[j])
    return Z


class DenseMinMaxScaler:
    """Subtract the least value seen so far, divide by the range.

    A NaN is not learned from and stays NaN; a column without a range becomes 0. A value
    that was not learned can lie outside 0 to 1. See `models.dense.model.DenseTransformer`.

    Parameters
    ----------
    width : int
        Number of columns.
    """

    def __init__(self, width: int) -> None:
        self.extremes = _unseen(width)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.extremes.lows)

    def widen(self, width: int) -> None:
        """Add columns that were never seen so far; see `models.dense.model.Dense`."""
        new = _unseen(max(0, width - self.width))
        self.extremes = Extremes(*map(np.concatenate, zip(self.extremes, new, strict=True)))

    def learn_many(self, X: NDArray[np.float64]) -> None:
        """Learn rows in order, shape (n, width)."""
        learn_rows(*self.extremes, rows_of(X, self.width))

    def learn_transform_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Learn row after row; return each as it is scaled once it was learned."""
        return learn_transform_rows(*self.extremes, rows_of(X, self.width))

    def transform_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rows scaled, shape (n, width); changes nothing."""
        return transform_rows(*self.extremes, rows_of(X, self.width))

    def state(self) -> State:
        """Return parameters and arrays, copied."""
        arrays = {name: array.copy() for name, array in self.extremes._asdict().items()}
        return State(KIND, {"width": self.width}, arrays)

    def restore(self, state: State) -> None:
        """Take a state; see `models.dense.model.Dense`.

        Raises
        ------
        SnapshotError
            It is not one of a scaler of this width, or an array is damaged.
        """
        require_kind(state, KIND)
        require_header(state, {"width": self.width})
        names = Extremes._fields
        found = Extremes(*(array(state, name, np.float64, (self.width,)) for name in names))
        for name, values in zip(names, found, strict=True):
            require_within(state, name, values, -VALUE_MAX, VALUE_MAX)
        self.extremes = found


def _unseen(width: int) -> Extremes:
    return Extremes(np.full(width, VALUE_MAX), np.full(width, -VALUE_MAX))
