"""How much memory a feature state really takes, seen from outside: run as a program of its own.

``python -m benchmarks.baselines_memory '{"cards": 100000, "events_max": 400000}'`` fills
a state and prints what it grew by as JSON. A process of its own, so that nothing else
that was ever allocated stands in the numbers.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.baselines_stream import BATCH_ROWS_MAX, Traffic, Walk, feature_set
from stream.features.memory import memory_of

WINDOWS = "{10m,1h,1d,7d,30d}"
CARD_FEATURES = (f"card.{{count,amount_sum,amount_mean}}_{WINDOWS}",)

_ROOT = Path(__file__).resolve().parent.parent


def available_bytes() -> int:
    """Return how much memory programs can still have; a great deal where nobody knows."""
    return _kib("/proc/meminfo", "MemAvailable:") * 1024 or sys.maxsize


def resident_bytes() -> int:
    """Return what this process holds in memory, without what it has given back to its C library."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return _kib("/proc/self/status", "VmRSS:") * 1024


def _kib(file: str, key: str) -> int:
    try:
        lines = Path(file).read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)


def measure_in_child(cards: int, events_max: int, seed: int) -> dict[str, Any]:
    """Call `measure` in a process of its own and return its answer."""
    request = json.dumps({"cards": cards, "events_max": events_max, "seed": seed})
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.baselines_memory", request],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the process that measures memory failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(cards: int, events_max: int, seed: int) -> dict[str, Any]:
    """Fill a state of 30-day windows to the last card and event.

    Returns
    -------
    dict
        `formula_bytes`; `resident_bytes`, by which the process grew; `peak_bytes`, by which
        it grew at most while as many events again came; `allocated_bytes`, what the state
        says itself; `seconds` it took.
    """
    features = feature_set(CARD_FEATURES, ("card",))
    events_a_month = events_max * 4 // 5
    # Compiled, and all libraries loaded, before anything is measured.
    Walk(features, Traffic(np.random.default_rng(seed), (100,), 1_000), events_max=500, ahead=100)
    traffic = Traffic(np.random.default_rng(seed), (cards,), events_a_month, meet_all=True)
    begin = time.perf_counter()
    before = resident_bytes()
    walk = Walk(features, traffic, events_max=events_max, ahead=1 << 18)
    walk.block = walk.block.copy()  # Every page of it is touched.
    mine = walk.block.nbytes
    filled = resident_bytes()
    peak = filled
    for at in range(events_max // BATCH_ROWS_MAX):
        walk.step(BATCH_ROWS_MAX)
        if at % 256 == 0:
            peak = max(peak, resident_bytes())
    return {
        "formula_bytes": memory_of(features, events_max, cards, {}, BATCH_ROWS_MAX)["total_bytes"],
        "resident_bytes": filled - before - mine,
        "peak_bytes": peak - before - mine,
        "allocated_bytes": walk.state.bytes_allocated,
        "seconds": time.perf_counter() - begin,
    }


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
