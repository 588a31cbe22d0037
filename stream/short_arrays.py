"""What batches of a few rows ask for over and over, in one call of NumPy's C each.

``np.full``, ``np.flatnonzero``, ``mask.any()`` and ``mask.sum()`` go through layers of Python or
set up a reduction: whatever the length that takes longer than what is asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def filled(shape: int | tuple[int, ...], value: Any, dtype: Any = np.float64) -> NDArray[Any]:
    """Return a new array that holds one value everywhere."""
    array = np.empty(shape, dtype)
    array.fill(value)
    return array


def count(mask: NDArray[np.bool_]) -> int:
    """Return how many rows are marked."""
    return int(np.count_nonzero(mask))


def every(mask: NDArray[np.bool_]) -> bool:
    """Tell whether all rows are marked."""
    return np.count_nonzero(mask) == mask.size


def marked(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return which rows are marked, in order."""
    return mask.nonzero()[0]
