"""The windows against the oracle: random, late, equal times, eviction, hostile sizes."""

import time

import numpy as np
import pytest
from naive import NaiveWindows

from stream.windows import Windows


def random_stream(rng, n, keys, lateness):
    times = np.cumsum(rng.integers(0, 4, n)) * 10 - rng.integers(0, lateness + 1, n)
    amounts = rng.integers(0, 1000, n)
    ids = rng.integers(0, keys + 1, (2, n)).astype(np.uint64)
    # Low bits alike, so that probing sequences collide and wrap.
    ids[1] = np.where(ids[1] > 0, ids[1] << np.uint64(60) | np.uint64(7), 0)
    return times.astype(np.int64), amounts.astype(np.int64), ids


@pytest.mark.parametrize("events_max", [1, 7, 64, 10_000])
@pytest.mark.parametrize("lateness", [0, 15, 400])
def test_every_reading_equals_the_oracle(events_max, lateness):
    seed = time.time_ns() % 2**32
    print("seed", seed)
    rng = np.random.default_rng(seed)
    windows_us, entities_max = (1, 30, 100, 1000), int(rng.integers(1, 12))
    times, amounts, keys = random_stream(rng, 600, 9, lateness)
    ours = Windows(2, windows_us, events_max, entities_max)
    naive = NaiveWindows(2, windows_us, events_max, entities_max)
    take = rng.random(600) < 0.9
    got = ours.observe(times, amounts, keys, take)
    for row in np.flatnonzero(take):
        expected = naive.observe(int(times[row]), int(amounts[row]), [int(k) for k in keys[:, row]])
        for kind, reading in enumerate(expected):
            where = f"seed {seed} row {row} kind {kind}"
            if reading is None:
                assert not got.counts[kind, :, row].any(), where
                continue
            pairs, gap = reading
            assert got.counts[kind, :, row].tolist() == [p[0] for p in pairs], where
            assert got.totals_minor[kind, :, row].tolist() == [p[1] for p in pairs], where
            assert got.gaps_us[kind, row] == gap, where


def test_how_the_stream_is_cut_never_matters():
    seed = time.time_ns() % 2**32
    print("seed", seed)
    rng = np.random.default_rng(seed)
    times, amounts, keys = random_stream(rng, 500, 20, 100)
    take = np.ones(500, bool)
    whole = Windows(2, (50, 500), 200, 15)
    expected = whole.observe(times, amounts, keys, take)
    pieces = Windows(2, (50, 500), 200, 15)
    cuts = np.sort(rng.integers(0, 500, 12)).tolist()
    for start, stop in zip([0, *cuts], [*cuts, 500], strict=True):
        part = pieces.observe(
            times[start:stop], amounts[start:stop], keys[:, start:stop], take[start:stop]
        )
        np.testing.assert_array_equal(part.counts, expected.counts[:, :, start:stop])
        np.testing.assert_array_equal(part.totals_minor, expected.totals_minor[:, :, start:stop])
    for name in ("events", "links", "places", "windows", "buckets", "counters"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))


def test_events_that_come_later_never_change_earlier_readings():
    rng = np.random.default_rng(5)
    times, amounts, keys = random_stream(rng, 300, 5, 50)
    take = np.ones(300, bool)
    short = Windows(2, (40,), 1000, 10).observe(
        times[:200], amounts[:200], keys[:, :200], take[:200]
    )
    full = Windows(2, (40,), 1000, 10).observe(times, amounts, keys, take)
    np.testing.assert_array_equal(full.counts[:, :, :200], short.counts)


def test_a_windows_edges_are_open_at_the_old_end_and_closed_at_the_new():
    keys = np.ones((1, 4), np.uint64)
    windows = Windows(1, (10,), 100, 10)
    times = np.array([0, 9, 10, 10], np.int64)
    got = windows.observe(times, np.array([1, 2, 4, 8]), keys, np.ones(4, bool))
    assert got.counts[0, 0].tolist() == [1, 2, 2, 3]
    assert got.totals_minor[0, 0].tolist() == [1, 3, 6, 14]


def test_sums_stay_exact_where_doubles_would_not():
    big = 10**12
    n = 4001
    amounts = np.where(np.arange(n) == 0, big, 1).astype(np.int64)
    got = Windows(1, (2 * n,), 10_000, 4).observe(
        np.arange(n, dtype=np.int64), amounts, np.ones((1, n), np.uint64), np.ones(n, bool)
    )
    assert got.totals_minor[0, 0, -1] == big + n - 1


def test_memory_never_grows_and_evictions_are_counted():
    windows = Windows(1, (10**9,), events_max=50, entities_max=20)
    before = windows.bytes_allocated
    rng = np.random.default_rng(1)
    n = 5000
    windows.observe(
        np.arange(n, dtype=np.int64),
        np.ones(n, np.int64),
        rng.integers(1, 2**63, (1, n)).astype(np.uint64),
        np.ones(n, bool),
    )
    assert windows.bytes_allocated == before
    assert windows.arrived == n
    assert windows.evicted_live == n - 20
    assert (windows.buckets["key"] != 0).sum() == 20


@pytest.mark.parametrize("bad", [(), (0,), (5, 3), (3, 3), (-1,)])
def test_senseless_windows_are_refused(bad):
    with pytest.raises(ValueError, match="ascending"):
        Windows(1, bad, 10, 10)
