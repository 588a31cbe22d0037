"""Learning and scoring row after row: the kernels of the additive model."""

from __future__ import annotations

import math

import numpy as np

from models.additive.curve import bend, height
from models.additive.knots import position_of
from models.linear.rows import log_loss_slope, probability
from schemas.jit import inlined, kernel

# The moving numbers of a model, beside its curves.
INTERCEPT, INTERCEPT_SQUARES, GENUINE = range(3)

# Genuine rows over which the usual height of a curve is averaged: curves move, and what was
# usual long ago explains nothing.
USUAL_OVER = 10_000.0


@inlined
def settle(usual, heights, scalars, weight):
    """Take a genuine row into the usual height of every curve."""
    scalars[GENUINE] = min(scalars[GENUINE] + weight, USUAL_OVER)
    share = min(weight / scalars[GENUINE], 1.0)
    for j in range(len(usual)):
        usual[j] += share * (heights[j] - usual[j])


@kernel
def learn_rows(curves, usual, scalars, rate, X, y, w):
    """Learn row after row."""
    width = X.shape[1]
    positions, heights = np.empty(width), np.empty(width)
    for i in range(X.shape[0]):
        if w[i] == 0.0:
            continue
        log_odds = scalars[INTERCEPT]
        for j in range(width):
            positions[j] = position_of(X[i, j])
            heights[j] = height(curves, j, positions[j])
            log_odds += heights[j]
        slope = log_loss_slope(log_odds, 1.0 if y[i] else -1.0, w[i])
        if not y[i]:
            settle(usual, heights, scalars, w[i])
        scalars[INTERCEPT_SQUARES] += slope * slope
        scalars[INTERCEPT] -= rate * slope / math.sqrt(scalars[INTERCEPT_SQUARES])
        for j in range(width):
            bend(curves, j, positions[j], slope, rate)


@kernel
def predict_rows(curves, scalars, X):
    """Return the probability of fraud of each row."""
    scores = np.empty(X.shape[0])
    for i in range(X.shape[0]):
        log_odds = scalars[INTERCEPT]
        for j in range(X.shape[1]):
            log_odds += height(curves, j, position_of(X[i, j]))
        scores[i] = probability(log_odds)
    return scores


@kernel
def heights_of(curves, X):
    """Return what each feature of each row adds to the log-odds."""
    heights = np.empty(X.shape)
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            heights[i, j] = height(curves, j, position_of(X[i, j]))
    return heights
