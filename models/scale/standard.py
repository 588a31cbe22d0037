"""Zero mean and unit variance, over all that was seen so far (Welford 1962)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dense.matrix import rows_of
from models.dense.model import VALUE_MAX, clipped
from models.states.restoring import array, require_header, require_kind, require_within
from models.states.snapshot import State
from schemas.jit import inlined, kernel

KIND = "standard_scaler/1"


class Moments(NamedTuple):
    """What is known of each column; float64, shape (width,).

    Counts are floating too: they are divided by, and a vector of the processor
    holds one type.
    """

    counts: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]


_ARRAYS = Moments._fields
# Above any mean, and any mean of squares, of values that were clipped.
_LOWS = (0.0, -VALUE_MAX, 0.0)
_HIGHS = (2.0**53, VALUE_MAX, 8 * VALUE_MAX * VALUE_MAX)


@inlined
def learn_row(counts, means, variances, X, i):
    """Take one row in; a NaN is computed with as the rest, and then not kept: no branches."""
    for j in range(X.shape[1]):
        value = clipped(X[i, j])
        known = not math.isnan(value)
        count = counts[j] + 1.0
        mean, variance = means[j], variances[j]
        moved = mean + (value - mean) / count
        spread = variance + ((value - mean) * (value - moved) - variance) / count
        counts[j] = count if known else counts[j]
        means[j] = moved if known else mean
        variances[j] = spread if known else variance


@inlined
def divisor(variance, with_std):
    """Return what a distance from the mean is divided by; infinity where nothing varies."""
    if not with_std:
        return 1.0
    return math.sqrt(variance) if variance > 0.0 else math.inf


@kernel
def learn_rows(counts, means, variances, X):
    """Learn row after row."""
    for i in range(X.shape[0]):
        learn_row(counts, means, variances, X, i)


@kernel
def learn_transform_rows(counts, means, variances, X, with_std):
    """Learn row after row, and scale each by what is then known."""
    Z = np.empty(X.shape)
    for i in range(X.shape[0]):
        learn_row(counts, means, variances, X, i)
        for j in range(X.shape[1]):
            by = divisor(variances[j], with_std)
            Z[i, j] = (clipped(X[i, j]) - means[j]) / by
    return Z


@kernel
def transform_rows(counts, means, variances, X, with_std):
    """Scale rows by what is known."""
    Z = np.empty(X.shape)
    by = np.empty(X.shape[1])
    for j in range(X.shape[1]):
        by[j] = divisor(variances[j], with_std)
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            Z[i, j] = (clipped(X[i, j]) - means[j]) / by[j]
    return Z


class DenseStandardScaler:
    """Subtract the running mean, divide by the running standard deviation.

    A NaN is not learned from and stays NaN; a column that never varied becomes 0. The
    variance is the population's (over n, not n - 1). See `models.dense.model.DenseTransformer`.

    Parameters
    ----------
    width : int
        Number of columns.
    with_std : bool
        Whether to divide by the standard deviation.

    References
    ----------
    Welford (1962), Note on a method for calculating corrected sums of squares and
    products, Technometrics 4(3): the recurrences for mean and sum of squares, the
    latter kept as a mean.
    """

    def __init__(self, width: int, with_std: bool = True) -> None:
        self.with_std = bool(with_std)
        self.moments = Moments(np.zeros(width), np.zeros(width), np.zeros(width))

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.moments.means)

    def widen(self, width: int) -> None:
        """Add columns that were never seen so far; see `models.dense.model.Dense`."""
        new = np.zeros(max(0, width - self.width))
        self.moments = Moments(*(np.concatenate([array, new]) for array in self.moments))

    def learn_many(self, X: NDArray[np.float64]) -> None:
        """Learn rows in order, shape (n, width)."""
        learn_rows(*self.moments, rows_of(X, self.width))

    def learn_transform_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Learn row after row; return each as it is scaled once it was learned."""
        return learn_transform_rows(*self.moments, rows_of(X, self.width), self.with_std)

    def transform_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rows scaled, shape (n, width); changes nothing."""
        return transform_rows(*self.moments, rows_of(X, self.width), self.with_std)

    def state(self) -> State:
        """Return parameters and arrays, copied."""
        arrays = {name: array.copy() for name, array in self.moments._asdict().items()}
        return State(KIND, self._parameters(), arrays)

    def restore(self, state: State) -> None:
        """Take a state; see `models.dense.model.Dense`.

        Raises
        ------
        SnapshotError
            It is not one of a scaler with these parameters, or an array is damaged.
        """
        require_kind(state, KIND)
        require_header(state, self._parameters())
        found = Moments(*(array(state, name, np.float64, (self.width,)) for name in _ARRAYS))
        for name, values, low, high in zip(_ARRAYS, found, _LOWS, _HIGHS, strict=True):
            require_within(state, name, values, low, high)
        self.moments = found

    def _parameters(self) -> dict[str, bool | int]:
        return {"width": self.width, "with_std": self.with_std}
