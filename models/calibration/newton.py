"""A line through log-odds, learned one label at a time by Newton's method.

Platt (1999) makes a score's log-odds z into those of a probability by a line,
slope * z + offset, fitted to labels that were kept apart. Here every label is kept apart:
it meets the score that was given before it was known. The fit is recursive: a quadratic
stands for the log loss of all labels so far, each label adds its own curvature, and one
Newton step leads to the new minimum (de Vilmarest & Wintenberger, "Stochastic online
optimization using Kalman recursion", JMLR 2021, the static case).

Old labels fade, and what fades is replaced by the prior, not by nothing (stabilised
forgetting: Kulhavý & Zarrop, International Journal of Control 58, 1993): the curvature
never falls below the prior's, so no label, after however long a time of nothing to learn
from, moves the line by more than it would have moved the first one.

The line never falls: `SLOPE_MIN` bounds its slope from below, and where the bound is met
the offset takes the best value beside it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.calibration.bounds import sigmoid, squeezed
from schemas.jit import kernel

SLOPE_MIN = 0.02
SLOPE_MAX = 20.0
OFFSET_MAX = 100.0

# Places in the array of what is learned: the line, and the curvature of the loss around
# it, which is the inverse of the covariance.
SLOPE, OFFSET, SLOPE_SLOPE, SLOPE_OFFSET, OFFSET_OFFSET = range(5)
LINE_SIZE = 5


@kernel
def apply_line(line: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a line makes of scores, shape (n,); NaN stays."""
    said = np.empty(len(scores))
    for row in range(len(scores)):
        z = squeezed(scores[row])
        said[row] = z if math.isnan(z) else sigmoid(line[SLOPE] * z + line[OFFSET])
    return said


@kernel
def learn_line(
    line: NDArray[np.float64],
    prior: NDArray[np.float64],
    keep: float,
    scores: NDArray[np.float64],
    y: NDArray[np.bool_],
) -> int:
    """Learn labels one after the other; return how many had a score.

    Parameters
    ----------
    line, prior : ndarray of float64, shape (LINE_SIZE,)
        What is learned, and what it was at the beginning.
    keep : float
        What is left of a label after the next one, above 0 to 1.
    scores : ndarray of float64, shape (n,)
        As the model gave them; NaN teaches nothing.
    y : ndarray of bool, shape (n,)
        True for fraud.
    """
    learned = 0
    fade = 1.0 - keep
    for row in range(len(scores)):
        z = squeezed(scores[row])
        if math.isnan(z):
            continue
        learned += 1
        p = sigmoid(line[SLOPE] * z + line[OFFSET])
        error = p - (1.0 if y[row] else 0.0)
        weight = p * (1.0 - p)
        # The gradient of the loss, and of the part of the prior that comes back.
        by_slope = z * error + fade * prior[SLOPE_SLOPE] * (line[SLOPE] - prior[SLOPE])
        by_offset = error + fade * prior[OFFSET_OFFSET] * (line[OFFSET] - prior[OFFSET])
        ss = keep * line[SLOPE_SLOPE] + fade * prior[SLOPE_SLOPE] + weight * z * z
        so = keep * line[SLOPE_OFFSET] + weight * z
        oo = keep * line[OFFSET_OFFSET] + fade * prior[OFFSET_OFFSET] + weight
        area = ss * oo - so * so
        slope = line[SLOPE] - (oo * by_slope - so * by_offset) / area
        offset = line[OFFSET] - (ss * by_offset - so * by_slope) / area
        bounded = min(max(slope, SLOPE_MIN), SLOPE_MAX)
        # Where the slope may not go on, the offset goes to the least of the quadratic there.
        offset += so / oo * (slope - bounded)
        line[SLOPE] = bounded
        line[OFFSET] = min(max(offset, -OFFSET_MAX), OFFSET_MAX)
        line[SLOPE_SLOPE], line[SLOPE_OFFSET], line[OFFSET_OFFSET] = ss, so, oo
    return learned
