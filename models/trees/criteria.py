"""How good a split is, from the class weights on both sides.

Information gain (Quinlan 1986, "Induction of decision trees"), the Gini index (Breiman
et al. 1984, "Classification and regression trees", ch. 4) and the Hellinger distance
(Cieslak et al. 2012, "Hellinger distance decision trees are robust and
skew-insensitive", DMKD 24). Sums run in the order in which classes were met.
"""

from __future__ import annotations

import math

from models.trees.rules import GINI, INFO_GAIN
from schemas.jit import kernel, uncounted


@uncounted
@kernel
def merit(rules, before, left, right, sides, fraud_goes_first):
    """Return how good a split is; -inf where one side is too small.

    Parameters
    ----------
    before : float
        Entropy before the split.
    left, right : (float, float)
        Weights of genuine and fraud on each side.
    sides : int
        How many of these four the observers know of: 0 to 4.
    fraud_goes_first : bool
    """
    of_left, of_right = left[0] + left[1], right[0] + right[1]
    total = of_left + of_right
    least = rules.min_branch_fraction
    if not (total > 0.0 and of_left / total > least and of_right / total > least):
        return -math.inf
    if rules.criterion == INFO_GAIN:
        after = of_left * entropy(left[0], left[1]) + of_right * entropy(right[0], right[1])
        return before - after / total
    if rules.criterion == GINI:
        on_left = (of_left / total) * impurity(left, of_left, fraud_goes_first)
        return 1.0 - (on_left + (of_right / total) * impurity(right, of_right, fraud_goes_first))
    return hellinger(left, right, rules.square) if sides == 4 else 0.0


@uncounted
@kernel
def entropy(a, b):
    """Return the entropy of two weights in bits."""
    # One class alone: the sum below is then zero to the last bit.
    if not (a > 0.0 and b > 0.0):
        return 0.0
    total = a + b
    return (0.0 - a * math.log2(a) - b * math.log2(b) + total * math.log2(total)) / total


@uncounted
@kernel
def impurity(weights, total, fraud_goes_first):
    """Return the Gini index of two weights."""
    if total == 0.0:
        return 1.0
    genuine, fraud = weights[0] / total, weights[1] / total
    if fraud_goes_first:
        return 1.0 - fraud * fraud - genuine * genuine
    return 1.0 - genuine * genuine - fraud * fraud


@uncounted
@kernel
def hellinger(left, right, square):
    """Return the Hellinger distance between both classes' ways to the two sides."""
    genuine, fraud = left[0] + right[0], left[1] + right[1]
    if genuine == 0.0 or fraud == 0.0:
        return 0.0
    on_left = math.sqrt(left[0] / genuine) - math.sqrt(left[1] / fraud)
    on_right = math.sqrt(right[0] / genuine) - math.sqrt(right[1] / fraud)
    return math.sqrt(math.pow(on_left, square) + math.pow(on_right, square))


@uncounted
@kernel
def hoeffding_bound(delta, weight):
    """Return how far a mean of numbers in [0, 1] can be off (Hoeffding 1963)."""
    return math.sqrt(math.log(1.0 / delta) / (2.0 * weight))
