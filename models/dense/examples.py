"""Rows, labels and weights as kernels take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.dense.matrix import labels_of, rows_of

# Weight times the square of the largest value is far from infinity, and so is 1 / weight.
WEIGHT_MIN, WEIGHT_MAX = 1e-9, 1e9

Examples = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]


def examples_of(
    X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None, width: int
) -> Examples:
    """Return rows, labels and weights, 1 each where w is None; see `models.dense.matrix`.

    Raises
    ------
    ValueError
        The shapes do not fit, or a weight is out of its range.
    """
    X = rows_of(X, width)
    y = labels_of(y, len(X))
    if w is None:
        return X, y, np.ones(len(X))
    w = np.array(w, np.float64, order="C")
    if w.shape != (len(X),):
        raise ValueError(f"w has shape {w.shape}, X {len(X)} rows: give one weight a row")
    wrong = ~((w == 0.0) | ((w >= WEIGHT_MIN) & (w <= WEIGHT_MAX)))
    if wrong.any():
        remedy = f"0 to leave a row out, or weights from {WEIGHT_MIN:g} to {WEIGHT_MAX:g}"
        raise ValueError(f"w holds {w[wrong][0]}: give {remedy}")
    return X, y, w
