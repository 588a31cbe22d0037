"""Matrices as kernels take them: of one dtype, in one order, of the right shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Weight times the square of the largest value is far from infinity, and so is 1 / weight.
WEIGHT_MIN, WEIGHT_MAX = 1e-9, 1e9

Lessons = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]


def checked_rows(X: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return rows for a kernel.

    Raises
    ------
    ValueError
        It is not a matrix of that width.
    """
    X = np.ascontiguousarray(X, np.float64)
    if X.ndim != 2 or X.shape[1] != width:
        raise ValueError(f"X has the shape {X.shape}: give (n, {width}), or widen the model")
    return X


def checked_lessons(
    X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None, width: int
) -> Lessons:
    """Return rows, labels and weights for a kernel.

    Raises
    ------
    ValueError
        The shapes do not fit, or a weight is out of its range.
    """
    X = checked_rows(X, width)
    y = np.ascontiguousarray(y, np.bool_)
    if y.shape != (len(X),):
        raise ValueError(f"y has the shape {y.shape}: give ({len(X)},), one label for each row")
    if w is None:
        return X, y, np.ones(len(X))
    w = np.ascontiguousarray(w, np.float64)
    if w.shape != (len(X),):
        raise ValueError(f"w has the shape {w.shape}: give ({len(X)},), one weight for each row")
    wrong = ~((w == 0.0) | ((w >= WEIGHT_MIN) & (w <= WEIGHT_MAX)))
    if wrong.any():
        remedy = f"0 to leave a row out, or weights from {WEIGHT_MIN:g} to {WEIGHT_MAX:g}"
        raise ValueError(f"w holds {w[wrong][0]}: give {remedy}")
    return X, y, w
