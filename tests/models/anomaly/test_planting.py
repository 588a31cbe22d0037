"""Trees drawn into arrays: node by node those that River draws from the same numbers."""

import random

import numpy as np
import pytest
from river.tree.padded import make_padded_tree
from seeds import seeds

from models.anomaly.planting import check_limits, planted


def river_tree(rng, limits, names, height):
    """Features and thresholds of River's tree, level by level."""
    named = {name: tuple(limits[name]) for name in names}
    root = make_padded_tree(named, height, padding=0.15, rng=rng, l_mass=0, r_mass=0)
    level, found = [root], []
    for _ in range(height):
        found += [(node.feature, node.threshold) for node in level]
        level = [child for node in level for child in node.children]
    return found


@pytest.mark.parametrize("height", [1, 2, 5, 8])
@seeds(2)
def test_every_branch_is_rivers(height, seed):
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 8))
    limits = np.sort(rng.normal(0, 10.0 ** rng.integers(-3, 4, (width, 1)), (width, 2)))
    limits[rng.random(width) < 0.2] = 3.0  # Nothing to cut here.
    limits[0] = [-1.0, 5.0]
    order = rng.permutation(width).tolist()
    drawn, rivers = random.Random(seed), random.Random(seed)
    features, thresholds = planted(drawn, 3, height, limits, order)
    for tree in range(3):
        expected = river_tree(rivers, limits, order, height)
        assert list(zip(features[tree], thresholds[tree], strict=True)) == expected
    assert drawn.getstate() == rivers.getstate()


@seeds(2)
def test_a_threshold_lies_well_inside_of_what_is_left(seed):
    rng = np.random.default_rng(seed)
    limits = np.array([[0.0, 1.0], [-5.0, 20.0]])
    features, thresholds = planted(random.Random(seed), 1, 6, limits, [0, 1])
    x = rng.uniform(limits[:, 0], limits[:, 1])
    left, node = limits.copy(), 0
    while node < 2**6 - 1:
        feature, threshold = features[0, node], thresholds[0, node]
        low, high = left[feature]
        assert low + 0.149 * (high - low) < threshold < high - 0.149 * (high - low)
        right = x[feature] >= threshold
        left[feature, 0 if right else 1] = threshold
        node = 2 * node + 1 + right


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 0.0), (np.nan, 1.0), (0.0, np.inf), (0.0, 1e13), (-1e13, 0.0)]
)
def test_limits_that_are_no_range_are_refused(low, high):
    with pytest.raises(ValueError, match=r"limits of 'amount' are .*give two numbers in order"):
        check_limits("amount", low, high)
    with pytest.raises(ValueError, match="limits of 1 are"):
        planted(random.Random(1), 1, 2, np.array([[0.0, 1.0], [low, high]]), [0, 1])


def test_limits_that_leave_nothing_to_cut_are_refused():
    with pytest.raises(ValueError, match="nothing to cut"):
        planted(random.Random(1), 1, 2, np.full((3, 2), 7.0), [0, 1, 2])
    with pytest.raises(ValueError, match="nothing to cut"):
        planted(random.Random(1), 1, 2, np.empty((0, 2)), [])


def test_a_feature_without_a_range_is_never_cut():
    limits = np.array([[0.0, 1.0], [4.0, 4.0], [0.0, 2.0]])
    features, _ = planted(random.Random(3), 20, 5, limits, [0, 1, 2])
    assert set(np.unique(features)) == {0, 2}
