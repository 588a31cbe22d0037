"""The memory formula, held against what the operating system says of a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from schemas.columns import AMOUNT_MINOR, EVENT_TIME_US, FIRST_MAPPED, Layout, Transactions
from stream.features.declare import Inputs, declare
from stream.features.feature_set import FeatureSet
from stream.features.memory import memory_of
from stream.features.state import FeatureState

ROOT = Path(__file__).resolve().parents[3]
EVENTS_MAX = 1_000_000
CAPACITIES = {"card": 250_000, "merchant": 30_000}
ENTITIES_MAX = 100_000  # Of the pair.
# Every kind of memory: windows, delayed windows, peaks, distinct values, running values.
NAMES = (
    "card.{count,amount_sum,amount_mean,amount_max}_{1h,30d}",
    "card.distinct_merchant_7d",
    "card.{rate,amount_decayed_mean}_6h",
    "merchant.{count,fraud_rate}_7d_delay_7d",
    "card+merchant.count_1d",
)
HOUR_US = 3_600_000_000


def a_feature_set() -> FeatureSet:
    layout, inputs = Layout(("card", "merchant")), Inputs(("card", "merchant"))
    return FeatureSet(declare(NAMES, inputs), layout, inputs)


class Stream:
    """Payments of far more cards, merchants and pairs than there is room for."""

    def __init__(self, rows: int) -> None:
        self.rng = np.random.default_rng(1)
        self.layout = Layout(("card", "merchant"))
        self.block = np.zeros((self.layout.width, rows), np.int64)
        self.now_us = 1_700_000_000_000_000

    def next(self) -> Transactions:
        block, rng, rows = self.block, self.rng, self.block.shape[1]
        block[EVENT_TIME_US] = self.now_us + np.sort(rng.integers(0, HOUR_US, rows))
        self.now_us += HOUR_US
        block[AMOUNT_MINOR] = rng.integers(1, 100_000, rows)
        for place, population in enumerate((400_000, 50_000)):
            ids = rng.integers(1, population, rows).astype(np.uint64)
            # Spread over all buckets, as hashes are.
            mixed = ids * np.uint64(0x9E3779B97F4A7C15)
            block[FIRST_MAPPED + place] = (mixed ^ (mixed >> np.uint64(29))).view(np.int64)
        return Transactions(self.layout, block, np.zeros(0, np.uint8))


def fill(state: FeatureState, stream: Stream, events: int) -> None:
    take = np.ones(stream.block.shape[1], np.bool_)
    for _ in range(-(-events // len(take))):
        numbers = state.observe(stream.next(), take).numbers
        state.mark(numbers[::50], take[::50])


def resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def places_of_arrays(state: FeatureState) -> dict[str, tuple[int, int]]:
    return {
        name: (array.__array_interface__["data"][0], array.nbytes)
        for name, array in state.arrays().items()
        if name != "arrived"
    }


def measure() -> dict[str, object]:
    """Fill a state and tell what the process grew by; runs in a process of its own."""
    features, rows = a_feature_set(), 1024
    stream = Stream(rows)
    # Compiled, and everything loaded, before anything is measured.
    fill(FeatureState(features, 2_000, 500, {}, rows), stream, 5_000)
    before = resident_bytes()
    state = FeatureState(features, EVENTS_MAX, ENTITIES_MAX, CAPACITIES, rows)
    fill(state, stream, 2 * EVENTS_MAX)
    filled, places = resident_bytes(), places_of_arrays(state)
    fill(state, stream, EVENTS_MAX)
    return {
        "formula": memory_of(features, EVENTS_MAX, ENTITIES_MAX, CAPACITIES, rows)["total_bytes"],
        "allocated": state.bytes_allocated,
        "grown": filled - before,
        "grown_later": resident_bytes() - filled,
        "stayed": places == places_of_arrays(state),
        "evicted": state.evicted_entities,
    }


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="a million events")
def test_the_formula_is_what_the_process_grows_by_and_it_grows_no_further() -> None:
    done = subprocess.run(
        [sys.executable, __file__],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["formula"] > 150e6, "too small for a comparison"
    assert min(found["evicted"].values()) > 0, "every place was taken, so every page was touched"
    assert found["allocated"] == pytest.approx(found["formula"], rel=1e-4)
    assert found["grown"] == pytest.approx(found["formula"], rel=0.03)
    assert found["grown_later"] < 0.01 * found["formula"]
    assert found["stayed"], "no array was ever allocated anew"


def test_the_formula_is_what_is_allocated() -> None:
    features = a_feature_set()
    for events_max, entities_max, rows in ((1, 1, 1), (1_000, 70, 16), (4_097, 2_049, 1_024)):
        state = FeatureState(features, events_max, entities_max, {"card": 300}, rows)
        told = memory_of(features, events_max, entities_max, {"card": 300}, rows)
        # Control words, and what aligns rows to cache lines.
        assert 0 <= state.bytes_allocated - told["total_bytes"] <= 3 * 128
        parts = [told["events"], *told["entities"].values()]
        assert told["total_bytes"] == sum(part["bytes"] for part in parts)
        assert told["entities"]["card"]["capacity"] == 300
        assert told["entities"]["merchant"]["capacity"] == entities_max


if __name__ == "__main__":
    print(json.dumps(measure()))
