"""Drawing payments by their keyed hashes: how often, which, and what can be estimated from it."""

import numpy as np
import pytest
from seeds import seeds

from stream.budget.exploration import drawn, rate_of


def payments(rng, n=200_000):
    # Not nearer to 0: one fraud of a score of 1e-9 would stand for more than all others.
    return rng.integers(1, 2**64, n, np.uint64), np.maximum(rng.random(n) ** 8, 0.01)


@seeds(2)
def test_what_is_drawn_estimates_what_was_not_looked_at(seed):
    rng = np.random.default_rng(seed)
    keys, scores = payments(rng)
    frauds = rng.random(len(scores)) < scores
    rate = rate_of(2000, float(scores.sum()))
    probabilities = drawn(keys, scores, rate)
    mine = ~np.isnan(probabilities)
    assert mine.sum() == pytest.approx(2000, rel=0.1)
    np.testing.assert_allclose(probabilities[mine], np.minimum(rate * scores[mine], 1.0))
    # Weighted by what each stands for, few tell of all (Horvitz & Thompson).
    estimate = (frauds[mine] / probabilities[mine]).sum()
    deviation = np.sqrt((frauds / np.minimum(rate * scores, 1.0)).sum())
    assert estimate == pytest.approx(frauds.sum(), abs=5 * deviation)
    assert deviation < 0.1 * frauds.sum()
    # Uniform draws of as many would find half as many frauds, or fewer.
    assert frauds[mine].mean() > 2 * frauds.mean()


@seeds(2)
def test_draws_are_uniform_whatever_keys_are_alike(seed):
    rng = np.random.default_rng(seed)
    for keys in (
        np.arange(1, 100_001, dtype=np.uint64),
        payments(rng, 100_000)[0] << np.uint64(40),
    ):
        for p in (0.01, 0.3, 0.9):
            share = (~np.isnan(drawn(keys, np.full(len(keys), p), 1.0))).mean()
            assert share == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / len(keys)))


def test_the_same_payment_is_drawn_whoever_is_beside_it():
    keys, scores = payments(np.random.default_rng(3), 500)
    together = drawn(keys, scores, 2.0)
    alone = [drawn(keys[i : i + 1], scores[i : i + 1], 2.0)[0] for i in range(500)]
    np.testing.assert_array_equal(together, alone)


def test_certain_ones_always_and_those_without_a_score_never():
    keys = np.arange(1, 4, dtype=np.uint64)
    probabilities = drawn(keys, np.array([0.9, np.nan, 0.0]), 5.0)
    np.testing.assert_array_equal(probabilities, [1.0, np.nan, np.nan])


def test_nothing_is_drawn_where_nothing_lies_below():
    assert rate_of(10.0, 0.0) == 0.0
    assert rate_of(10.0, 40.0) == 0.25
