"""Criteria against River's own."""

import math

import numpy as np
import pytest
from river.tree.hoeffding_tree import HoeffdingTree
from river.tree.split_criterion import (
    GiniSplitCriterion,
    HellingerDistanceCriterion,
    InfoGainSplitCriterion,
)
from seeds import seeds

from models.trees.criteria import entropy, hoeffding_bound, merit
from models.trees.rules import CRITERIA, checked

THEIRS = dict(
    zip(
        CRITERIA,
        (InfoGainSplitCriterion, GiniSplitCriterion, HellingerDistanceCriterion),
        strict=True,
    )
)


def rules_of(criterion, least=0.01):
    return checked(
        grace_period=1,
        max_depth=None,
        split_criterion=criterion,
        delta=0.1,
        tau=0.05,
        leaf_prediction="mc",
        nb_threshold=0,
        n_splits=10,
        min_branch_fraction=least,
        max_share_to_split=1.0,
        merit_preprune=True,
    )


@seeds(2)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_merits_are_rivers_to_the_last_bit(criterion, seed):
    rng = np.random.default_rng(seed)
    theirs, rules = THEIRS[criterion](0.01), rules_of(criterion)
    seen = set()
    for _ in range(400):
        weights = rng.exponential(50, 4) * (rng.random(4) < 0.7)
        there = rng.random(4) < 0.9
        (l0, l1, r0, r1) = np.where(there, weights, 0.0).tolist()
        order = (1, 0) if rng.random() < 0.5 else (0, 1)
        left = {c: (l0, l1)[c] for c in order if there[c]}
        right = {c: (r0, r1)[c] for c in order if there[2 + c]}
        before = {c: (l0 + r0 + 1, l1 + r1 + 2)[c] for c in order}
        bits = entropy(before[0], before[1])
        assert bits == InfoGainSplitCriterion(0.01).compute_entropy(before)
        ours = merit(rules, bits, (l0, l1), (r0, r1), int(there.sum()), order[0] == 1)
        try:
            expected = theirs.merit_of_split(before, [left, right])
        except ZeroDivisionError:  # River's Hellinger distance of nothing.
            continue
        assert ours == expected
        seen.add(math.isfinite(ours))
    assert seen == {True, False}


def test_nothing_at_all_is_no_split():
    for criterion in CRITERIA:
        assert merit(rules_of(criterion, 0.0), 0.0, (0.0, 0.0), (0.0, 0.0), 0, False) == -math.inf


def test_a_class_on_neither_side_has_no_distance():
    rules = rules_of("hellinger")
    assert merit(rules, 0.0, (5.0, 0.0), (5.0, 0.0), 4, False) == 0.0


def test_the_bound_is_rivers():
    for delta, n in ((1e-7, 200.0), (0.01, 51.5), (1.0, 3.0)):
        assert hoeffding_bound(delta, n) == HoeffdingTree._hoeffding_bound(1.0, delta, n)
