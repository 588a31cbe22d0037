"""Snapshots: what scoring waits for while one is written, and how fast one is taken up.

A state of 45 features of many cards, of about 256 MB, and a model beside it. Steps of 100
payments are timed by the clock on the wall, because memory that is busy, or a
processor that is taken, is time that somebody waits; the detail has the processor's time too,
which a busy machine leaves as it is.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.baselines_stream import HOUR_US, MONTH_US, Traffic, block_of, feature_set, hashed
from benchmarks.bench_features import ENTITIES, NAMES
from benchmarks.harness import BenchmarkError, Result, Run, benchmark
from models.compiler import compile as compile_model
from models.river.adapter import logistic_pipeline
from models.states.snapshot import State
from schemas.columns import ARRIVAL_TIME_US, EVENT_TIME_US, TRANSACTION_KEY, Transactions
from stream.decide import THRESHOLD_OFF, Thresholds
from stream.engine.engine import Engine
from stream.engine.parameters import EngineParameters
from stream.labels.parameters import LabelParameters
from stream.snapshots.background import BackgroundWriter
from stream.snapshots.folder import SnapshotFolder

_ROWS = 100
_FILL_ROWS = 10_000
_NO_DATA = np.zeros(0, np.uint8)
# A state of so many events is about 256 MB.
_EVENTS = 900_000


@dataclass
class _Scoring:
    """An engine whose memory is full, and the payments that it goes on with."""

    engine: Engine
    traffic: Traffic
    key: int = 1

    def batch(self, rows: int = _ROWS) -> Transactions:
        """Return the next payments."""
        layout = self.engine.parameters.features.layout
        longs = block_of(self.traffic.draw(rows), layout)
        longs[ARRIVAL_TIME_US] = longs[EVENT_TIME_US]
        longs[TRANSACTION_KEY] = hashed(np.arange(self.key, self.key + rows)).view(np.int64)
        self.key += rows
        return Transactions(layout, longs, _NO_DATA)

    def step_us(self) -> tuple[float, float]:
        """Score payments; return the microseconds that passed, and those of the processor."""
        batch = self.batch()
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        self.engine.step(batch)
        taken_cpu = time.thread_time() - begun_cpu
        return (time.perf_counter() - begun) * 1e6, taken_cpu * 1e6


def _engine(events: int, cards: int) -> Engine:
    features = feature_set(NAMES, ENTITIES)
    parameters = EngineParameters(
        features,
        # An alert's reasons take many times what is measured here.
        Thresholds(review=THRESHOLD_OFF, block=THRESHOLD_OFF),
        events_max=events,
        entities_max=cards,
        waiting_max=events // 4,
        # Rows come and go: the ring is always full.
        labels=LabelParameters(maturity_us=MONTH_US),
        allowed_lateness_us=0,
        # As many payments from barrier to barrier as in a second of a busy stream.
        learn_interval_us=HOUR_US,
    )
    learner = compile_model(logistic_pipeline(), features.names, frauds_min=20, genuine_min=20)
    rng = np.random.default_rng(1)
    learner.learn_many(rng.random((2_000, len(features.names))), np.arange(2_000) % 7 == 0)
    return Engine(parameters, learner)


def _filled(run: Run) -> _Scoring:
    cards = _EVENTS // 4
    run.progress(f"filling an engine with {_EVENTS:,} events")
    traffic = Traffic(run.rng, (cards, cards // 20, cards // 2), _EVENTS)
    scoring = _Scoring(_engine(_EVENTS, cards), traffic)
    for _ in range(_EVENTS * 5 // 4 // _FILL_ROWS):
        scoring.engine.step(scoring.batch(_FILL_ROWS))
    return scoring


@benchmark("snapshot_p99", unit="us", takes_s=60)
def snapshot_p99(run: Run) -> list[Result]:
    """The 99th percentile of scoring 100 payments while a snapshot is written, and without."""
    scoring = _filled(run)
    rounds = 3 if run.quick else 7
    calm: list[tuple[float, float]] = []
    busy: list[tuple[float, float]] = []
    results = []
    with tempfile.TemporaryDirectory() as place:
        writer = BackgroundWriter(SnapshotFolder(Path(place), keep=1))
        for number in range(1, rounds + 1):
            run.progress(f"round {number} of {rounds}")
            before = len(busy)
            while not writer.has_room(scoring.engine.state()):
                time.sleep(0.05)
            begun, begun_cpu = time.perf_counter(), time.thread_time()
            writer.start(scoring.engine.state(), number)
            taken_cpu = time.thread_time() - begun_cpu
            busy.append(((time.perf_counter() - begun) * 1e6, taken_cpu * 1e6))
            while (result := writer.poll()) is None:
                busy.append(scoring.step_us())
            if result.error:
                raise BenchmarkError(f"snapshot_p99: {result.error}")
            results.append(result)
            calm += [scoring.step_us() for _ in range(max(200, len(busy) - before))]
    p99s = [np.percentile(took, 99, axis=0).round(1).tolist() for took in (busy, calm)]
    (p99, cpu), (other, other_cpu) = p99s
    seconds = float(np.median([result.seconds for result in results]))
    detail = {
        "bytes": results[-1].bytes,
        "seconds": round(seconds, 3),
        "mb_per_s": round(results[-1].bytes / 1e6 / seconds, 1),
        "held_up_ms": [round(result.held_up_s * 1e3, 2) for result in results],
        "steps": [len(busy), len(calm)],
        "p50_us": [np.median(took, axis=0).round(1).tolist() for took in (busy, calm)],
        "max_us": [np.max(took, axis=0).round(1).tolist() for took in (busy, calm)],
        "cpu_p99_us": [cpu, other_cpu],
        "cpu_ratio": round(cpu / other_cpu, 3),
    }
    return [Result("snapshot_p99", "us", p99, other, other / p99, detail)]


@benchmark("snapshot_write", "snapshot_restore", unit="MB/s", takes_s=60, full=True)
def snapshot_speed(run: Run) -> list[Result]:
    """Write a snapshot in the foreground, and take one up: read, check and restore."""
    scoring = _filled(run)
    engine = scoring.engine
    parameters = engine.parameters
    with tempfile.TemporaryDirectory() as place:
        folder = SnapshotFolder(Path(place), keep=1)
        rounds = range(1, 4 if run.quick else 8)
        write_s = [_seconds(partial(folder.write, engine.state(), n)) for n in rounds]
        size = folder.path(rounds[-1]).stat().st_size
        read_s, restore_s = [], []
        for _ in rounds:
            other = _engine(parameters.events_max, parameters.entities_max)
            begun = time.perf_counter()
            state = _newest(folder)
            read_s.append(time.perf_counter() - begun)
            restore_s.append(_seconds(partial(other.restore, state)))
    whole_s = float(np.median(np.add(read_s, restore_s)))
    detail = {
        "bytes": size,
        "read_s": round(float(np.median(read_s)), 3),
        "restore_s": round(float(np.median(restore_s)), 3),
    }
    wrote_s = float(np.median(write_s))
    return [
        Result("snapshot_write", "MB/s", size / 1e6 / wrote_s, detail={"seconds": wrote_s}),
        Result("snapshot_restore", "MB/s", size / 1e6 / whole_s, detail=detail),
    ]


def _newest(folder: SnapshotFolder) -> State:
    found = folder.newest()
    if found is None:
        raise BenchmarkError(f"{folder.folder} has no snapshot")
    return found.state


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
