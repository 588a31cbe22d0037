"""Numbers made of keyed hashes: by plain integers, uniform, and apart for each use."""

import numpy as np
import pytest
from seeds import seeds

from stream.draws import uniform

MASK = 2**64 - 1
ONE, OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)


def by_hand(key, use):
    """SplitMix64 in Python's own integers."""
    mixed = (key + use) & MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
    mixed ^= mixed >> 31
    return (mixed >> 11) / 2**53


@seeds(2)
def test_it_equals_plain_integers(seed):
    keys = np.random.default_rng(seed).integers(0, 2**64, 200, np.uint64)
    before = keys.copy()
    assert uniform(keys, OTHER).tolist() == [by_hand(key, int(OTHER)) for key in keys.tolist()]
    np.testing.assert_array_equal(keys, before)


def test_the_draws_of_two_uses_tell_nothing_of_each_other():
    keys = np.arange(1, 100_001, dtype=np.uint64)
    one, other = uniform(keys, ONE), uniform(keys, OTHER)
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(len(keys))
    both = ((one < 0.2) & (other < 0.3)).mean()
    assert both == pytest.approx(0.06, abs=5 * np.sqrt(0.06 / len(keys)))
    assert ((one >= 0) & (one < 1)).all()


def test_no_draw_is_one():
    # The key whose mixture has all bits set would round up.
    word = MASK
    word ^= (word >> 31) ^ (word >> 62)
    word = (word * pow(0x94D049BB133111EB, -1, 2**64)) & MASK
    word ^= (word >> 27) ^ (word >> 54)
    word = (word * pow(0xBF58476D1CE4E5B9, -1, 2**64)) & MASK
    word ^= (word >> 30) ^ (word >> 60)
    key = (word - int(ONE)) & MASK
    assert by_hand(key, int(ONE)) == uniform(np.array([key], np.uint64), ONE)[0] == 1 - 2**-53
