"""Replay a file through the very engine that runs live.

Every row becomes a framed Avro record, is decoded, scored and remembered as on
Kafka; its label, where the file knows it, comes back after the configured delay
of event time. The arrival time of a row is its event time: a file has no clock.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from schemas import containers
from schemas.columns import (
    ARRIVAL_TIME_US,
    EVENT_TIME_US,
    REASON,
    REASON_TEXT,
    Reason,
    Transactions,
)
from schemas.compiler import compile_schema
from schemas.decoder import Decoder
from schemas.errors import ConfigError
from schemas.records import RecordCodec, builtin
from schemas.roles import LABEL_ROLES
from stream.app import engine_of, publisher_of
from stream.config import Config
from stream.engine import Effects, Engine
from stream.files.inputs import FileInput, open_file
from stream.publish import Publisher
from stream.warm_up import warm_up

# A file never leaves the machine, so its key need not be secret, only fixed.
REPLAY_HASH_KEY = b"fraudstream-file"
BLOCK_ROWS = 4096
_LABEL_SCHEMA_ID = 2
# A file has no clock to hold a time against. Later than 2100 is a wrong unit, and
# would end event time for every row behind it.
_LATEST_US = 4_102_444_800_000_000
_BEGINNING_US = -(2**62)


@dataclass(frozen=True)
class ReplayOutputs:
    """What a replay writes beside its report.

    Attributes
    ----------
    alerts : Path or None
        JSON Lines of alerts.
    dead_letters : Path or None
        Avro container of `dead_letter.avsc`.
    """

    alerts: Path | None = None
    dead_letters: Path | None = None


@dataclass
class _Tally:
    rows: int = 0
    frauds: int = 0
    dead_letters: dict[str, int] = field(default_factory=dict)
    labels_refused: dict[str, int] = field(default_factory=dict)


class Replay:
    """One run over one file.

    Parameters
    ----------
    path : Path
    config : Config
    outputs : ReplayOutputs
    """

    def __init__(self, path: Path, config: Config, outputs: ReplayOutputs) -> None:
        self.config = config
        self.path = path
        self.outputs = outputs
        _check_apart(path, outputs)
        self.input: FileInput = open_file(path, config, REPLAY_HASH_KEY, BLOCK_ROWS)
        self.engine: Engine = engine_of(config)
        self._publisher: Publisher = publisher_of(config, self.engine)
        self._label_codec = RecordCodec(builtin("label"), _LABEL_SCHEMA_ID)
        self._labels = Decoder(
            LABEL_ROLES.layout,
            {_LABEL_SCHEMA_ID: compile_schema(builtin("label"), LABEL_ROLES)},
            REPLAY_HASH_KEY,
            config.limits.limits(),
        )
        self._due: deque[tuple[int, str]] = deque()
        self._latest_us = _BEGINNING_US
        self._tally = _Tally()

    def run(self, on_rows: Callable[[int], None] | None = None) -> dict[str, Any]:
        """Run to the end of the file.

        Parameters
        ----------
        on_rows : callable, optional
            Told after each block how many rows are done.

        Returns
        -------
        dict
            The report.
        """
        compile_s = warm_up(self.engine.parameters, self.input.decoder, self._labels)
        start = time.perf_counter()
        cpu = time.process_time()
        letters = self._dead_letter_rows(self._letters(on_rows))
        if self.outputs.dead_letters is not None:
            containers.write(self.outputs.dead_letters, builtin("dead_letter"), letters)
        else:
            for _ in letters:
                pass
        return self._report(time.perf_counter() - start, time.process_time() - cpu, compile_s)

    def _letters(
        self, on_rows: Callable[[int], None] | None
    ) -> Iterator[tuple[int, Reason, bytes]]:
        """Run the file; yield (row, reason, bytes) of what was refused."""
        encode = msgspec.json.Encoder().encode
        alerts = self.outputs.alerts.open("wb") if self.outputs.alerts is not None else None
        try:
            for block in self.input.blocks:
                first = self._tally.rows
                n = len(block.values)
                offsets = np.arange(first, first + n)
                batch = self.input.decoder.decode(block.values, _LATEST_US, 0, offsets)
                unreadable = ~np.array(block.readable, np.bool_)
                batch.longs[REASON, unreadable] = Reason.UNREADABLE_FIELD
                batch.longs[ARRIVAL_TIME_US] = batch.event_time_us
                reasons = []
                for effects, part in self._steps(batch, block.is_fraud):
                    reasons.append(effects.reasons)
                    if alerts is not None:
                        for alert in self._publisher.alerts(part, effects):
                            alerts.write(encode(alert) + b"\n")
                for row, reason in enumerate(np.concatenate(reasons).tolist()):
                    if reason != Reason.OK:
                        yield first + row, Reason(reason), block.values[row]
                self._tally.rows += n
                self._tally.frauds += sum(block.is_fraud)
                if on_rows is not None:
                    on_rows(self._tally.rows)
        finally:
            if alerts is not None:
                alerts.close()

    def _steps(
        self, batch: Transactions, is_fraud: list[bool]
    ) -> Iterator[tuple[Effects, Transactions]]:
        """Step the engine, handing it each label as soon as event time has come to it.

        Labels enter only where event time passes a learning barrier, so the size of
        a block changes nothing.
        """
        interval = self.config.labels.learn_interval
        good = batch.reason == Reason.OK
        times = np.where(good, batch.event_time_us, _BEGINNING_US)
        # Event time and barriers go on from the block before: see the law above.
        latest = np.maximum.accumulate(np.concatenate([[self._latest_us], times]))
        self._latest_us = int(latest[-1])
        barriers = latest // interval
        passed = barriers[1:] != barriers[:-1]
        edges = sorted({0, *np.flatnonzero(passed).tolist(), len(batch)})
        for start, stop in pairwise(edges):
            if passed[start]:
                self._give_labels(int(barriers[start + 1]) * interval)
            part = Transactions(batch.layout, batch.longs[:, start:stop], batch.data)
            yield self.engine.step(part), part
            delay = self.config.replay.label_delay
            for row in np.flatnonzero(np.array(is_fraud[start:stop]) & good[start:stop]).tolist():
                due = int(part.longs[EVENT_TIME_US, row]) + delay
                self._due.append((due, part.transaction_id(row)))

    def _give_labels(self, now_us: int) -> None:
        values = []
        while self._due and self._due[0][0] <= now_us:
            due, transaction_id = self._due.popleft()
            label = {
                "transaction_id": transaction_id,
                "is_fraud": True,
                "source": "CHARGEBACK",
                "label_time": due,
                "confidence": 1.0,
            }
            values.append(self._label_codec.encode_checked(label))
        if values:
            reasons = self.engine.label(self._labels.decode(values, -_BEGINNING_US))
            for reason in reasons[reasons != Reason.OK].tolist():
                _count(self._tally.labels_refused, Reason(reason))

    def _dead_letter_rows(
        self, letters: Iterator[tuple[int, Reason, bytes]]
    ) -> Iterator[dict[str, Any]]:
        for row, reason, value in letters:
            _count(self._tally.dead_letters, reason)
            yield {
                "reason": reason.name.lower(),
                "message": REASON_TEXT[reason],
                "stage": reason.stage,
                "attempt": 1,
                "topic": self.path.name,
                "partition": 0,
                "offset": row,
                "value": value,
            }

    def _report(self, seconds: float, cpu_s: float, compile_s: float) -> dict[str, Any]:
        counters = self.engine.counters
        return {
            "file": self.path.name,
            "events": self._tally.rows,
            "frauds": self._tally.frauds,
            "decisions": counters.decisions,
            "alerts": counters.alerts,
            "labels_learned": counters.labels_learned,
            "labels_refused": sum(self._tally.labels_refused.values()),
            "labels_refused_by_reason": self._tally.labels_refused,
            "labels_not_yet_due": len(self._due),
            "matured_as_genuine": counters.matured,
            "still_waiting": self.engine.waiting.waiting,
            "dead_letters": sum(self._tally.dead_letters.values()),
            "dead_letters_by_reason": self._tally.dead_letters,
            "late": counters.late,
            "too_late": counters.too_late,
            "duplicates": counters.duplicates,
            "evicted_live": self.engine.windows.evicted_live,
            "unlearned_lost": self.engine.waiting.lost,
            "prequential": self.engine.prequential.as_dict(),
            "seconds": round(seconds, 2),
            "cpu_s": round(cpu_s, 2),
            "compile_s": round(compile_s, 2),
            "events_per_s": round(self._tally.rows / seconds, 1) if seconds else 0.0,
        }


def _check_apart(path: Path, outputs: ReplayOutputs) -> None:
    """Refuse to write over the file that is read, or one output over the other."""
    taken = {path.resolve(): str(path)}
    for option, output in (("--alerts", outputs.alerts), ("--dead-letters", outputs.dead_letters)):
        if output is None:
            continue
        if output.resolve() in taken:
            raise ConfigError(
                f"{option}: {output} is {taken[output.resolve()]} as well: name another file"
            )
        taken[output.resolve()] = option


def _count(by_reason: dict[str, int], reason: Reason) -> None:
    name = reason.name.lower()
    by_reason[name] = by_reason.get(name, 0) + 1
