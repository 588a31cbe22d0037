"""Learning and scoring row after row: the kernels of the logistic regression.

One kernel a rule: a choice among rules inside the loop costs as much as a small step.
What a loop moves is kept in locals, and short kernels are handed numbers: an array that
is handed over inside the loop is counted each time.
"""

from __future__ import annotations

import math

import numpy as np

from models.dense.model import clipped
from models.linear.parameters import (
    BETA_1,
    BETA_2,
    CLIP_GRADIENT,
    EPS,
    FTRL_L1,
    FTRL_L2,
    INTERCEPT_LR,
    L1,
    L2,
    RATE,
    WEIGHT_NEG,
    WEIGHT_POS,
)
from models.linear.penalty import settle
from models.linear.steps import step_ada_grad, step_adam, step_ftrl, step_sgd, unbiased
from schemas.jit import inlined, kernel

# The moving numbers of a model, beside its arrays.
INTERCEPT, STEPS, OWED = range(3)

# Beyond these log-odds a probability is 0 or 1, and a slope is its asymptote.
_CERTAIN = 30.0
_STEEP = 18.0

# A row's products are summed in as many strands, so that one sum need not wait for the other.
_STRANDS = 8


@inlined
def buffer(width):
    """Return room for one row's products, a whole number of strands."""
    return np.zeros((width + _STRANDS - 1) // _STRANDS * _STRANDS)


@inlined
def product_sum(weights, X, i, products):
    """Return weights times values over what a row has.

    Which strand a column belongs to depends on the column alone: columns that come
    later, or are not known, change no bit of the sum.
    """
    for j in range(X.shape[1]):
        value = clipped(X[i, j])
        products[j] = 0.0 if math.isnan(value) else weights[j] * value
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for j in range(0, len(products), _STRANDS):
        s0 += products[j]
        s1 += products[j + 1]
        s2 += products[j + 2]
        s3 += products[j + 3]
        s4 += products[j + 4]
        s5 += products[j + 5]
        s6 += products[j + 6]
        s7 += products[j + 7]
    return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7))


@inlined
def probability(log_odds):
    """Return the logistic function, 0 and 1 where it is next to them."""
    if log_odds < -_CERTAIN:
        return 0.0
    if log_odds > _CERTAIN:
        return 1.0
    return 1.0 / (1.0 + math.exp(-log_odds))


@inlined
def log_loss_slope(log_odds, sign, weight):
    """Return the derivative of a weighted log loss by the log-odds; `sign` is 1 for fraud."""
    margin = log_odds * sign
    if margin > _STEEP:
        return weight * math.exp(-margin) * -sign
    if margin < -_STEEP:
        return weight * -sign
    return weight * -sign / (math.exp(margin) + 1.0)


@inlined
def slope_of(weights, intercept, loss, X, y, w, i, products):
    """Return the slope of row i's loss; `loss` is (weight_pos, weight_neg, clip_gradient)."""
    log_odds = product_sum(weights, X, i, products) + intercept
    sign = 1.0 if y[i] else -1.0
    slope = log_loss_slope(log_odds, sign, loss[0] if y[i] else loss[1])
    if len(w):
        slope *= w[i]
    return min(max(slope, -loss[2]), loss[2])


@inlined
def moved(scalars, intercept, owed, n):
    """Keep the moving numbers after n rows."""
    scalars[INTERCEPT] = intercept
    scalars[STEPS] += n
    scalars[OWED] = owed


@kernel
def learn_sgd(weights, first, second, paid, scalars, rates, X, y, w):
    """Learn row after row; `w` has one weight a row, or none at all."""
    loss = (rates[WEIGHT_POS], rates[WEIGHT_NEG], rates[CLIP_GRADIENT])
    intercept, owed = scalars[INTERCEPT], scalars[OWED]
    products = buffer(X.shape[1])
    for i in range(X.shape[0]):
        slope = slope_of(weights, intercept, loss, X, y, w, i, products)
        intercept -= rates[INTERCEPT_LR] * slope
        step_sgd(weights, rates[RATE], rates[L2], X, i, slope)
        owed = settle(weights, paid, owed, rates[L1] * rates[RATE], X, i)
    moved(scalars, intercept, owed, X.shape[0])


@kernel
def learn_ada_grad(weights, first, second, paid, scalars, rates, X, y, w):
    """As `learn_sgd`."""
    loss = (rates[WEIGHT_POS], rates[WEIGHT_NEG], rates[CLIP_GRADIENT])
    intercept, owed = scalars[INTERCEPT], scalars[OWED]
    products = buffer(X.shape[1])
    for i in range(X.shape[0]):
        slope = slope_of(weights, intercept, loss, X, y, w, i, products)
        intercept -= rates[INTERCEPT_LR] * slope
        step_ada_grad(weights, second, rates[RATE], rates[EPS], rates[L2], X, i, slope)
        owed = settle(weights, paid, owed, rates[L1] * rates[RATE], X, i)
    moved(scalars, intercept, owed, X.shape[0])


@kernel
def learn_adam(weights, first, second, paid, scalars, rates, X, y, w):
    """As `learn_sgd`."""
    loss = (rates[WEIGHT_POS], rates[WEIGHT_NEG], rates[CLIP_GRADIENT])
    decays = (rates[BETA_1], rates[BETA_2])
    intercept, owed = scalars[INTERCEPT], scalars[OWED]
    products = buffer(X.shape[1])
    for i in range(X.shape[0]):
        slope = slope_of(weights, intercept, loss, X, y, w, i, products)
        intercept -= rates[INTERCEPT_LR] * slope
        rate = unbiased(rates[RATE], decays, scalars[STEPS] + (i + 1.0))
        step_adam(weights, first, second, rate, decays, rates[EPS], rates[L2], X, i, slope)
        owed = settle(weights, paid, owed, rates[L1] * rates[RATE], X, i)
    moved(scalars, intercept, owed, X.shape[0])


@kernel
def learn_ftrl(weights, first, second, paid, scalars, rates, X, y, w):
    """As `learn_sgd`; the l1 penalty is the rule's own."""
    loss = (rates[WEIGHT_POS], rates[WEIGHT_NEG], rates[CLIP_GRADIENT])
    rule = (rates[RATE], rates[BETA_1], rates[FTRL_L1], rates[FTRL_L2])
    intercept = scalars[INTERCEPT]
    products = buffer(X.shape[1])
    for i in range(X.shape[0]):
        slope = slope_of(weights, intercept, loss, X, y, w, i, products)
        intercept -= rates[INTERCEPT_LR] * slope
        step_ftrl(weights, first, second, rule, rates[L2], X, i, slope)
    moved(scalars, intercept, scalars[OWED], X.shape[0])


# In the order of `models.linear.optimizers.RULES`.
LEARN = (learn_sgd, learn_ada_grad, learn_adam, learn_ftrl)


@kernel
def predict_rows(weights, scalars, X):
    """Return the probability of fraud of each row."""
    scores = np.empty(X.shape[0])
    products = buffer(X.shape[1])
    for i in range(X.shape[0]):
        scores[i] = probability(product_sum(weights, X, i, products) + scalars[INTERCEPT])
    return scores
