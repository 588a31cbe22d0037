"""The loop of one worker: poll, decode, step, publish, commit.

Order of truth, for each poll:

1. decode the transactions and the labels;
2. step the engine;
3. publish alerts, decisions and dead letters;
4. once the brokers have acknowledged all of a step's records, its input offsets
   may be committed, and are, at the commit interval.

A crash anywhere repeats work and loses none of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from schemas.decoder import Decoder
from stream.config import Config
from stream.engine import Engine
from stream.kafka.sink import Offsets, OutRecord, Sink
from stream.kafka.source import RawBatch, Source, headers_of
from stream.publish import Codecs, Publisher, dead_letter

POLL_S = 0.1


class Stop(Protocol):
    """Something that says when to stop, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Tell whether to stop."""
        ...


@dataclass
class WorkerStats:
    """What the shell did; the engine counts the rest."""

    polls: int = 0
    records: int = 0
    dead_letters: int = 0
    dead_letters_by_reason: dict[str, int] = field(default_factory=dict)
    pauses: int = 0


class Worker:
    """One consumer, one engine, one producer.

    Parameters
    ----------
    config : Config
    engine : Engine
    transactions, labels : Decoder
    source : Source
    sink : Sink
    publisher : Publisher
    codecs : Codecs
    """

    def __init__(
        self,
        config: Config,
        engine: Engine,
        transactions: Decoder,
        labels: Decoder,
        source: Source,
        sink: Sink,
        publisher: Publisher,
        codecs: Codecs,
    ) -> None:
        self.config = config
        self.engine = engine
        self.source = source
        self.sink = sink
        self.stats = WorkerStats()
        self._transactions = transactions
        self._labels = labels
        self._publisher = publisher
        self._codecs = codecs
        self.unacknowledged = 0
        self._safe: Offsets = {}
        self._next_commit_s = 0.0

    def run(self, stop: Stop, on_poll: Callable[[], None] | None = None) -> None:
        """Work until told to stop, then finish what was taken.

        Parameters
        ----------
        stop : Stop
        on_poll : callable, optional
            Called after every poll, for progress.

        Raises
        ------
        BrokerError, DeliveryError
            If input cannot be read or output cannot be delivered; nothing that was
            not acknowledged has been committed.
        """
        while not stop.is_set():
            self.turn(POLL_S)
            if on_poll is not None:
                on_poll()
        self.finish(self.config.worker.shutdown_deadline / 1e6 / 2)

    def turn(self, timeout_s: float) -> int:
        """Poll once and do all that follows; return how many records were taken."""
        batches = self.source.poll(self.config.worker.batch_rows_max, timeout_s)
        for raw in batches:
            records = (
                self._take_transactions(raw)
                if raw.topic == self.config.topics.transactions
                else self._take_labels(raw)
            )
            self.sink.publish(records, raw.next_offsets())
        self.sink.poll(0)
        if self.sink.congested:
            self._wait_for_relief()
        self._commit(force=False)
        taken = sum(len(raw) for raw in batches)
        self.stats.polls += 1
        self.stats.records += taken
        return taken

    def finish(self, timeout_s: float) -> None:
        """Flush, commit what was acknowledged, and wait for the answer, within a bound."""
        deadline = time.monotonic() + timeout_s
        self.unacknowledged = self.sink.flush(timeout_s / 2)
        self._commit(force=True)
        self.source.pause()
        while self.source.commits_pending and time.monotonic() < deadline:
            self.source.poll(1, 0.05)

    def close(self) -> None:
        """Close both clients."""
        self.sink.close()
        self.source.close()

    def _take_transactions(self, raw: RawBatch) -> Iterator[OutRecord]:
        """Decide a batch; yield its records, which are encoded as they are produced."""
        batch = self._transactions.decode(
            raw.values, raw.arrival_time_us, raw.partition, raw.offset
        )
        effects = self.engine.step(batch)
        topics = self.config.topics
        for alert, evidence in zip(
            self._publisher.alerts(batch, effects), effects.alerts, strict=True
        ):
            key = self._publisher.key(batch, evidence.row)
            headers = self._publisher.cloud_event(alert, key)
            yield OutRecord(topics.alerts, key, self._codecs.alert.encode(alert), headers)
        if topics.decisions:
            rows = np.flatnonzero(batch.reason == Reason.OK).tolist()
            decisions = self._publisher.decisions(batch, effects)
            for row, decision in zip(rows, decisions, strict=True):
                key = self._publisher.key(batch, row)
                yield OutRecord(
                    topics.decisions, key, self._codecs.decision.encode_checked(decision)
                )
        yield from self._dead_letters(raw, effects.reasons)

    def _take_labels(self, raw: RawBatch) -> Iterator[OutRecord]:
        batch: Transactions = self._labels.decode(
            raw.values, raw.arrival_time_us, raw.partition, raw.offset
        )
        yield from self._dead_letters(raw, self.engine.label(batch))

    def _dead_letters(self, raw: RawBatch, reasons: NDArray[np.int64]) -> Iterator[OutRecord]:
        for row in np.flatnonzero(reasons != Reason.OK).tolist():
            reason = Reason(int(reasons[row]))
            message = raw.messages[row]
            self.stats.dead_letters += 1
            by_reason = self.stats.dead_letters_by_reason
            by_reason[reason.name.lower()] = by_reason.get(reason.name.lower(), 0) + 1
            place = (raw.topic, int(raw.partition[row]), int(raw.offset[row]))
            letter = dead_letter(reason, place, message.key(), message.value(), headers_of(message))
            topic = self.config.topics.dead_letters
            yield OutRecord(topic, letter.key, letter.value, letter.headers)

    def _wait_for_relief(self) -> None:
        """Take no input until the brokers have caught up; stay in the group meanwhile."""
        self.stats.pauses += 1
        self.source.pause()
        while not self.sink.relieved:
            self.sink.poll(0.1)
            self.source.poll(1, 0)
        self.source.resume()

    def _commit(self, force: bool) -> None:
        self._safe.update(self.sink.safe_offsets())
        now = time.monotonic()
        if force or now >= self._next_commit_s:
            self.source.commit(self._safe)
            self._safe = {}
            self._next_commit_s = now + self.config.worker.commit_interval / 1e6
