"""Bins for any number, the same for every feature and every worker.

A number's own bits say in which bin it is: its sign, its exponent and the first three bits of its
mantissa, so that a bin is an eighth as wide as the power of two it lies in. Nothing need be known
of a feature beforehand, counting takes a shift and an addition, and histograms of any two windows,
or workers, can be added up. (Log-linear bins, as in HdrHistogram, with a sign.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.jit import inlined, kernel

_PARTS_BITS = 3
_PARTS = 1 << _PARTS_BITS
# Numbers nearer to 0 than 2**-20 count as 0, those beyond 2**44 as the last that are told apart.
_EXPONENT_MIN, _EXPONENT_MAX = -20, 44
_SIDE = (_EXPONENT_MAX - _EXPONENT_MIN) * _PARTS
_SHIFT = 52 - _PARTS_BITS
_FIRST = (1023 + _EXPONENT_MIN) << _PARTS_BITS
_WITHOUT_SIGN = 0x7FFFFFFFFFFFFFFF

MISSING = 0
"""The bin of NaN; the others are in the order of their numbers."""
ZERO = 1 + _SIDE
BINS = 2 + 2 * _SIDE


@inlined
def bin_of(value, bits):
    """Return the bin of a number, of which `bits` are those of its 64-bit form."""
    if value != value:  # noqa: PLR0124 - NaN is what does not equal itself.
        return MISSING
    place = ((bits & _WITHOUT_SIGN) >> _SHIFT) - _FIRST + 1
    place = min(max(place, 0), _SIDE)
    return ZERO - place if bits < 0 else ZERO + place


@kernel
def count_values(counts, values, bits, rows):
    """Count the values of some rows.

    Parameters
    ----------
    counts : ndarray of int64, shape (k, BINS)
        Is added to.
    values : ndarray of float64, shape (n, k)
    bits : ndarray of int64, shape (n, k)
        The same bytes.
    rows : int
        So many, from the first on.
    """
    for row in range(rows):
        for column in range(values.shape[1]):
            counts[column, bin_of(values[row, column], bits[row, column])] += 1


def count_into(counts: NDArray[np.int64], values: NDArray[np.float64]) -> None:
    """Count values, shape (n, k) and contiguous; see `count_values`."""
    count_values(counts, values, values.view(np.int64), len(values))


def _upper_edges() -> NDArray[np.float64]:
    exponents = np.arange(_EXPONENT_MIN, _EXPONENT_MAX, dtype=np.float64)
    parts = 1.0 + np.arange(_PARTS) / _PARTS
    lower = (2.0 ** exponents[:, np.newaxis] * parts).ravel()
    upper = np.append(lower[1:], np.inf)
    # A negative bin ends where its positive twin begins.
    return np.concatenate([[np.nan], -lower[::-1], [lower[0]], upper])


UPPER_EDGES = _upper_edges()
"""Where each bin ends, shape (BINS,): no value of it is greater. NaN for that of NaN."""
