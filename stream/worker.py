"""The loop of one worker: poll, decode, step, publish, commit.

Order of truth, for each poll:

1. note in the journal which records were taken, if there is one;
2. decode the transactions and the labels;
3. step the engine;
4. publish alerts, decisions and dead letters;
5. once the brokers have acknowledged all of a step's records, its input offsets
   may be committed, and are, at the commit interval.

A crash anywhere repeats work and loses none of it. With a `Recovery` the state is
what it was, and no alert comes twice; without one it begins empty, and labels that are
held until their payment comes are lost: their offsets are committed.
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
from schemas.siphash import hash_texts
from stream.config import Config
from stream.engine import Effects, Engine
from stream.held_labels import HeldLabel, HeldLabels
from stream.kafka.sink import Offsets, OutRecord, Sink
from stream.kafka.source import RawBatch, Source, headers_of
from stream.labels.fates import Departed, Review
from stream.publish import Codecs, Publisher, dead_letter, label_review
from stream.recovery.journal import Header
from stream.recovery.published import Published
from stream.recovery.recovery import Recovery

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
    label_reviews: dict[str, int] = field(default_factory=dict)
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
    recovery : Recovery, optional
        Without one nothing outlives the worker.
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
        recovery: Recovery | None = None,
    ) -> None:
        self.config = config
        self.recovery = recovery
        self.engine = engine
        self.source = source
        self.sink = sink
        self.stats = WorkerStats()
        self._transactions = transactions
        self._labels = labels
        self._publisher = publisher
        self._codecs = codecs
        self._held = HeldLabels()
        # What leads to them came earlier: only in a replay are they out with the step's own rows.
        self._replays = False
        self._published = Published() if recovery is None else recovery.published
        self.unacknowledged = 0
        self._safe: Offsets = {}
        self._next_commit_s = 0.0

    def run(self, stop: Stop, on_poll: Callable[[], None] | None = None) -> None:
        """Work until told to stop, then finish what was taken; first comes `recover`.

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
        RecoveryError
            If the journal cannot be written.
        """
        while not stop.is_set():
            self.turn(POLL_S)
            if on_poll is not None:
                on_poll()
        self.finish(self.config.worker.shutdown_deadline / 1e6 / 2)

    def recover(self, stop: Stop) -> None:
        """Become what the last worker was, and publish what it could not; before `run`.

        Told to stop, it leaves everything as it found it.

        Raises
        ------
        RecoveryError, SnapshotError, StorageError, BrokerError
            If what the last worker left cannot be taken up.
        """
        if self.recovery is None:
            return
        decoders = self._transactions, self._labels
        of: Header | None = None
        self._replays = True
        for header, raw in self.recovery.resume(self.engine, self._held, self._settle):
            if header is not of:
                # Records that were refused for their schema are refused again.
                self._transactions = decoders[0].only(header.transaction_schemas)
                self._labels = decoders[1].only(header.label_schemas)
                of = header
            self._step(raw)
            while not self.sink.relieved:
                self.sink.poll(0.1)
            if stop.is_set():
                break
        self._transactions, self._labels = decoders
        self._replays = False

    def turn(self, timeout_s: float) -> int:
        """Poll once and do all that follows; return how many records were taken."""
        batches = self.source.poll(self.config.worker.batch_rows_max, timeout_s)
        taken = 0
        for polled in batches:
            raw = polled if self.recovery is None else self.recovery.take(polled)
            if len(raw):
                self._step(raw)
                taken += len(raw)
        self.sink.poll(0)
        if self.sink.congested:
            self._wait_for_relief()
        if self.recovery is not None:
            self.recovery.tend()
        self._commit(force=False)
        self.stats.polls += 1
        self.stats.records += taken
        return taken

    def finish(self, timeout_s: float) -> None:
        """Flush, commit what was acknowledged, and wait for the answer, within a bound."""
        deadline = time.monotonic() + timeout_s
        if self.recovery is None:
            # What the engine holds ends with it.
            letters = [
                self._held_letter(Reason.LABEL_UNKNOWN_TRANSACTION, place, held)
                for place, held in self._held.release_all()
            ]
            self.sink.publish(letters, {})
        self.unacknowledged = self.sink.flush(timeout_s / 2)
        self._commit(force=True)
        if self.recovery is not None:
            self.recovery.finish(timeout_s / 4)
        self.source.pause()
        while self.source.commits_pending and time.monotonic() < deadline:
            self.source.poll(1, 0.05)

    def close(self) -> None:
        """Close both clients, and only then let another worker have the journal."""
        if self.recovery is not None:
            self.recovery.stop()
        self.sink.close()
        self.source.close()
        if self.recovery is not None:
            self.recovery.close()

    def _settle(self, timeout_s: float) -> bool:
        """Wait until all that was published is acknowledged; tell whether it is."""
        return self.sink.flush(timeout_s) == 0

    def _step(self, raw: RawBatch) -> None:
        """Let the engine take a batch, and publish what it says and nobody has seen."""
        records = (
            self._take_transactions(raw)
            if raw.topic == self.config.topics.transactions
            else self._take_labels(raw)
        )
        self.sink.publish(records, self._published.commit(raw.next_offsets()))

    def _take_transactions(self, raw: RawBatch) -> Iterator[OutRecord]:
        """Decide a batch; yield its records, which are encoded as they are produced."""
        batch = self._transactions.decode(
            raw.values, raw.arrival_time_us, raw.partition, raw.offset
        )
        effects = self.engine.step(batch)
        missing = self._published.missing(raw.topic, raw.partition, raw.offset)
        out = self._replays and not missing.any()
        yield from [] if out else self._decided(batch, effects, missing)
        yield from self._dead_letters(raw, effects.reasons, missing)
        yield from self._label_reviews(effects.label_reviews, out)
        yield from self._departed_labels(effects.departed_labels, out)

    def _decided(
        self, batch: Transactions, effects: Effects, missing: NDArray[np.bool_]
    ) -> Iterator[OutRecord]:
        """Yield the alerts and decisions of the rows whose output is missing."""
        topics = self.config.topics
        for alert, evidence in zip(
            self._publisher.alerts(batch, effects), effects.alerts, strict=True
        ):
            if not missing[evidence.row] or self._published.is_out(alert["alert_id"]):
                continue
            key = self._publisher.key(batch, evidence.row)
            headers = self._publisher.cloud_event(alert, key)
            yield OutRecord(topics.alerts, key, self._codecs.alert.encode(alert), headers)
        if topics.decisions:
            rows = np.flatnonzero(batch.reason == Reason.OK).tolist()
            decisions = self._publisher.decisions(batch, effects)
            for row, decision in zip(rows, decisions, strict=True):
                if missing[row]:
                    key = self._publisher.key(batch, row)
                    value = self._codecs.decision.encode_checked(decision)
                    yield OutRecord(topics.decisions, key, value)

    def _take_labels(self, raw: RawBatch) -> Iterator[OutRecord]:
        batch: Transactions = self._labels.decode(
            raw.values, raw.arrival_time_us, raw.partition, raw.offset
        )
        effects = self.engine.label(batch)
        for row in np.flatnonzero(effects.held).tolist():
            message = raw.messages[row]
            place = int(raw.partition[row]), int(raw.offset[row])
            name, headers = batch.transaction_id(row), headers_of(message)
            self._held.hold(place, name, message.key(), message.value(), headers)
        missing = self._published.missing(raw.topic, raw.partition, raw.offset)
        yield from self._dead_letters(raw, effects.reasons, missing)
        out = self._replays and not missing.any()
        yield from self._label_reviews(effects.reviews, out, batch)
        yield from self._departed_labels(effects.departed, out)

    def _label_reviews(
        self, reviews: list[Review], out: bool, batch: Transactions | None = None
    ) -> Iterator[OutRecord]:
        """Yield a record for each label to look at: of a batch, or one that was held."""
        topics, codec = self.config.topics, self._codecs.label_review
        for review in [] if out else reviews:
            _count(self.stats.label_reviews, review.why.name)
            if codec is None:
                continue
            if batch is not None and review.row >= 0:
                transaction_id = batch.transaction_id(review.row)
            else:
                held = self._held.look((review.partition, review.offset))
                transaction_id = "" if held is None else held.transaction_id
            (key,) = hash_texts([transaction_id], self.engine.parameters.hash_key)
            record = label_review(review, transaction_id, topics.labels)
            value = codec.encode_checked(record)
            yield OutRecord(topics.label_reviews, b"%016x" % int(key), value)

    def _departed_labels(self, departed: list[Departed], out: bool) -> Iterator[OutRecord]:
        """Forget labels that were joined; yield those that were not as dead letters."""
        for partition, offset, reason in departed:
            held = self._held.release((partition, offset))
            if held is not None and reason is not Reason.OK and not out:
                yield self._held_letter(reason, (partition, offset), held)

    def _held_letter(self, reason: Reason, place: tuple[int, int], held: HeldLabel) -> OutRecord:
        origin = self.config.topics.labels, *place
        return self._dead_letter(reason, origin, held.key, held.value, list(held.headers))

    def _dead_letters(
        self, raw: RawBatch, reasons: NDArray[np.int64], missing: NDArray[np.bool_]
    ) -> Iterator[OutRecord]:
        for row in np.flatnonzero((reasons != Reason.OK) & missing).tolist():
            message = raw.messages[row]
            origin = (raw.topic, int(raw.partition[row]), int(raw.offset[row]))
            headers = headers_of(message)
            yield self._dead_letter(
                Reason(int(reasons[row])), origin, message.key(), message.value(), headers
            )

    def _dead_letter(
        self,
        reason: Reason,
        origin: tuple[str, int, int],
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
    ) -> OutRecord:
        self.stats.dead_letters += 1
        _count(self.stats.dead_letters_by_reason, reason.name)
        letter = dead_letter(reason, origin, key, value, headers)
        topic = self.config.topics.dead_letters
        return OutRecord(topic, letter.key, letter.value, letter.headers)

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


def _count(counts: dict[str, int], name: str) -> None:
    counts[name.lower()] = counts.get(name.lower(), 0) + 1
