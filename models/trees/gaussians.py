"""Observers of features: one normal distribution for each leaf, class and feature.

Mean and squared deviations by West's weighted update (1979, "Updating mean and variance
estimates", CACM 22(9)); as observers of split points see Pfahringer, Holmes & Kirkby
(2008, "Handling numeric attributes in Hoeffding trees", PAKDD).
An observer is a row of five numbers: weight, mean, sum of squared deviations, least and
largest value; one of weight 0 has observed nothing.
"""

from __future__ import annotations

import math

from models.trees.nodes import HIGH, LOW, MEAN, SQUARES, WEIGHT
from schemas.jit import inlined, kernel, uncounted

_HALF_LOG_TAU = 0.5 * math.log(math.tau)
_ROOT_2 = math.sqrt(2.0)


@uncounted
@inlined
def observe(gauss, slot, j, value, w):
    """Take a value with its weight."""
    if gauss[slot, j, WEIGHT] == 0.0:
        gauss[slot, j, LOW] = value
        gauss[slot, j, HIGH] = value
    else:
        gauss[slot, j, LOW] = min(gauss[slot, j, LOW], value)
        gauss[slot, j, HIGH] = max(gauss[slot, j, HIGH], value)
    weight = gauss[slot, j, WEIGHT] + w
    before = gauss[slot, j, MEAN]
    after = before + (w / weight) * (value - before)
    gauss[slot, j, WEIGHT] = weight
    gauss[slot, j, MEAN] = after
    gauss[slot, j, SQUARES] += w * (value - before) * (value - after)


@uncounted
@inlined
def variance(gauss, slot, j):
    """Return the sample variance; 0 where it is not known."""
    weight = gauss[slot, j, WEIGHT]
    if weight > 1.0:
        return gauss[slot, j, SQUARES] / (weight - 1.0)
    return 0.0


@uncounted
@kernel
def log_density(gauss, slot, j, value, square):
    """Return the log of the density at a value; -inf where there is none."""
    spread = variance(gauss, slot, j)
    if not spread > 0.0:
        return -math.inf
    apart = math.pow(value - gauss[slot, j, MEAN], square)
    return apart / (-2.0 * spread) - _HALF_LOG_TAU - 0.5 * math.log(spread)


@uncounted
@kernel
def deviation(gauss, slot, j, root):
    """Return the standard deviation."""
    # Rounding can take a sum of squares below zero.
    return math.pow(max(variance(gauss, slot, j), 0.0), root)


@uncounted
@kernel
def share_up_to(mean, sigma, value):
    """Return the share of a normal distribution that is not above a value; 0 without spread."""
    if sigma == 0.0:
        return 0.0
    return 0.5 * (1.0 + math.erf((value - mean) / sigma / _ROOT_2))
