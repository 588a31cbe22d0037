"""What a leaf predicts and how it learns.

By majority: each class's share of the leaf's weight. By naive Bayes: those shares times
the densities of the features observed. Adaptively: by whichever was right more often in
this leaf (Gama, Rocha & Medas 2003, "Accurate decision trees for mining high-speed data
streams", KDD).
"""

from __future__ import annotations

import math

from models.dense.model import clipped
from models.trees.gaussians import log_density, observe
from models.trees.nodes import (
    ACTIVE,
    MC_RIGHT,
    MET,
    NB_RIGHT,
    NEITHER,
    NIL,
    WEIGHT,
    fraud_first,
    knows,
    met,
    slot_of,
)
from models.trees.rules import ADAPTIVE, BAYES, MAJORITY
from models.trees.twister import sample
from schemas.jit import inlined, kernel, uncounted


@uncounted
@inlined
def predict(trees, rules, node, X, row):
    """Return a leaf's probabilities of genuine and of fraud; both 0 where it knows nothing."""
    if rules.prediction != MAJORITY and trees.marks[node, ACTIVE] != 0:
        weight = trees.weights[node, 0] + trees.weights[node, 1]
        record = trees.record
        if (rules.prediction == BAYES and weight >= rules.nb_threshold) or (
            rules.prediction == ADAPTIVE and record[node, NB_RIGHT] >= record[node, MC_RIGHT]
        ):
            return naive_bayes(trees, rules, node, X, row)
    return majority(trees.weights[node, 0], trees.weights[node, 1])


@uncounted
@inlined
def majority(genuine, fraud):
    """Return the shares of two weights; both 0 where both are."""
    if genuine + fraud == 0.0:
        return genuine, fraud
    scale = 1.0 / (genuine + fraud)
    return genuine * scale, fraud * scale


@uncounted
@kernel
def naive_bayes(trees, rules, node, X, row):
    """Return the probabilities of both classes from the leaf's densities."""
    order, total = trees.marks[node, MET], trees.weights[node, 0] + trees.weights[node, 1]
    if order == NEITHER or total == 0.0:
        return 0.0, 0.0
    genuine = vote(trees, rules, node, 0, X, row, total)
    fraud = vote(trees, rules, node, 1, X, row, total)
    # A class never met is not even unlikely: it has no vote.
    if not knows(order, 0):
        return 0.0, 1.0
    if not knows(order, 1):
        return 1.0, 0.0
    most = max(genuine, fraud)
    scale = most + math.log(math.exp(genuine - most) + math.exp(fraud - most))
    return math.exp(genuine - scale), math.exp(fraud - scale)


@uncounted
@kernel
def vote(trees, rules, node, c, X, row, total):
    """Return a class's log of prior times densities; densities that are zero are left out."""
    weight = trees.weights[node, c]
    if not weight > 0.0:
        return 0.0
    votes = math.log(weight / total)
    slot = trees.slots[node, c]
    if slot == NIL:
        return votes
    sampled = trees.subset.shape[0] > 1
    for j in range(trees.gauss.shape[1]):
        if trees.gauss[slot, j, WEIGHT] == 0.0:
            continue
        value = clipped(X[row, trees.subset[node, j] if sampled else j])
        if math.isnan(value):
            continue
        density = log_density(trees.gauss, slot, j, value, rules.square)
        if density > -math.inf:
            votes += density
    return votes


@uncounted
@inlined
def learn(trees, rules, node, X, row, y, w, words, by_name, pool):
    """Take a row with its class (0 or 1) and weight.

    Parameters
    ----------
    words, by_name, pool
        Random numbers, the columns in the order of their names, and room for as many;
        unused where leaves observe all columns.
    """
    active = trees.marks[node, ACTIVE] != 0
    if active and rules.prediction == ADAPTIVE:
        compare(trees, rules, node, X, row, y, w)
    trees.weights[node, y] += w
    trees.marks[node, MET] = met(trees.marks[node, MET], y)
    if not active:
        return
    sampled = trees.subset.shape[0] > 1
    if sampled and trees.subset[node, 0] == NIL:
        choose_columns(trees.subset[node], X, row, words, by_name, pool)
    slot = slot_of(trees, node, y)
    for j in range(trees.gauss.shape[1]):
        column = trees.subset[node, j] if sampled else j
        if column == NIL:
            break
        value = clipped(X[row, column])
        if not math.isnan(value):
            observe(trees.gauss, slot, j, value, w)


@uncounted
@kernel
def compare(trees, rules, node, X, row, y, w):
    """Note which of majority and naive Bayes would have been right."""
    order = trees.marks[node, MET]
    wrong_if_level = 0 if fraud_first(order) else 1
    genuine, fraud = majority(trees.weights[node, 0], trees.weights[node, 1])
    if order == NEITHER or winner(genuine, fraud, wrong_if_level) == y:
        trees.record[node, MC_RIGHT] += w
    if order != NEITHER and genuine + fraud > 0.0:
        genuine, fraud = naive_bayes(trees, rules, node, X, row)
        if winner(genuine, fraud, wrong_if_level) == y:
            trees.record[node, NB_RIGHT] += w


@uncounted
@kernel
def winner(genuine, fraud, loser_if_level):
    """Return the likelier class."""
    if genuine == fraud:
        return 1 - loser_if_level
    return 1 if fraud > genuine else 0


@uncounted
@kernel
def choose_columns(subset, X, row, words, by_name, pool):
    """Choose a leaf's columns among those that the row knows; all of them if they are few.

    `subset` is NIL throughout, and stays it after the last column.
    """
    n = 0
    for place in range(by_name.shape[0]):
        if not math.isnan(X[row, by_name[place]]):
            pool[n] = by_name[place]
            n += 1
    k = subset.shape[0]
    if n >= k:
        sample(words, pool, n, k, subset)
        return
    for j in range(n):
        subset[j] = pool[j]
