"""The pool's kernels against plain loops, and the weights' laws."""

import math

import numpy as np
import pytest
from seeds import seeds

from models.pool import LOG_ODDS_MAX, LOSS_MAX, bounded_log_odds, judge, loss, pooled, shares


def hostile_scores(rng, n, members):
    scores = rng.random((n, members)) ** rng.integers(1, 30, (n, members))
    scores[rng.random(scores.shape) < 0.2] = np.nan
    scores[rng.random(scores.shape) < 0.1] = 0.0
    scores[rng.random(scores.shape) < 0.1] = 1.0
    scores[rng.random(scores.shape) < 0.05] = 5e-324
    scores[0] = np.nan
    return scores


def bounded(p):
    if math.isnan(p):
        return p
    exact = -math.inf if p == 0 else math.inf if p == 1 else math.log(p / (1 - p))
    return min(max(exact, -LOG_ODDS_MAX), LOG_ODDS_MAX)


def said(odds, weights):
    heard = [(z, w) for z, w in zip(odds, weights, strict=True) if not math.isnan(z)]
    if not heard:
        return math.nan
    total = math.fsum(w for _, w in heard)
    return 1 / (1 + math.exp(-math.fsum(z * w / total for z, w in heard)))


@seeds(3)
def test_log_odds_and_pool_equal_plain_loops(seed):
    rng = np.random.default_rng(seed)
    scores = hostile_scores(rng, 200, 4)
    weights = rng.dirichlet(np.ones(4))
    odds = bounded_log_odds(scores)
    expected = [[bounded(p) for p in row] for row in scores.tolist()]
    np.testing.assert_allclose(odds, expected, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(np.isnan(odds), np.isnan(scores))
    whole = pooled(odds, weights)
    expected = [said(row, weights.tolist()) for row in odds.tolist()]
    np.testing.assert_allclose(whole, expected, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(whole, [pooled(odds[i : i + 1], weights)[0] for i in range(200)])
    for row in odds:
        parts = shares(row, weights)
        assert parts.sum() == (0.0 if np.isnan(row).all() else pytest.approx(1.0))
        assert not parts[np.isnan(row)].any()


def judged(weights, odds, fraud, rate, share):
    """Return the weights after one label, by the rule as it is written down."""
    awake = [i for i, z in enumerate(odds) if not math.isnan(z)]
    moved = list(weights)
    for i in awake:
        moved[i] *= math.exp(-rate * math.log1p(math.exp(-odds[i] if fraud else odds[i])))
    before = math.fsum(weights[i] for i in awake)
    after = math.fsum(moved[i] for i in awake)
    for i in awake:
        moved[i] *= before / after
    for i in awake:
        moved[i] = (1 - share) * moved[i] + share * before / len(awake)
    return moved


@seeds(3)
def test_judging_equals_plain_loops(seed):
    rng = np.random.default_rng(seed)
    odds = bounded_log_odds(hostile_scores(rng, 300, 3))
    rate, share = float(rng.uniform(0.01, 1)), float(rng.choice([1e-9, 1e-4, 0.1]))
    weights = np.full(3, 1 / 3)
    expected = weights.tolist()
    for row in odds:
        fraud = bool(rng.random() < 0.2)
        judge(weights, row, fraud, rate, share)
        expected = judged(expected, row.tolist(), fraud, rate, share)
        np.testing.assert_allclose(weights, expected, rtol=1e-9)
        assert weights.sum() == pytest.approx(1, abs=1e-12)
        assert weights.min() > 0
        awake = ~np.isnan(row)
        if awake.any():
            floor = share * weights[awake].sum() / awake.sum()
            assert weights[awake].min() >= 0.999 * floor


@pytest.mark.parametrize("rate", [0.1, 1.0, 1e6])
def test_no_weight_vanishes_however_long_a_member_is_wrong(rate):
    weights = np.full(3, 1 / 3)
    odds = np.array([LOG_ODDS_MAX, -LOG_ODDS_MAX, -LOG_ODDS_MAX])
    for _ in range(5000):
        judge(weights, odds, False, rate, 1e-6)
    assert 1e-6 / 3 <= weights[0] < 2e-6 / 3
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    # And it comes back once it is right.
    for _ in range(300):
        judge(weights, odds, True, rate, 1e-6)
    assert weights[0] > 0.99


@pytest.mark.parametrize("share", [1e-12, 0.1, 0.9])
def test_who_sleeps_keeps_its_weight(share):
    weights = np.array([0.5, 0.1, 0.4])
    for _ in range(1000):
        judge(weights, np.array([2.0, np.nan, -2.0]), True, 0.5, share)
        assert weights[1] == pytest.approx(0.1, rel=1e-12)
    assert weights[0] > 0.47
    assert weights[2] >= 0.999 * share * 0.9 / 2
    before = weights.tolist()
    judge(weights, np.full(3, np.nan), True, 0.5, share)
    assert weights.tolist() == before
    alone = np.array([np.nan, 3.0, np.nan])
    judge(weights, alone, False, 0.5, share)
    assert weights.tolist() == pytest.approx(before, rel=1e-12)


def test_no_weight_vanishes_whoever_sleeps():
    """A share of next to nothing, again and again, is still above 0."""
    weights = np.full(4, 0.25)
    wrong, right, asleep = LOG_ODDS_MAX, -LOG_ODDS_MAX, np.nan
    for _ in range(20):
        for pair in ([0, 1], [1, 2], [2, 3], [1, 2], [0, 1]):
            odds = np.full(4, asleep)
            odds[pair] = right, wrong
            for _ in range(100):
                judge(weights, odds, False, 1.0, 1e-290)
            assert (weights > 0).all()
            assert weights.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("odds", [-12.0, -3.0, 0.0, 0.5, 12.0])
def test_loss_is_log_loss(odds):
    p = 1 / (1 + math.exp(-odds))
    assert loss(odds, True) == pytest.approx(-math.log(p), rel=1e-9)
    assert loss(odds, False) == pytest.approx(-math.log(1 - p), rel=1e-9, abs=1e-12)
    assert loss(odds, True) <= LOSS_MAX


@seeds(2)
def test_a_pool_never_loses_more_than_the_mean_of_its_members(seed):
    rng = np.random.default_rng(seed)
    odds = bounded_log_odds(rng.random((500, 3)) ** 5)
    weights = rng.dirichlet(np.ones(3))
    scores = bounded_log_odds(pooled(odds, weights)[:, np.newaxis])[:, 0]
    for fraud in (True, False):
        mean = [sum(w * loss(z, fraud) for z, w in zip(row, weights, strict=True)) for row in odds]
        ours = [loss(z, fraud) for z in scores]
        assert (np.array(ours) <= np.array(mean) + 1e-9).all()
