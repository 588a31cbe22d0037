"""Compile the hot path before the first record: it must not wait for a compiler."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from models.silent import SilentLearner
from schemas.columns import Reason
from schemas.decoder import Decoder
from stream.engine import Engine, EngineParameters


def warm_up(parameters: EngineParameters, transactions: Decoder, labels: Decoder) -> float:
    """Run every kernel once on a scratch engine; return the seconds that took.

    Seconds on a machine's first start, milliseconds afterwards: compiled kernels
    are kept on disk (`schemas.jit`).
    """
    start = time.perf_counter()
    small = replace(
        parameters,
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
    return time.perf_counter() - start
