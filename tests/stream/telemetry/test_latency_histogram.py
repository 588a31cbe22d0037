"""The latency histogram, against NumPy's percentiles of the same latencies."""

import numpy as np
import pytest
from seeds import seeds

from stream.telemetry.latency_histogram import LatencyHistogram

LARGEST = 2**41 - 1
WORST = 1 / 64  # A bucket is at most this wide, as a share of what is in it.


def histogram(*latencies: int) -> LatencyHistogram:
    result = LatencyHistogram()
    result.record(np.array(latencies, np.int64))
    return result


@seeds(4)
@pytest.mark.parametrize("shape", ["uniform", "lognormal", "exponential", "two peaks"])
def test_a_percentile_is_never_below_the_truth_and_at_most_1_6_percent_above(
    seed: int, shape: str
) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5_000))
    latencies = {
        "uniform": lambda: rng.integers(0, 10 ** int(rng.integers(1, 12)), n),
        "lognormal": lambda: rng.lognormal(8, 3, n).astype(np.int64) % LARGEST,
        "exponential": lambda: rng.exponential(5_000, n).astype(np.int64),
        "two peaks": lambda: np.where(rng.random(n) < 0.01, 30_000_000, rng.integers(0, 900, n)),
    }[shape]()
    result = LatencyHistogram()
    for part in np.array_split(latencies, 7):
        result.record(part)
    assert len(result) == n
    for q in (0, 1, 25, 50, 90, 99, 100):
        truth = float(np.percentile(latencies, q, method="inverted_cdf"))
        assert truth <= result.percentile_us(q) <= truth * (1 + WORST), q


def test_the_rank_of_a_percentile_is_exact() -> None:
    # 99.9 / 100 * 1000 is 999.0000000000001, whose ceiling is one too many.
    latencies = np.append(np.full(999, 10), 1_000_000)
    result = histogram(*latencies)
    assert result.percentile_us(99.9) == 10
    assert result.percentile_us(99.91) >= 1_000_000


@pytest.mark.parametrize("us", range(128))
def test_small_latencies_are_exact(us: int) -> None:
    assert histogram(us).percentile_us(50) == us


@pytest.mark.parametrize("power", range(7, 41))
def test_the_edges_of_powers_of_two_lie_in_their_own_buckets(power: int) -> None:
    for us in (2**power - 1, 2**power, 2**power + 1):
        found = histogram(us).percentile_us(50)
        assert us <= found <= us * (1 + WORST)
    assert histogram(2**power - 1).percentile_us(50) == 2**power - 1


def test_a_negative_latency_counts_as_zero() -> None:
    result = histogram(-1, -(10**15), np.iinfo(np.int64).min)
    assert len(result) == 3
    assert result.percentile_us(100) == 0


def test_a_huge_latency_counts_as_the_largest() -> None:
    result = histogram(LARGEST, LARGEST + 1, 2**53 + 1, np.iinfo(np.int64).max)
    assert len(result) == 4
    assert result.percentile_us(0) == result.percentile_us(100) == LARGEST


def test_nothing_has_no_percentile() -> None:
    result = histogram()
    assert len(result) == 0
    assert result.percentile_us(50) is None
    assert result.summary_ms() == {"p50": None, "p99": None, "p999": None}


def test_the_summary_is_in_milliseconds() -> None:
    # 2000 and 9000 us lie in buckets that end at 2015 and 9087.
    result = histogram(*[100] * 500, *[2_000] * 495, *[9_000] * 5)
    assert result.summary_ms() == {"p50": 0.1, "p99": 2.015, "p999": 9.087}


def test_the_same_latency_many_times_in_one_batch_is_counted_each_time() -> None:
    assert histogram(*[77] * 1000).counts.sum() == 1000


@seeds(3)
def test_one_at_a_time_it_counts_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    latencies = rng.lognormal(8, 6, 500).astype(np.int64)
    several, one = histogram(*latencies, *latencies), LatencyHistogram()
    for us in [*latencies.tolist(), -1, 2**60]:
        one.add(us, 2)
    several.record(np.array([-1, -1, 2**60, 2**60]))
    assert (one.counts == several.counts).all()


@seeds(3)
def test_up_to_a_bound_nothing_longer_is_counted_and_little_else_is_missing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    latencies = rng.lognormal(8, 3, 3_000).astype(np.int64)
    bounds = np.sort(rng.lognormal(8, 4, 20))
    found = histogram(*latencies).at_most(bounds.tolist())
    for bound, n in zip(bounds, found, strict=True):
        assert (latencies * (1 + WORST) < bound).sum() <= n <= (latencies <= bound).sum()


def test_what_came_since_a_copy_is_known() -> None:
    counted = histogram(5, 5, 700)
    before = counted.copy()
    counted.add(5)
    assert len(before) == 3
    assert len(counted.since(before)) == 1
    assert counted.since(before).percentile_us(100) == 5
