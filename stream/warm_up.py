"""Compile the hot path before the first record: it must not wait for a compiler."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from models.base import Learner
from models.cost import Cost, measured_cost
from models.silent import SilentLearner
from schemas.columns import Reason
from schemas.decoder import Decoder
from stream.engine import Engine

# Rows by which a model's cost is measured: one poll of a busy topic, one fraud in sixteen.
_ROWS = 256
_FRAUD_EVERY = 16


class WarmedUp(NamedTuple):
    """What warming up took, and what it found.

    Attributes
    ----------
    seconds : float
        Seconds on a machine's first start, milliseconds afterwards: compiled kernels
        are kept on disk (`schemas.jit`).
    cost : Cost
        What the model takes for an event of a batch of 256, as trained as it is. One that
        grows while it learns will take longer.
    """

    seconds: float
    cost: Cost


def warm_up(engine: Engine, transactions: Decoder, labels: Decoder) -> WarmedUp:
    """Run every kernel once on a scratch engine, and a copy of the model on scratch rows."""
    start = time.perf_counter()
    small = replace(
        engine.parameters,
        events_max=16,
        entities_max=16,
        capacities={},
        waiting_max=16,
        batch_rows_max=8,
    )
    scratch = Engine(small, SilentLearner())
    batch = transactions.decode([b"\0", b"\0"], 0)
    # Both are refused, which runs the decoder; taken as they are, they run the rest.
    batch.longs[:] = 1
    batch.reason[:] = Reason.OK
    scratch.step(batch)
    scratch.label(labels.decode([b"\0"], 0))
    scratch.features.mark(np.array([0]), np.array([True]))
    scratch.waiting.mature(1)
    cost = cost_of(engine.learner, len(engine.parameters.features.names))
    return WarmedUp(time.perf_counter() - start, cost)


def cost_of(learner: Learner, width: int) -> Cost:
    """Measure what an event costs a learner of `width` features, in processor time."""
    rng = np.random.default_rng(1)
    y = np.arange(_ROWS) % _FRAUD_EVERY == 0
    X = rng.normal(size=(_ROWS, width)) + y[:, np.newaxis]
    return measured_cost(learner, X, y, time.thread_time)
