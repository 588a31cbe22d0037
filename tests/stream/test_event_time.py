"""Event time against the oracle: lateness, idle and new partitions, rows that were refused."""

from itertools import pairwise

import numpy as np
import pytest
from naive import NaiveClock
from seeds import seeds

from schemas.columns import MISSING, Reason
from stream.event_time import BEGINNING_US, EventClock, Timeliness

NAMES = ("on time", "late", "too late")


def clock(lateness=10, idle=100):
    return EventClock(allowed_lateness_us=lateness, idle_after_us=idle)


def observe(clock, rows, reason=Reason.OK):
    """Take rows of (partition, time) or (partition, time, arrival)."""
    columns = [np.array(c, np.int64) for c in zip(*[(*r, r[1])[:3] for r in rows], strict=True)]
    reasons = np.full(len(rows), reason, np.int64)
    timeliness, marks = clock.observe(*columns, reasons)
    return [Timeliness(t).name for t in timeliness], marks.tolist()


@pytest.mark.parametrize(("lateness", "idle"), [(0, 50), (20, 50), (20, 0), (200, 10**6)])
@seeds(4)
def test_every_row_equals_the_oracle_however_the_stream_is_cut(lateness, idle, seed):
    rng = np.random.default_rng(seed)
    n = 400
    times = np.cumsum(rng.integers(0, 5, n)) - rng.integers(0, 60, n) * (rng.random(n) < 0.3)
    arrivals = np.cumsum(rng.integers(0, 5, n)) - rng.integers(0, 9, n)
    partitions = rng.integers(0, 3, n)
    partitions[n // 2 :] *= 2  # Partition 1 falls silent, partition 4 appears.
    reasons = np.where(rng.random(n) < 0.15, int(Reason.BAD_UTF8), int(Reason.OK))
    times[reasons != 0] = rng.choice([MISSING, 2**62, 0], (reasons != 0).sum())
    ours, naive = EventClock(lateness, idle), NaiveClock(lateness, idle)
    cuts = [0, *np.sort(rng.integers(0, n, 9)).tolist(), n]
    got = [
        ours.observe(partitions[a:b], times[a:b], arrivals[a:b], reasons[a:b])
        for a, b in pairwise(cuts)
    ]
    timeliness, marks = (np.concatenate(columns) for columns in zip(*got, strict=True))
    for i in range(n):
        if reasons[i] == Reason.OK:
            verdict = naive.observe(int(partitions[i]), int(times[i]), int(arrivals[i]))
            assert NAMES[timeliness[i]] == verdict, i
        expected = BEGINNING_US if naive.watermark_us is None else naive.watermark_us
        assert marks[i] == expected, i
    assert ours.watermark_us == marks[-1]
    assert (np.diff(marks) >= 0).all()


def test_the_edge_of_lateness_is_still_late_and_one_further_is_too_late():
    verdicts, _ = observe(clock(lateness=10), [(0, 100), (0, 100), (0, 99), (0, 90), (0, 89)])
    assert verdicts == ["ON_TIME", "ON_TIME", "LATE", "LATE", "TOO_LATE"]


def test_without_allowed_lateness_any_older_row_is_too_late():
    assert observe(clock(lateness=0), [(0, 5), (0, 5), (0, 4)])[0][1:] == ["ON_TIME", "TOO_LATE"]


def test_lateness_is_judged_by_the_rows_own_partition():
    verdicts, _ = observe(clock(lateness=10), [(0, 1000), (1, 5), (1, 4), (0, 5)])
    assert verdicts == ["ON_TIME", "ON_TIME", "LATE", "TOO_LATE"]


def test_the_watermark_is_the_slowest_partitions_frontier_less_the_lateness():
    _, marks = observe(clock(lateness=10), [(0, 100), (1, 150), (0, 120), (0, 200), (1, 160)])
    assert marks == [90, 90, 110, 140, 150]


def test_a_partition_that_appears_late_does_not_take_the_watermark_back():
    ours = clock(lateness=10)
    assert observe(ours, [(0, 100), (7, 20), (7, 50)])[1] == [90, 90, 90]
    # It holds the watermark where it is until it has caught up.
    assert observe(ours, [(0, 140), (7, 120), (7, 140)])[1] == [90, 110, 130]


def test_a_partition_is_idle_once_others_have_arrivals_later_than_the_limit():
    ours = clock(lateness=0, idle=100)
    assert observe(ours, [(0, 10, 0), (1, 10, 0), (0, 500, 100)])[1][-1] == 10
    assert observe(ours, [(0, 600, 101)])[1] == [600]
    # It wakes up: behind all others, but not holding back what has passed.
    assert observe(ours, [(1, 20, 102), (0, 700, 103)]) == (["ON_TIME", "ON_TIME"], [600, 600])


def test_a_partition_that_was_never_heard_of_is_not_waited_for_though_none_is_ever_idle():
    ours = clock(lateness=10, idle=2**62)
    assert observe(ours, [(5, 100), (0, 100_000), (5, 200)])[1] == [90, 90, 190]


def test_an_arrival_time_that_goes_back_does_not_make_a_partition_idle():
    ours = clock(lateness=0, idle=100)
    observe(ours, [(0, 10, 1000), (1, 10, 1000)])
    assert observe(ours, [(1, 20, 5), (0, 50, 1001)])[1] == [10, 20]


@pytest.mark.parametrize("wild", [MISSING, -(2**62), 2**62, 2**63 - 1])
def test_a_refused_row_moves_nothing_however_wild_its_times(wild):
    ours = clock()
    observe(ours, [(0, 100), (1, 100)])
    assert observe(ours, [(0, wild, wild), (1, wild, wild)], Reason.EVENT_TIME_IN_FUTURE)[1] == [
        90,
        90,
    ]
    assert observe(ours, [(0, 95), (1, 101), (0, 101)]) == (
        ["LATE", "ON_TIME", "ON_TIME"],
        [
            90,
            90,
            91,
        ],
    )


def test_a_refused_row_of_a_new_partition_does_not_hold_the_watermark_back():
    ours = clock(lateness=10)
    observe(ours, [(3, 5)], Reason.NULL_VALUE)
    assert ours.watermark_us == BEGINNING_US
    assert observe(ours, [(0, 100)])[1] == [90]


def test_a_row_that_is_too_late_does_not_move_the_frontier_back():
    ours = clock(lateness=10)
    observe(ours, [(0, 100), (0, 1)])
    assert observe(ours, [(0, 89)])[0] == ["TOO_LATE"]


def test_no_rows_move_nothing():
    ours = clock()
    timeliness, marks = ours.observe(*[np.empty(0, np.int64)] * 4)
    assert len(timeliness) == len(marks) == 0
    assert ours.watermark_us == BEGINNING_US
