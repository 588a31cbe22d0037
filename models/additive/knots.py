"""Where a value lies among the knots of a curve.

Amounts, counts, rates and seconds differ in scale, and no second pass measures them. So
all features have the same knots, closer together the nearer to 0: the magnitude of x in
octaves is

    e + m - 1, where 1 + |x| / UNIT = m * 2**e and 1 <= m < 2,

which is the base-2 logarithm drawn in straight lines from one power of 2 to the next
(Mitchell 1962, "Computer multiplication and division using binary logarithms", IRE Trans.
Electronic Computers EC-11). It is continuous and monotone, needs no function
of a library (so it is the same on every machine), and what is linear between two knots is
linear in x itself. A curve has knots at several distances (`PER_OCTAVE`): the wide ones
learn soon what neighbouring values have in common, the close ones later what they have not.
"""

from __future__ import annotations

import math

import numpy as np

from schemas.jit import inlined

# Values this small are told apart: a fraud rate of one in a hundred is not 0.
UNIT = 2.0**-7

# How far knots reach on both sides of 0: to 2**33 (8.6e9). What lies beyond is at the end.
OCTAVES = 40

PER_OCTAVE = (1, 4, 16)

# Each distance has one place more than knots, so that the last one has a right neighbour.
_SIZES = tuple(2 * OCTAVES * per_octave + 2 for per_octave in PER_OCTAVE)

# Where the knots of each distance begin; then the place of a value that is not known.
STARTS = tuple(sum(_SIZES[:level]) for level in range(len(_SIZES)))
UNKNOWN = sum(_SIZES)
PLACES = UNKNOWN + 1

_ONE_BITS = np.float64(1.0).view(np.int64)
_MANTISSA = 2.0**-52


@inlined
def position_of(value):
    """Return how many octaves a value lies from the lowest knot, 0 to 2 * OCTAVES; NaN of NaN.

    The bits of a float above 0, read as a whole number, are its exponent and then the rest
    of its mantissa: the magnitude, up to a factor and a constant.
    """
    if math.isnan(value):
        return np.nan
    magnitude = np.float64(1.0 + abs(value) / UNIT)
    octaves = min((magnitude.view(np.int64) - _ONE_BITS) * _MANTISSA, float(OCTAVES))
    return OCTAVES + (octaves if value > 0.0 else -octaves)
