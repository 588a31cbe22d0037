"""The generator is CPython's: the same seed, the same draws, the same state."""

import math
import random

import numpy as np
import pytest
from river.utils.random import poisson as rivers_poisson
from seeds import seeds

from models.trees.twister import below, draw, poisson, sample, seeded, uniform

SEEDS = [0, 1, -5, 42, 2**32 - 1, 2**32, 2**40 + 7, 2**64 - 1, 2**70 + 3, 10**300]


def state(words):
    return tuple(words.tolist())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_gives_cpythons_state(seed):
    words, expected = seeded(seed), random.Random(seed)
    assert words.dtype == np.uint32
    assert state(words) == expected.getstate()[1]


@seeds(2)
def test_draws_are_cpythons(seed):
    words, expected = seeded(seed), random.Random(seed)
    for _ in range(1500):
        assert uniform(words) == expected.random()
        assert draw(words) == expected.getrandbits(32)
    for n in [*range(1, 70), 2**20, 2**31 - 1, 2**31]:
        assert below(words, n) == expected._randbelow(n)
    assert state(words) == expected.getstate()[1]


@seeds(2)
def test_poisson_numbers_are_rivers(seed):
    words, expected = seeded(seed), random.Random(seed)
    for rate in (0.1, 1, 6, 30):
        for _ in range(150):
            assert poisson(words, math.exp(-rate)) == rivers_poisson(rate, expected)
    assert state(words) == expected.getstate()[1]


@seeds(2)
def test_samples_are_cpythons_by_list_and_by_set(seed):
    words, expected = seeded(seed), random.Random(seed)
    for n in (1, 2, 5, 21, 22, 30, 84, 85, 86, 277, 278, 1000):
        for k in sorted({1, min(5, n), min(6, n), min(21, n), min(22, n), (n + 1) // 2, n}):
            chosen = np.zeros(k + 1, np.int32)
            sample(words, np.arange(n, dtype=np.int32), n, k, chosen)
            assert chosen.tolist() == [*expected.sample(range(n), k), 0]
    assert state(words) == expected.getstate()[1]


def test_a_state_is_exchanged_with_cpython():
    theirs = random.Random(8)
    for _ in range(700):
        theirs.random()
    words = np.array(theirs.getstate()[1], np.uint32)
    assert [uniform(words) for _ in range(700)] == [theirs.random() for _ in range(700)]
