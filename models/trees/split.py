"""Whether a leaf is split, and where.

Domingos & Hulten (2000, "Mining high-speed data streams", KDD): the best of all
candidates is taken once it is better than the second best by more than the Hoeffding
bound, or once the bound is so small that it does not matter (tau). Candidates are the
points that cut a feature's range into equal parts.
"""

from __future__ import annotations

import math

from models.trees.criteria import entropy, hoeffding_bound, merit
from models.trees.gaussians import deviation, share_up_to
from models.trees.nodes import (
    ATTEMPT_AT,
    DEPTH,
    FEATURE,
    HIGH,
    LEFT,
    LOW,
    MEAN,
    MET,
    NIL,
    OBSERVED,
    REFUSED,
    SPLITS,
    WEIGHT,
    WIPED,
    fraud_first,
    make_leaf,
    met,
    take_pair,
    wipe,
)
from models.trees.rules import INFO_GAIN
from schemas.jit import kernel, uncounted


@uncounted
@kernel
def try_split(trees, rules, node):
    """Split a leaf if that is called for; wipe its observers if no split is worth anything."""
    genuine, fraud = trees.weights[node, 0], trees.weights[node, 1]
    if genuine == 0.0 or fraud == 0.0:
        return
    weight = genuine + fraud
    if max(genuine, fraud) / weight > rules.max_share_to_split:
        # River holds such a leaf for hopeless, and so forgets what it observed.
        trees.counts[WIPED] += 1
        wipe(trees, node)
        return
    bound = hoeffding_bound(rules.delta, weight)
    if bound >= rules.tau and is_too_early(trees, rules, node, bound):
        return
    j, threshold, ahead, n_candidates = best_split(trees, rules, node)
    if n_candidates == 0 or (n_candidates > 1 and not (ahead > bound or bound < rules.tau)):
        return
    if j == NIL:
        trees.counts[WIPED] += 1
        wipe(trees, node)
        return
    split(trees, rules, node, j, threshold)


@uncounted
@kernel
def best_split(trees, rules, node):
    """Compare the best splits of all columns, and no split at all.

    Returns
    -------
    j : int
        Place of the best column among those observed; NIL where no split is the best.
    threshold : float
    ahead : float
        By how much it is better than the second best.
    n_candidates : int
        Columns observed, and one for no split where that is a candidate.
    """
    before = 0.0
    if rules.criterion == INFO_GAIN:
        before = entropy(trees.weights[node, 0], trees.weights[node, 1])
    best_j, best_threshold = NIL, 0.0
    best, second = -math.inf, -math.inf
    n_candidates = 1 if rules.merit_preprune else 0
    for j in range(trees.gauss.shape[1]):
        if not is_observed(trees, node, j):
            continue
        found, threshold = best_of_column(trees, rules, node, j, before)
        if n_candidates == 0 or found >= best:
            second, best = best, found
            best_j, best_threshold = (j if found > -math.inf else NIL), threshold
        elif found > second:
            second = found
        n_candidates += 1
    return best_j, best_threshold, best - second, n_candidates


@uncounted
@kernel
def best_of_column(trees, rules, node, j, before):
    """Return the merit and the threshold of the best split of one column."""
    low, high = span(trees, node, j)
    step = (high - low) / (rules.n_splits + 1.0)
    sigmas = deviations(trees, rules, node, j)
    fraud_goes_first = fraud_first(trees.marks[node, OBSERVED])
    best, threshold = -math.inf, 0.0
    for i in range(rules.n_splits):
        value = low + step * (i + 1)
        if not low < value < high:
            continue
        left, right, sides = apart(trees, node, j, value, sigmas)
        found = merit(rules, before, left, right, sides, fraud_goes_first)
        if found > best:
            best, threshold = found, value
    return best, threshold


@uncounted
@kernel
def is_too_early(trees, rules, node, bound):
    """Say whether no split can be ahead of the second best by more than the bound.

    Entropy is concave: after a split it lies between zero and that of all that was
    observed. So two splits differ by no more than the latter; only where fewer than two
    columns can be split at all must all of them be looked at.
    """
    if rules.criterion != INFO_GAIN:
        return False
    n_ready = 0
    for j in range(trees.gauss.shape[1]):
        if not is_observed(trees, node, j):
            continue
        genuine, fraud = observed_weight(trees, node, 0, j), observed_weight(trees, node, 1, j)
        # Rounding is far below the margin.
        if entropy(genuine, fraud) + 1e-9 > bound:
            return False
        if n_ready < 2 and can_split(trees, rules, node, j):
            n_ready += 1
    return n_ready == 2


@uncounted
@kernel
def can_split(trees, rules, node, j):
    """Say whether a column has a split with enough weight on both sides."""
    low, high = span(trees, node, j)
    step = (high - low) / (rules.n_splits + 1.0)
    sigmas = deviations(trees, rules, node, j)
    for i in range(rules.n_splits):
        value = low + step * (i + 1)
        if not low < value < high:
            continue
        left, right, _ = apart(trees, node, j, value, sigmas)
        of_left, of_right = left[0] + left[1], right[0] + right[1]
        total = of_left + of_right
        if total > 0.0 and min(of_left, of_right) / total > rules.min_branch_fraction:
            return True
    return False


@uncounted
@kernel
def observed_weight(trees, node, c, j):
    """Return the weight of a class that a leaf observed in a column."""
    slot = trees.slots[node, c]
    return trees.gauss[slot, j, WEIGHT] if slot != NIL else 0.0


@uncounted
@kernel
def is_observed(trees, node, j):
    """Say whether a leaf observed any value of a column."""
    return observed_weight(trees, node, 0, j) > 0.0 or observed_weight(trees, node, 1, j) > 0.0


@uncounted
@kernel
def span(trees, node, j):
    """Return the least and the largest value that a leaf observed in a column."""
    low, high = math.inf, -math.inf
    for c in range(2):
        if observed_weight(trees, node, c, j) > 0.0:
            slot = trees.slots[node, c]
            low = min(low, trees.gauss[slot, j, LOW])
            high = max(high, trees.gauss[slot, j, HIGH])
    return low, high


@uncounted
@kernel
def deviations(trees, rules, node, j):
    """Return the standard deviations of a column for genuine and fraud."""
    genuine, fraud = trees.slots[node, 0], trees.slots[node, 1]
    return (
        deviation(trees.gauss, genuine, j, rules.root) if genuine != NIL else 0.0,
        deviation(trees.gauss, fraud, j, rules.root) if fraud != NIL else 0.0,
    )


@uncounted
@kernel
def apart(trees, node, j, value, sigmas):
    """Return what lies on both sides of a value.

    Returns
    -------
    left, right : (float, float)
        Weights of genuine and fraud.
    sides : int
        How many of these four the observers know of.
    """
    left_0, right_0, sides_0 = class_apart(trees, node, 0, j, value, sigmas[0])
    left_1, right_1, sides_1 = class_apart(trees, node, 1, j, value, sigmas[1])
    return (left_0, left_1), (right_0, right_1), sides_0 + sides_1


@uncounted
@kernel
def class_apart(trees, node, c, j, value, sigma):
    """Return the weights of a class on both sides of a value, and how many sides it is on."""
    weight = observed_weight(trees, node, c, j)
    if not weight > 0.0:
        return 0.0, 0.0, 0
    slot = trees.slots[node, c]
    if value < trees.gauss[slot, j, LOW]:
        return 0.0, weight, 1
    if value >= trees.gauss[slot, j, HIGH]:
        return weight, 0.0, 1
    on_left = share_up_to(trees.gauss[slot, j, MEAN], sigma, value) * weight
    return on_left, weight - on_left, 2


@uncounted
@kernel
def split(trees, rules, node, j, threshold):
    """Make a leaf a branch with two leaves, unless the bound of nodes is reached."""
    pair = take_pair(trees)
    if pair == NIL:
        trees.counts[REFUSED] += 1
        return
    trees.counts[SPLITS] += 1
    left, right, _ = apart(trees, node, j, threshold, deviations(trees, rules, node, j))
    depth = trees.links[node, DEPTH] + 1
    make_leaf(trees, pair, node, depth)
    make_leaf(trees, pair + 1, node, depth)
    first = 1 if fraud_first(trees.marks[node, OBSERVED]) else 0
    for c in (first, 1 - first):
        if not observed_weight(trees, node, c, j) > 0.0:
            continue
        slot = trees.slots[node, c]
        if threshold >= trees.gauss[slot, j, LOW]:
            inherit(trees, pair, c, left[c])
        if threshold < trees.gauss[slot, j, HIGH]:
            inherit(trees, pair + 1, c, right[c])
    for child in (pair, pair + 1):
        weight = trees.weights[child, 0] + trees.weights[child, 1]
        trees.record[child, ATTEMPT_AT] = weight
        trees.under[node, child - pair] = weight
    column = trees.subset[node, j] if trees.subset.shape[0] > 1 else j
    wipe(trees, node)
    trees.links[node, FEATURE] = column
    trees.links[node, LEFT] = pair
    trees.threshold[node] = threshold


@uncounted
@kernel
def inherit(trees, child, c, weight):
    """Give a new leaf its share of a class."""
    trees.weights[child, c] = weight
    trees.marks[child, MET] = met(trees.marks[child, MET], c)
