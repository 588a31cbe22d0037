"""A stream through the engine: its features, its scores, and what the engine said of drift."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.plan import DAY_US, REFERENCE_FROM, Task
from stream.config.configuration import Config, load
from stream.engine.parameters import Keep
from stream.monitor.events import DriftEvent
from stream.offline.playback import LATEST_US
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import generate, write_parquet
from stream.simulate.handbook_drift import with_drift

CONFIG = Path(__file__).parents[2] / "examples" / "handbook.toml"


class Alarm(NamedTuple):
    """Somebody said that something has drifted.

    Attributes
    ----------
    day : float
        When it was said, days from the stream's first.
    subject : str
        A feature, ``score``, ``error``, or ``all`` of a verdict about all of them.
    """

    day: float
    subject: str


@dataclass(frozen=True)
class Watched:
    """A stream as the engine saw it.

    Attributes
    ----------
    names : tuple of str
        The features.
    days : ndarray of float64, shape (n,)
        Event time of the payments.
    features : ndarray of float64, shape (n, n_features)
    scores : ndarray of float64, shape (n,)
        NaN where there was none.
    is_fraud : ndarray of bool, shape (n,)
    by_psi, by_adwin : list of Alarm
        Drifts that began, by the engine.
    """

    names: tuple[str, ...]
    days: NDArray[np.float64]
    features: NDArray[np.float64]
    scores: NDArray[np.float64]
    is_fraud: NDArray[np.bool_]
    by_psi: list[Alarm]
    by_adwin: list[Alarm]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of `values`."""
        return (*self.names, "score")

    @property
    def values(self) -> NDArray[np.float64]:
        """Features and scores, shape (n, n_features + 1)."""
        return np.column_stack([self.features, self.scores])


def configured() -> Config:
    """Return what the engine is told: all by default, but for when the reference begins."""
    return load(CONFIG, monitor={"warm_up": f"{REFERENCE_FROM}d"})


def watch(task: Task) -> Watched:
    """Make a stream and run it through the engine."""
    stream = generate(task.world)
    if task.drift is not None:
        stream = with_drift(stream, task.world, task.drift, task.seed)
    features, scores = [], []
    by: dict[str, list[Alarm]] = {"PSI": [], "ADWIN": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream.parquet"
        write_parquet(stream, path)
        replay = Replay(path, configured(), ReplayOutputs())
        engine = replay.engine
        engine.keep = Keep.VALUES
        offset = 0
        for block in replay.input.blocks:
            rows = np.arange(offset, offset + len(block.values))
            batch = replay.input.decoder.decode(block.values, LATEST_US, 0, rows)
            offset += len(rows)
            for _, _, effects in replay.playback.play(batch, block.readable, block.is_fraud):
                features.append(effects.readings.matrix)
                scores.append(effects.scores)
                for event in effects.drifts:
                    if event.drifted:
                        by[event.detector.name].append(_alarm(event, stream.start_us))
    return Watched(
        tuple(engine.parameters.features.names),
        (stream.event_time_us - stream.start_us) / DAY_US,
        np.concatenate(features),
        np.concatenate(scores),
        stream.is_fraud,
        by["PSI"],
        by["ADWIN"],
    )


def _alarm(event: DriftEvent, start_us: int) -> Alarm:
    return Alarm((event.detected_us - start_us) / DAY_US, event.subject)
