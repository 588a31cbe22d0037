"""A worker that stood: its engine, its newest snapshot, and the page's past beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from inputs.streams import LABEL_LAYOUT, SECOND, START_US, block, label_row

from stream.app import engine_of
from stream.config.configuration import Config, load
from stream.engine.engine import Engine
from stream.page.board import Marker, Point
from stream.page.disk_history import DiskHistory
from stream.page.markers import Markers
from stream.recovery.identity import Identity
from stream.recovery.progress import Progress
from stream.recovery.setup import configuration_digest
from stream.shards.held_labels import HeldLabels
from stream.snapshots.folder import SnapshotFolder

KEY = "00112233445566778899aabbccddeeff"
WRITTEN_S = 1_790_000_000
PAYMENTS = 400
TEXT = """
[features]
names = ["amount"]
[windows]
events_max = 2000
entities_max = 500
[labels]
maturity = "10s"
waiting_max = 4096
[model]
name = "first"
frauds_min = 2
genuine_min = 10
[model.challengers.second]
kind = "additive"
frauds_min = 2
genuine_min = 10
[monitor]
window = "30s"
reference_windows = 3
warm_up = "0s"
rows_min = 10
[topics]
control = "fraud.control"
[recovery]
folder = "{folder}"
"""


class LeftBehind(NamedTuple):
    """The configuration's file and what its worker left."""

    path: Path
    config: Config
    engine: Engine


def left_behind(folder: Path) -> LeftBehind:
    """Let an engine decide and learn, and leave what a worker leaves when it stops.

    `FRAUD_SECURITY__HASH_KEY` must be `KEY` meanwhile.
    """
    path = folder / "fraudstream.toml"
    path.write_text(TEXT.format(folder=folder / "state"))
    config = load(path)
    engine = engine_of(config, bytes.fromhex(KEY))
    _work(engine)
    state = folder / "state"
    state.mkdir()
    identity = Identity(
        "0+x", configuration_digest(config, bytes.fromhex(KEY)), "payments", "labels"
    )
    snapshots = SnapshotFolder(state)
    snapshots.write(Progress(7).state(identity, engine, HeldLabels()), 4)
    os.utime(snapshots.path(4), (WRITTEN_S, WRITTEN_S))
    return LeftBehind(path, config, engine)


def past_beside(folder: Path, points: int) -> None:
    """Leave the page's ring, a point ten seconds, and a marker, as a worker does."""
    history = DiskHistory(folder / "state" / "page" / "history")
    first = WRITTEN_S - 10 * points
    for second in range(0, 10 * points + 1, 5):
        history.add(_point(1000 * (first + second), float(second)))
    history.close()
    markers = Markers(folder / "state" / "page" / "markers.json")
    markers.add(Marker(time_ms=1000 * first, event_ms=None, kind="start", text="a worker began"))


def _point(time_ms: int, pace: float) -> Point:
    return Point(
        time_ms=time_ms,
        decisions_per_s=pace,
        alerts_per_s=0.1,
        lag_records=7,
        p50_ms=1.0,
        p99_ms=2.0,
        p999_ms=3.0,
    )


def _work(engine: Engine) -> None:
    """Dear payments are fraud, and soon known to be; later ones are ten times as dear."""
    rng = np.random.default_rng(1)
    layout = engine.parameters.features.layout
    rows = [
        {
            "time_us": START_US + at * SECOND,
            "amount": int(rng.lognormal(12 if at % 5 == 0 else 8, 0.5)) * (1 + 9 * (at > 300)),
            "key": at + 1,
            "entities": [at % 7 + 1] * len(layout.entities),
            "numeric": [0.0] * len(layout.numeric),
            "categorical": [1] * len(layout.categorical),
        }
        for at in range(PAYMENTS)
    ]
    for at in range(0, PAYMENTS, 10):
        engine.step(block(layout, rows[at : at + 10]))
        labels = [
            label_row(r["key"], r["time_us"], float(r["key"] % 5 == 1))
            for r in rows[at : at + 10 : 5]
        ]
        engine.label(block(LABEL_LAYOUT, labels))
