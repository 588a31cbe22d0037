"""A broker, a disk, a clock and Redis in one thread, and workers between them that can be killed.

Everything that happens is drawn from one seed: what a poll finds, which acknowledgements come
when, how long a snapshot takes, and where a worker dies. What is not simulated is real: the
worker, the engine, the decoders, the recovery and its files, the transactions. What is simulated
lies in `tests/simulated`, a room each; here is what tests ask for.
"""

from __future__ import annotations

from simulated.consumer import SimReader, SimSource
from simulated.disk import SimWriter
from simulated.producer import SimSink
from simulated.setting import (
    ALERTS,
    CONTROL,
    DEAD,
    DECISIONS,
    DRIFT,
    IN,
    KEY,
    LABELS,
    REVIEWS,
    SETTINGS,
    START_MS,
    identity,
    parts,
)
from simulated.traffic import key_of, send_traffic
from simulated.worker import SimWorker, _Never
from simulated.world import Killed, World

__all__ = [
    "ALERTS",
    "CONTROL",
    "DEAD",
    "DECISIONS",
    "DRIFT",
    "IN",
    "KEY",
    "LABELS",
    "REVIEWS",
    "SETTINGS",
    "START_MS",
    "Killed",
    "SimReader",
    "SimSink",
    "SimSource",
    "SimWorker",
    "SimWriter",
    "World",
    "_Never",
    "identity",
    "key_of",
    "parts",
    "send_traffic",
]
