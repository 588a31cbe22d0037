"""Variance from exact integer sums, without the cancellation of doubles.

The sum of squares is two limbs, high * 2**40 + low. The squared deviations from the
whole part of the mean are computed in limbs too, exactly, so a small spread around a
large mean keeps all its digits.
"""

from __future__ import annotations

from numba import int64

from schemas.jit import kernel
from stream.features.columns import SQUARE_BITS

_HALF_BITS = SQUARE_BITS // 2
_HALF_MASK = 2**_HALF_BITS - 1
_MASK = 2**SQUARE_BITS - 1
_LIMB = float(2**SQUARE_BITS)


@kernel
def variance(count, total, square_high, square_low):
    """Return the population variance of integers, NaN of none.

    Parameters
    ----------
    count, total : int
        Of the values; a value is below 2**40 in size.
    square_high, square_low : int
        Limbs of the sum of their squares.
    """
    if count <= 0:
        return float("nan")
    # The variance does not know the sign of the values.
    size = abs(total)
    whole = size // count
    rest = size - whole * count
    # The sum of (x - whole)**2 is squares - whole * (size + rest).
    high, low = product(size + rest, whole)
    deviations = float(square_high - high) * _LIMB + float(square_low - low)
    return max(deviations - float(rest) * float(rest) / count, 0.0) / count


@kernel
def product(first, second):
    """Multiply, into limbs: `first` below 2**63, `second` below 2**40, none negative."""
    top, bottom = first >> SQUARE_BITS, first & _MASK
    cross = bottom * (second >> _HALF_BITS)
    low = bottom * (second & _HALF_MASK) + ((cross & _HALF_MASK) << _HALF_BITS)
    high = top * second + (cross >> _HALF_BITS) + (low >> SQUARE_BITS)
    return int64(high), int64(low & _MASK)
