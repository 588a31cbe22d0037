"""Partitions of one stream, each with its own engine, that tell each other what labels teach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.one_model.stream import configured
from models.states.snapshot import pack, unpack
from stream.app import engine_of
from stream.engine.effects import Effects
from stream.evaluation import handbook
from stream.evaluation.ledger import Decisions, truths_of
from stream.files.inputs import FileBlock, open_file
from stream.offline.playback import LATEST_US, REPLAY_HASH_KEY, Playback
from stream.shared_model.messages import ModelVersion, Position, SentExamples

# Some four hours of payments: so late, at most, is what partitions tell each other. On Kafka it
# is a second.
BLOCK_ROWS = 1600


@dataclass(frozen=True)
class Way:
    """How a stream is learned.

    Attributes
    ----------
    partitions : int
    kind : str
        Of the model.
    version_interval : str or None
        Of one model for all; None: each partition learns alone.
    """

    partitions: int
    kind: str
    version_interval: str | None = None

    @property
    def name(self) -> str:
        """What it is called in results."""
        if self.partitions == 1:
            return f"{self.kind}, one partition"
        how = "one model" if self.version_interval else "each learns alone"
        return f"{self.kind}, {self.partitions} partitions, {how}"


def measure(path: Path, way: Way) -> dict[str, Any]:
    """Run a stream one way; return how good its scores were by the Handbook's protocol."""
    config = configured(way.kind, way.version_interval)
    file = open_file(path, config, REPLAY_HASH_KEY, BLOCK_ROWS)
    limits, delay_us = config.limits.limits(), config.replay.label_delay
    engines = [
        engine_of(config, REPLAY_HASH_KEY, partitions=way.partitions) for _ in range(way.partitions)
    ]
    for partition, engine in enumerate(engines):
        engine.training.serve(partition)
    plays = [Playback(engine, limits, delay_us) for engine in engines]
    found: list[tuple[NDArray[Any], ...]] = []
    examples = versions = offset = 0
    for block in file.blocks:
        offsets = np.arange(offset, offset + len(block.values))
        offset += len(offsets)
        whole = file.decoder.decode(block.values, LATEST_US, 0, offsets)
        # By the hash of the card, as a producer would.
        at = (whole.entities[0] % np.uint64(way.partitions)).astype(np.int64)
        scores = np.full(len(offsets), np.nan)
        outcomes = np.zeros(len(offsets), np.int8)
        said: list[tuple[list[SentExamples], list[ModelVersion]]] = []
        for partition, play in enumerate(plays):
            rows = np.flatnonzero(at == partition)
            effects = _play(play, file.decoder, block, rows, offsets[rows], partition)
            if effects:
                scores[rows] = np.concatenate([each.scores for each in effects])
                outcomes[rows] = np.concatenate([each.outcomes for each in effects])
            told = [each for effect in effects for each in effect.examples]
            said.append((told, [each for effect in effects for each in effect.versions]))
        examples += _learn(engines[0], said)
        versions += _adopt(engines, said[0][1])
        found.append(
            (
                whole.event_time_us.copy(),
                whole.entities[0].copy(),
                whole.amount_minor.copy(),
                scores,
                outcomes,
                truths_of(block.is_fraud),
            )
        )
    decisions = Decisions(*(np.concatenate(column) for column in zip(*found, strict=True)))
    folds = handbook.judge(decisions.judged(), path.name).mean()
    return {
        "way": way.name,
        "partitions": way.partitions,
        "kind": way.kind,
        "one_model": way.version_interval is not None,
        "unscored": int(np.isnan(decisions.score).sum()),
        "examples_told": examples,
        "versions": versions,
        **folds,
    }


def _play(
    play: Playback,
    decoder: Any,
    block: FileBlock,
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    partition: int,
) -> list[Effects]:
    """Let a partition take its payments of a block."""
    if not len(rows):
        return []
    values, readable, truths = (
        [column[row] for row in rows.tolist()]
        for column in (block.values, block.readable, block.is_fraud)
    )
    batch = decoder.decode(values, LATEST_US, 0, offsets)
    return [effects for _, _, effects in play.play(batch, readable, truths)]


def _learn(trainer: Any, said: list[tuple[list[SentExamples], list[ModelVersion]]]) -> int:
    """Let the trainer learn what all others told; return how many examples they were."""
    n = 0
    for partition, (told, _) in enumerate(said):
        for part, each in enumerate(told):
            trainer.training.learn(partition, Position(each.offset, part), each.examples)
            n += len(each.examples.is_fraud)
    return n


def _adopt(engines: list[Any], versions: list[ModelVersion]) -> int:
    """Let all others go on from the newest version; return how many there were."""
    if versions:
        state = unpack(pack(versions[-1].state))
        for engine in engines[1:]:
            if (
                engine.training.adopt(Position(versions[-1].offset, 0), 1, b"", lambda _: state)
                is False
            ):
                raise ValueError("a version was not taken")
    return len(versions)
