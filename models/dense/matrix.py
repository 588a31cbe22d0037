"""What a kernel may be given: one type of matrix, one type of vector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rows_of(X: NDArray[Any], width: int) -> NDArray[np.float64]:
    """Return a matrix as kernels take it: float64, row after row, writable.

    Kernels write nothing into it; but to Numba a read-only array is another type, for
    which it would compile everything once more. Nothing is copied that is so already.

    Parameters
    ----------
    X : ndarray, shape (n, width)
    width : int
        How many columns the model has.

    Raises
    ------
    ValueError
        X is no matrix of `width` columns.
    """
    if X.ndim != 2 or X.shape[1] != width:
        raise ValueError(
            f"X has shape {X.shape}, the model {width} columns: give it (n, {width}), "
            "or let the model know more columns with widen()"
        )
    return _plain(X, np.float64)


def labels_of(y: NDArray[Any], n: int) -> NDArray[np.bool_]:
    """Return labels as kernels take them: booleans, shape (n,).

    Raises
    ------
    ValueError
        y has another shape.
    """
    if y.shape != (n,):
        raise ValueError(f"y has shape {y.shape}, X {n} rows: give one label a row")
    return _plain(y, np.bool_)


def _plain(array: NDArray[Any], dtype: type[Any]) -> NDArray[Any]:
    if array.dtype == dtype and array.flags.carray:
        return array
    return np.array(array, dtype, order="C")
