"""The fading histogram against lists of scores, and the places found in it."""

import math

import numpy as np
import pytest
from seeds import seeds

from stream.budget.levels import BINS, DAY_US, LOG_ODDS_MAX, WIDTH, FadingLevels, score_at

HOSTILE = (0.0, 1.0, np.nan, 5e-324, 1 - 1e-16)


def bin_of(p):
    if p in (0.0, 1.0):
        return BINS - 1 if p else 0
    z = min(max(math.log(p / (1 - p)), -LOG_ODDS_MAX), LOG_ODDS_MAX)
    return min(math.floor((z + LOG_ODDS_MAX) / WIDTH), BINS - 1)


def filled(rng, n=3000):
    levels = FadingLevels(2 * DAY_US)
    for _ in range(5):
        levels.count(1 / (1 + np.exp(-rng.normal(-4, 3, n // 5))))
        levels.fold(DAY_US // 2)
    return levels


@seeds(3)
def test_it_equals_a_list_of_scores_with_their_ages(seed):
    rng = np.random.default_rng(seed)
    levels, kept, days = FadingLevels(2 * DAY_US), [], 0.0
    for _ in range(12):
        scores = rng.random(40) ** 4
        scores[rng.random(40) < 0.1] = rng.choice(HOSTILE)
        counted = sum(
            levels.count(part) for part in np.split(scores, np.sort(rng.integers(0, 40, 3)))
        )
        assert counted == int((~np.isnan(scores)).sum())
        passed_us = int(rng.choice([1, DAY_US // 24, 3 * DAY_US]))
        levels.fold(passed_us)
        half = 0.5 ** (passed_us / (2 * DAY_US))
        kept = [(p, weight * half) for p, weight in kept] + [
            (p, 1.0) for p in scores.tolist() if not math.isnan(p)
        ]
        days = days * half + passed_us / DAY_US
    assert levels.days == pytest.approx(days)
    plain = np.zeros((3, BINS))
    for p, weight in kept:
        plain[:, bin_of(p)] += weight * np.array([1, p, p * p])
    np.testing.assert_allclose(levels.mass, plain, 1e-9, 1e-12)
    assert not levels.recent.any()


@seeds(3)
def test_what_is_above_a_place_is_what_was_asked_for(seed):
    rng = np.random.default_rng(seed)
    levels = filled(rng)
    total = levels.mass[0].sum() / levels.days
    for a_day in rng.uniform(0.01, 0.99, 20) * total:
        at, share = levels.place(a_day)
        assert 0 <= share <= 1
        assert levels.above(score_at(at + 1 - share)).a_day == pytest.approx(a_day, rel=1e-6)
    assert levels.place(1.01 * total)[0] == -1
    assert levels.above(0.0).a_day == pytest.approx(total)


@seeds(2)
def test_what_lies_above_is_described_by_its_scores(seed):
    rng = np.random.default_rng(seed)
    levels = FadingLevels(DAY_US)
    scores = 1 / (1 + np.exp(-rng.normal(-2, 2, 5000)))
    levels.count(scores)
    levels.fold(DAY_US)
    edge = score_at(300)
    above, some = levels.above(edge), scores[scores >= edge]
    assert above.a_day == len(some)
    assert above.mean == pytest.approx(some.mean())
    assert above.variance == pytest.approx((some * (1 - some)).mean())
    assert levels.sum_below(edge) == pytest.approx(scores[scores < edge].sum())


def test_nothing_lies_above_what_nothing_reached():
    assert FadingLevels(DAY_US).above(0.5).a_day == 0
    levels = FadingLevels(DAY_US)
    levels.count(np.array([0.1, 1.0]))
    levels.fold(DAY_US)
    assert levels.above(2.0).a_day == 0
    assert levels.above(1.0).a_day < 1e-6
    assert levels.above(0.9999999).a_day <= 1


@pytest.mark.parametrize("place", [0, 1, 320, BINS - 1])
def test_a_score_lies_in_the_bin_of_its_place(place):
    assert bin_of(score_at(place + 0.5)) == place
