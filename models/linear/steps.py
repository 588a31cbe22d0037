"""How a gradient moves the weights: one short kernel a rule.

Every rule moves only the weights of the features that a row has, by the slope of the
loss times the feature, plus l2 times the weight. A feature that a row does not have is
computed with as the rest, and the result then not kept: loops without branches.

Parameters of all of them: `weights`, `first` and `second`, float64 of shape (width,),
the latter what the rule remembers of each weight; the rule's numbers, see
`models.linear.optimizers`; row `i` of `X`; and `slope`, the derivative of the loss by
the log-odds.
"""

from __future__ import annotations

import math

from models.dense.model import clipped
from schemas.jit import inlined

# No weight that means anything is anywhere near; up to it squares and sums stay finite.
WEIGHT_MAX = 1e30


@inlined
def bounded(weight):
    """Return a weight within `WEIGHT_MAX` of zero."""
    return min(max(weight, -WEIGHT_MAX), WEIGHT_MAX)


@inlined
def step_sgd(weights, rate, l2, X, i, slope):
    """Against the gradient."""
    for j in range(X.shape[1]):
        value, weight = clipped(X[i, j]), weights[j]
        moved = bounded(weight - rate * (value * slope + l2 * weight))
        weights[j] = weight if math.isnan(value) else moved


@inlined
def step_ada_grad(weights, second, rate, eps, l2, X, i, slope):
    """Against the gradient, the less the more gradient there has been (sum of squares)."""
    for j in range(X.shape[1]):
        value, weight, squares = clipped(X[i, j]), weights[j], second[j]
        gradient = value * slope + l2 * weight
        more = squares + gradient * gradient
        moved = bounded(weight - rate / math.sqrt(more + eps) * gradient)
        second[j] = squares if math.isnan(value) else more
        weights[j] = weight if math.isnan(value) else moved


@inlined
def unbiased(rate, decays, steps):
    """Return Adam's rate: averages that began at 0 are too small by these factors.

    `steps` counts the present one too. It is a float: compiled and uncompiled powers of
    whole numbers differ.
    """
    rate *= math.sqrt(1.0 - math.pow(decays[1], steps))
    return rate / (1.0 - math.pow(decays[0], steps))


@inlined
def step_adam(weights, first, second, rate, decays, eps, l2, X, i, slope):
    """Against the average gradient, over the root of the average square."""
    beta_1, beta_2 = decays
    for j in range(X.shape[1]):
        value, weight, mean, square = clipped(X[i, j]), weights[j], first[j], second[j]
        gradient = value * slope + l2 * weight
        next_mean = beta_1 * mean + (1.0 - beta_1) * gradient
        next_square = beta_2 * square + (1.0 - beta_2) * (gradient * gradient)
        moved = bounded(weight - rate * next_mean / (math.sqrt(next_square) + eps))
        first[j] = mean if math.isnan(value) else next_mean
        second[j] = square if math.isnan(value) else next_square
        weights[j] = weight if math.isnan(value) else moved


@inlined
def step_ftrl(weights, first, second, rule, l2, X, i, slope):
    """To the weight that would have been best so far, then take the gradient in.

    So a weight is always one gradient behind, and one whose z (`first`) is within l1 of
    0 stays what it is. `second` is the sum of squares; `rule` is (alpha, beta, l1, l2).
    """
    alpha, beta, own_l1, own_l2 = rule
    for j in range(X.shape[1]):
        value, weight, z, squares = clipped(X[i, j]), weights[j], first[j], second[j]
        gradient = value * slope + l2 * weight
        root = math.sqrt(squares)
        best = -(1.0 / ((beta + root) / alpha + own_l2)) * (z - math.copysign(own_l1, z))
        moved = bounded(best) if abs(z) > own_l1 else weight
        more = squares + gradient * gradient
        change = (math.sqrt(more) - root) / alpha
        first[j] = z if math.isnan(value) else z + (gradient - change * moved)
        second[j] = squares if math.isnan(value) else more
        weights[j] = weight if math.isnan(value) else moved
