"""Labels: what one costs, and whether a flood of them slows the scoring of payments."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Result, Run, benchmark
from models.compiler import compile as compile_model
from models.river.adapter import logistic_pipeline
from schemas.columns import (
    AMOUNT_MINOR,
    ARRIVAL_TIME_US,
    EVENT_TIME_US,
    OFFSET,
    PARTITION,
    REASON,
    TRANSACTION_KEY,
    Layout,
    Transactions,
)
from schemas.roles import LABEL_ROLES
from stream.engine.engine import Engine
from stream.engine.parameters import EngineParameters
from stream.features.declare import declare, default_names
from stream.features.feature_set import FeatureSet
from stream.features.grammar import Inputs
from stream.labels.parameters import LabelParameters

_LAYOUT = Layout(("card", "merchant"))
_START_US = 1_780_000_000_000_000
_NO_DATA = np.zeros(0, np.uint8)
# A thousand payments a second in polls of a hundred: ten polls from barrier to barrier.
_POLL_ROWS = 100
_POLL_US = 100_000
# One payment in two hundred is labelled; in a flood a hundred times as many labels come.
_LABELS_A_POLL = _POLL_ROWS * 100 // 200


@dataclass(frozen=True)
class World:
    """Payments, and labels of those before; all made before anything is measured."""

    payments: list[Transactions]
    labels: list[Transactions]


def _engine() -> Engine:
    inputs = Inputs(_LAYOUT.entities)
    features = FeatureSet(
        declare((*default_names(inputs), "merchant.frauds_7d"), inputs), _LAYOUT, inputs
    )
    # Short, so that payments mature in both engines as they do in one that has run for long.
    of_labels = LabelParameters(maturity_us=10_000_000)
    parameters = EngineParameters(features, waiting_max=100_000, labels=of_labels)
    learner = compile_model(logistic_pipeline(), features.names, frauds_min=20, genuine_min=20)
    return Engine(parameters, learner)


def _block(layout: Layout, keys: NDArray[np.uint64], times_us: NDArray[np.int64]) -> Transactions:
    longs = np.zeros((layout.width, len(keys)), np.int64)
    longs[EVENT_TIME_US] = longs[ARRIVAL_TIME_US] = times_us
    longs[TRANSACTION_KEY] = keys.view(np.int64)
    longs[REASON] = longs[PARTITION] = 0
    longs[OFFSET] = np.arange(len(keys))
    return Transactions(layout, longs, _NO_DATA)


def _world(rng: np.random.Generator, polls: int) -> World:
    keys = rng.integers(1, 2**63, polls * _POLL_ROWS).astype(np.uint64)
    payments, labels = [], []
    for poll in range(polls):
        first = poll * _POLL_ROWS
        times_us = _START_US + poll * _POLL_US + np.arange(_POLL_ROWS) * (_POLL_US // _POLL_ROWS)
        batch = _block(_LAYOUT, keys[first : first + _POLL_ROWS], times_us)
        batch.longs[AMOUNT_MINOR] = rng.lognormal(8, 1, _POLL_ROWS).astype(np.int64)
        batch.entities[:] = rng.integers(1, [[20_000], [2_000]], (2, _POLL_ROWS)).astype(np.uint64)
        payments.append(batch)
        # Of payments of the last seconds: many are labelled again, one in ten was never scored.
        about = keys[rng.integers(max(0, first - 3_000), first + 1, _LABELS_A_POLL)]
        about[: _LABELS_A_POLL // 10] = rng.integers(1, 2**63, _LABELS_A_POLL // 10)
        said = _block(LABEL_ROLES.layout, about, np.full(_LABELS_A_POLL, times_us[-1]))
        said.numeric[0] = rng.random(_LABELS_A_POLL) < 0.3
        said.numeric[1] = 1.0
        labels.append(said)
    return World(payments, labels)


@benchmark("label_flood_p99", unit="us", takes_s=60, full=True)
def label_flood(run: Run) -> list[Result]:
    """The 99th percentile of scoring 100 payments, with 100 times the labels and with none."""
    world = _world(run.rng, 400 if run.quick else 4_000)
    calm, flooded = _engine(), _engine()
    run.progress("both engines take turns")
    warm = len(world.payments) // 4
    # Calm scoring, flooded scoring, the flooded engine's labels.
    took = np.zeros((3, len(world.payments)))
    for poll, (payments, labels) in enumerate(zip(world.payments, world.labels, strict=True)):
        # Whoever is first finds the caches cold.
        order = (0, 1) if poll % 2 else (1, 0)
        for who in order:
            begun = time.thread_time()
            (calm, flooded)[who].step(payments)
            took[who, poll] = time.thread_time() - begun
        begun = time.thread_time()
        flooded.label(labels)
        took[2, poll] = time.thread_time() - begun
        if poll < warm:
            calm.label(labels)  # Its model is as warm, and scores as well.
    took = took[:, 2 * warm :] * 1e6
    p99 = np.percentile(took, 99, axis=1)
    turns = float(np.percentile(took[1] + took[2], 99))
    counters = flooded.counters
    detail = {
        "p50_us": np.percentile(took, 50, axis=1).round(1).tolist(),
        "p99_us": p99.round(1).tolist(),
        "turn_p99_us": round(turns, 1),
        "turn_ratio": round(turns / p99[0], 3),
        "label_us": round(float(np.median(took[2])) / _LABELS_A_POLL, 3),
        "labels": counters.labels,
        "labels_learned": counters.labels_learned,
        "labels_corrected": counters.labels_corrected,
        "labels_repeated": counters.labels_repeated,
        "labels_refused": counters.labels_refused,
    }
    ratio = float(p99[0] / p99[1])
    return [Result("label_flood_p99", "us", float(p99[1]), float(p99[0]), ratio, detail=detail)]
