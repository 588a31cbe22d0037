"""What grows: the time to start, the lag after a pause, the number of partitions.

Cost and memory by the number of cards are in `bench_features` and `bench_features_memory`, the
time to recover is in `bench_recovery`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.harness import BenchmarkError, Result, Run, benchmark, compared
from benchmarks.kafka.broker import broker
from benchmarks.kafka.job import PARTITIONS
from benchmarks.kafka.open_loop import Load, run
from benchmarks.kafka.race import Contestant
from benchmarks.kafka.race import run as race
from benchmarks.machine import ROOT

_MANY_PARTITIONS = 24


@benchmark("startup_warm", "startup_general", unit="s", takes_s=500, full=True)
def startup(bench: Run) -> list[Result]:
    """Start with kernels on disk, beside compiling; and compile the general ones, beside all."""
    cold, warm, general = [], [], []
    for number in range(1 if bench.quick else 3):
        with tempfile.TemporaryDirectory() as special, tempfile.TemporaryDirectory() as once:
            bench.progress(f"round {number + 1}: compiling")
            cold.append(_start_s(special, "special"))
            bench.progress(f"round {number + 1}: from the disk")
            warm.append(_start_s(special, "special"))
            bench.progress(f"round {number + 1}: compiling once for all configurations")
            general.append(_start_s(once, "general"))
    return [_seconds("startup_warm", warm, cold), _seconds("startup_general", general, cold)]


def _start_s(cache: str, kernels: str) -> float:
    began = time.perf_counter()
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "FRAUDSTREAM_KERNELS": kernels}
    command = [sys.executable, "-m", "benchmarks.start_up"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"a worker did not start: {done.stderr.strip()[-300:]}")
    return time.perf_counter() - began


def _seconds(name: str, ours: list[float], theirs: list[float], **detail: Any) -> Result:
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    told = {"ratio_low": min(ratios), "ratio_high": max(ratios), "rounds": len(ratios), **detail}
    middle = statistics.median
    return Result(name, "s", middle(ours), middle(theirs), middle(ratios), told)


@benchmark("lag_drain", unit="s", takes_s=440, full=True)
def lag_drain(bench: Run) -> list[Result]:
    """Begin a minute late while payments go on, and catch up; the reference is the bare echo."""
    per_s, pause_s, after_s = (1_000, 5, 5) if bench.quick else (5_000, 60, 30)
    load = Load(per_s, pause_s + after_s, pause_s=pause_s)
    drained: dict[str, list[float]] = {"ours_decisions": [], "echo": []}
    with broker() as bootstrap:
        for number in range(1 if bench.quick else 2):
            for module, took in drained.items():
                bench.progress(f"round {number + 1}: {module}")
                found = run(bootstrap, module, load, bench.seed + number)
                if found["missing"] or found["caught_up_s"] >= load.seconds:
                    raise BenchmarkError(f"{module} did not catch up: {found}")
                took.append(max(found["caught_up_s"] - pause_s, 1 / per_s))
    backlog = per_s * pause_s
    return [_seconds("lag_drain", *drained.values(), payments_a_second=per_s, backlog=backlog)]


@benchmark("partitions_24", unit="us/event", takes_s=200, full=True)
def partitions(bench: Run) -> list[Result]:
    """Do the whole job with 24 partitions on one worker, beside eight."""
    n = 25_000 if bench.quick else 100_000
    many, few = Contestant("ours", n, _MANY_PARTITIONS), Contestant("ours", n, PARTITIONS)
    took: dict[Contestant, list[Any]] = {many: [], few: []}
    with broker() as bootstrap:
        for number in range(1 if bench.quick else 5):
            for contestant, times in took.items():
                bench.progress(f"round {number + 1}: {contestant.partitions} partitions")
                times.append(race(bootstrap, contestant, bench.seed + number).times)
    return [compared(*took.values(), clock="cpu", calls=(1, 1)).result("partitions_24", "us/event")]
