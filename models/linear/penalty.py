"""An l1 penalty for stochastic gradients, which makes weights exactly 0.

Tsuruoka, Tsujii & Ananiadou (2009), Stochastic gradient descent training for
L1-regularized log-linear models with cumulative penalty, section 3.2: each weight owes
what all weights were asked for so far, and pays the rest whenever its feature comes.
"""

from __future__ import annotations

import math

from schemas.jit import inlined


@inlined
def settle(weights, paid, owed, due, X, i):
    """Take one row's penalty; return what each weight owes by now.

    Parameters
    ----------
    weights, paid : ndarray of float64, shape (width,)
        `paid` has the sign of the movement: negative for a weight above 0.
    owed, due : float
        What was owed before, and what is due for this row: learning rate times l1.
    X : ndarray of float64, shape (n, width)
    i : int
    """
    owed += due
    if due != 0.0:
        for j in range(X.shape[1]):
            if not math.isnan(X[i, j]):
                weight = weights[j]
                weights[j] = towards_zero(weight, owed, paid[j])
                paid[j] += weights[j] - weight
    return owed


@inlined
def towards_zero(weight, owed, paid):
    """Return a weight less what it still owes, and never across zero."""
    if weight > 0.0:
        return max(0.0, weight - (owed + paid))
    if weight < 0.0:
        return min(0.0, weight + (owed - paid))
    return weight
