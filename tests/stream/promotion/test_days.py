"""The same alerts, spent by two models day by day."""

import numpy as np
import pytest
from scipy import stats
from seeds import seeds

from models.states.snapshot import pack, unpack
from stream.budget.levels import WIDTH
from stream.promotion.days import PairedDays, bins_of, hits_of
from stream.promotion.parameters import DAY_US


def payments(rng, n, day, skill):
    """Scores of a champion and a challenger, alerts of the champion, frauds, times."""
    y = rng.random(n) < 0.1
    odds = np.stack([s * y - 2 + rng.normal(0, 1, n) for s in skill])
    scores = 1 / (1 + np.exp(-odds))
    times = day * DAY_US + np.sort(rng.integers(0, DAY_US, n))
    return scores, scores[0] >= 0.5, y, times


def found(scores, y, k):
    """Frauds among the k highest, by sorting."""
    return int(y[np.argsort(-scores, kind="stable")[:k]].sum())


@seeds(4)
def test_days_and_their_interval_are_those_of_sorting_and_of_scipy(seed):
    rng, days, naive = np.random.default_rng(seed), PairedDays(), []
    for day in range(20_000, 20_012):
        scores, alerted, y, times = payments(rng, 3000, day, (2.0, 3.0))
        days.update(scores, alerted, y, times)
        k = int(alerted.sum())
        naive.append((found(scores[1], y, k) - found(scores[0], y, k)) / k)
    assert days.closed == 11, "the last one is not over"
    difference = days.difference()
    # A bin that is cut counts in part.
    assert difference.mean == pytest.approx(np.mean(naive[:-1]), abs=0.01)
    t = stats.ttest_1samp(naive[:-1], 0).confidence_interval(0.95)
    assert (difference.low, difference.high) == pytest.approx((t.low, t.high), abs=0.02)
    assert difference.low > 0
    assert days.hits[1] > days.hits[0] > 0


def test_a_day_without_alerts_says_nothing_and_is_a_day():
    days = PairedDays()
    for day in range(3):
        times = np.full(2, day * DAY_US)
        days.update(np.full((2, 2), 0.2), np.zeros(2, bool), np.ones(2, bool), times)
    assert (days.closed, days.alerts, days.difference().days) == (2, 0, 0)


def test_one_that_comes_behind_a_later_day_counts_with_it():
    days = PairedDays()
    scores, alerted = np.array([[0.9, 0.9], [0.1, 0.9]]), np.array([True, True])
    days.update(scores, alerted, np.array([True, False]), np.array([5, 4]) * DAY_US)
    days.update(scores[:, :1], alerted[:1], np.array([True]), np.array([6 * DAY_US]))
    assert (days.closed, days.alerts) == (1, 2)
    assert days.hits == (1.0, 1.0)


def test_of_a_bin_that_is_cut_a_share_counts():
    seen = np.zeros((2, 640), np.int64)
    seen[:, 600], seen[:, 500] = (1, 1), (10, 4)
    assert [hits_of(seen, k) for k in (0, 1, 6, 11, 99)] == [0.0, 1.0, 3.0, 5.0, 5.0]


def test_scores_that_are_certain_lie_in_the_last_bins():
    assert bins_of(np.array([0.0, 0.5, 1.0])).tolist() == [0, 320, 639]
    assert np.diff(bins_of(1 / (1 + np.exp(-np.arange(-3, 3, WIDTH) - WIDTH / 2)))).max() == 1


@seeds(3)
def test_it_goes_on_where_it_was_however_the_payments_are_cut(seed):
    rng, whole, cut = np.random.default_rng(seed), PairedDays(), PairedDays()
    for day in range(4):
        each = payments(rng, 50, day, (1.0, 2.0))
        whole.update(*each)
        for at in np.split(np.arange(50), [7, 8, 30]):
            cut.update(each[0][:, at], *(column[at] for column in each[1:]))
            heir = PairedDays()
            heir.restore(unpack(pack(cut.state())))
            cut = heir
    assert pack(cut.state()) == pack(whole.state())
