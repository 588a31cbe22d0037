"""The curve of one feature: its height at a value, and how an example bends it.

A curve is a sum of hat functions (linear B-splines): each knot has a weight, and between
two knots the weights are joined by a straight line. `curves`, float64 of shape (width,
PLACES, 2), holds each knot's weight and, beside it, the sum of its squared gradients, so
that a value touches few cache lines: those of its two neighbours at each distance.
"""

from __future__ import annotations

import math

from models.additive.knots import PER_OCTAVE, STARTS, UNKNOWN
from schemas.jit import inlined

WEIGHT, SQUARES = 0, 1


@inlined
def height(curves, j, position):
    """Return the log-odds that feature j adds at a position; see `knots.position_of`."""
    if math.isnan(position):
        return curves[j, UNKNOWN, WEIGHT]
    total = 0.0
    for level in range(len(PER_OCTAVE)):
        at = position * PER_OCTAVE[level]
        knot = int(at)
        right = at - knot
        knot += STARTS[level]
        total += (1.0 - right) * curves[j, knot, WEIGHT] + right * curves[j, knot + 1, WEIGHT]
    return total


@inlined
def step(curves, j, knot, gradient, rate):
    """Move one weight against its gradient, the less the more gradient there has been.

    AdaGrad: Duchi, Hazan & Singer (2011), Adaptive subgradient methods, JMLR 12, figure 1
    with diagonal matrices. No step is longer than the rate.
    """
    squares = curves[j, knot, SQUARES] + gradient * gradient
    curves[j, knot, SQUARES] = squares
    curves[j, knot, WEIGHT] -= rate * gradient / math.sqrt(squares)


@inlined
def bend(curves, j, position, slope, rate):
    """Move the weights on both sides of a position; `slope` is the loss's by the log-odds."""
    if math.isnan(position):
        step(curves, j, UNKNOWN, slope, rate)
        return
    for level in range(len(PER_OCTAVE)):
        at = position * PER_OCTAVE[level]
        knot = int(at)
        right = at - knot
        knot += STARTS[level]
        step(curves, j, knot, (1.0 - right) * slope, rate)
        step(curves, j, knot + 1, right * slope, rate)
