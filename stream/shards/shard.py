"""One state, what leads to it and what comes of it: batches in, records to publish out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from schemas.decoder import Decoder
from schemas.records import RecordCodec
from schemas.siphash import hash_texts
from stream.champion.cost_watch import CostWatch
from stream.config.configuration import Config
from stream.engine.control import ControlEffects
from stream.engine.effects import Effects
from stream.engine.engine import Engine
from stream.exchange.partition_exchange import HeardCounts, exchange_of, hear
from stream.kafka.merge_by_time import by_time
from stream.kafka.sink import Offsets, OutRecord
from stream.kafka.source import RawBatch, headers_of
from stream.labels.fates import Departed, LabelEffects, Review
from stream.monitor.events import DriftEvent
from stream.partition import Partition
from stream.records.alerts import AlertWriter
from stream.records.decisions import DecisionWriter
from stream.records.publish import (
    Codecs,
    Publisher,
    dead_letter,
    disable_order,
    drift_record,
    label_review,
)
from stream.recovery.journal import Header
from stream.recovery.outcome import outcome_of
from stream.recovery.published import Published
from stream.recovery.recovery import Recovery
from stream.shards.held_labels import HeldLabel, HeldLabels
from stream.short_arrays import marked
from stream.store.online import OnlineFeatures
from stream.telemetry.tally import Tally

# As a number: CPython 3.11 looks a member up by a function of its metaclass each time.
_OK = int(Reason.OK)


@dataclass
class ShardStats:
    """What was published beside alerts and decisions; the engine counts the rest."""

    dead_letters: int = 0
    dead_letters_by_reason: dict[str, int] = field(default_factory=dict)
    label_reviews: dict[str, int] = field(default_factory=dict)
    drifts: int = 0
    heard: HeardCounts = field(default_factory=HeardCounts)


# More of them in a second nobody reads.
_LATEST = 50


@dataclass(frozen=True)
class Step:
    """What a batch leads to.

    Attributes
    ----------
    records : iterator of OutRecord
        To be published; the engine works as they are asked for.
    offsets : dict
        (topic, partition) to the next offset, safe to commit once they are acknowledged.
    taken : int
        Records that the batch had.
    """

    records: Iterator[OutRecord]
    offsets: Offsets
    taken: int


class Shard:
    """An engine with its decoders, its publisher and what it leaves to its successor.

    Parameters
    ----------
    config : Config
    engine : Engine
    transactions, labels : Decoder
    publisher : Publisher
    codecs : Codecs
    recovery : Recovery, optional
        Without one nothing outlives the shard.
    control : Decoder, optional
        Of orders, where they are taken.
    partition : int, optional
        The one whose records it takes; None: those of all.
    online : OnlineFeatures, optional
        Shows others what the features of entities are; its engine keeps their values then.
    tally : Tally, optional
        Counts what is taken and decided; not what is only replayed.

    Attributes
    ----------
    latest_alerts, latest_drifts : deque
        What was published lately, as bytes and as events, the newest last; whoever shows them
        takes them out.
    restored : Counters
        What the engine had counted when it went on from what another had left.
    """

    def __init__(
        self,
        config: Config,
        engine: Engine,
        transactions: Decoder,
        labels: Decoder,
        publisher: Publisher,
        codecs: Codecs,
        recovery: Recovery | None = None,
        partition: int | None = None,
        control: Decoder | None = None,
        online: OnlineFeatures | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.config = config
        self.partition = partition
        self.engine = engine
        self.recovery = recovery
        self.stats = ShardStats()
        self.latest_alerts: deque[bytes] = deque(maxlen=_LATEST)
        self.latest_drifts: deque[DriftEvent] = deque(maxlen=_LATEST)
        self.held = HeldLabels()
        self._transactions = transactions
        self._labels = labels
        self._control = control
        self._publisher = publisher
        self._codecs = codecs
        self._online = online
        self._tally = tally
        self.restored = replace(engine.counters)
        version = publisher.policy_version
        self._decisions = DecisionWriter(codecs.decision.schema_id, version)
        self._alerts = AlertWriter(
            codecs.alert.schema_id,
            version,
            publisher.topic,
            engine.parameters.features.names,
            engine.parameters.features.layout.entities,
            publisher.wording,
        )
        models = config.model.challengers.items()
        self._costs = CostWatch({name: section.cost_max_us for name, section in models})
        self._fenced_by_offsets = config.worker.guarantee == "exactly_once"
        # What leads to them came earlier: only in a replay are they out with the step's own rows.
        self._replays = False
        self._published = Published() if recovery is None else recovery.published
        # Where partitions began; without a recovery nobody else remembers.
        self._begun: set[Partition] = set()
        if partition is not None:
            engine.training.serve(partition)
        self._exchange = exchange_of(config, engine.parameters, codecs, partition)
        self._heard_to: dict[Partition, int] = {}

    def resume(self, settle: Callable[[float], bool]) -> Iterator[Step]:
        """Become what the last one was; yield what it could not publish, step by step.

        Parameters
        ----------
        settle : callable
            Waits so many seconds until everything published is acknowledged, and tells
            whether it is.

        Raises
        ------
        RecoveryError, SnapshotError, StorageError, BrokerError
            If what the last one left cannot be taken up.
        """
        if self.recovery is None:
            return
        decoders = self._transactions, self._labels, self._control
        of: Header | None = None
        self._replays = True
        try:
            for header, raw in self.recovery.resume(self.engine, self.held, settle):
                if header is not of:
                    # Records that were refused for their schema are refused again.
                    self._transactions = decoders[0].only(header.transaction_schemas)
                    self._labels = decoders[1].only(header.label_schemas)
                    if decoders[2] is not None and header.control:
                        self._control = decoders[2].only(header.control_schemas)
                    of = header
                yield self._step(raw)
        finally:
            self._transactions, self._labels, self._control = decoders
            self._replays = False
            self.restored = replace(self.engine.counters)

    def assigned(self, committed: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return where to go on in its partitions, of which the group's next offsets are given.

        Orders are read from the first one on by a state that has read none: rules and lists are
        what they were ordered to be, whenever that was.

        Raises
        ------
        RecoveryError
            If the journal cannot be written.
        """
        if self.recovery is not None:
            return self.recovery.assigned(committed)
        orders, begun = self.config.topics.control, self._begun
        starts = {
            place: -1 if place[0] == orders and place not in begun else at
            for place, at in committed.items()
        }
        begun.update(committed)
        return {**starts, **{place: at for place, at in self._heard_to.items() if place in starts}}

    def take(self, raw: RawBatch) -> Step | None:
        """Note a batch in the journal and return its step; None if all of it was taken before."""
        if self.recovery is not None:
            raw = self.recovery.take(raw)
        return self._step(raw) if len(raw) else None

    def worked(self, seconds: float) -> None:
        """Note how long a step took."""
        if self.recovery is not None:
            self.recovery.worked(seconds)

    @property
    def alert_codec(self) -> RecordCodec:
        """What reads `latest_alerts`."""
        return self._codecs.alert

    @property
    def schemas_seen(self) -> tuple[int, ...]:
        """Writer schemas of the payments that came, by id."""
        return self._transactions.seen

    @property
    def policy_version(self) -> str:
        """What decisions say that they were made under."""
        return self._publisher.policy_version

    @property
    def crowd(self) -> float:
        """Share of the room for labels before their payment that is taken."""
        return len(self.engine.book.early) / max(self.engine.parameters.labels.early_max, 1)

    def leave(self) -> None:
        """Show nothing more of a partition that goes: whoever gets it does."""
        if self._online is not None and self.partition is not None:
            self._online.leave(self.partition)

    def give_up_held(self) -> Step:
        """Return the dead letters of labels that are held; what the engine holds ends with it."""
        letters = [
            self._held_letter(Reason.LABEL_UNKNOWN_TRANSACTION, place, held)
            for place, held in self.held.release_all()
        ]
        return Step(iter(letters), {}, 0)

    def _step(self, raw: RawBatch) -> Step:
        """Let the engine take a batch, and say of it what nobody has seen."""
        if raw.topic == self.config.topics.transactions:
            records = self._take_transactions(by_time(raw))
        elif raw.topic in self._exchange:
            # Of these nothing is committed: each shard goes on behind what it has heard itself.
            self._heard_to.update(raw.next_offsets())
            return Step(self._hear(raw), {}, len(raw))
        elif self._control is not None and raw.topic == self.config.topics.control:
            records = self._take_orders(raw, self._control)
        else:
            records = self._take_labels(raw)
        offsets = self._published.commit(raw.next_offsets(), again=self._fenced_by_offsets)
        return Step(records, offsets, len(raw))

    def _take_transactions(self, raw: RawBatch) -> Iterator[OutRecord]:
        """Decide a batch; yield its records: alerts, decisions, dead letters, labels to look at."""
        batch = self._transactions.decode(
            raw.values, raw.arrival_time_us, raw.partition, raw.offset
        )
        effects = self.engine.step(batch)
        self._note(effects)
        if self._online is not None:
            self._online.put(batch, effects)
        if self._tally is not None and not self._replays:
            self._tally.decided(effects)
        missing = self._published.missing(raw.topic, raw.partition, raw.offset)
        out = self._replays and not missing.any()
        yield from [] if out else self._decided(batch, effects, missing)
        yield from self._dead_letters(raw, effects.reasons, missing)
        yield from self._label_reviews(effects.label_reviews, out)
        yield from self._departed_labels(effects.departed_labels, out)
        yield from self._drifts(effects.drifts, out)
        if not out:
            yield from self._exchange.records(effects)
        if not self._replays:
            yield from self._too_dear()

    def _note(self, effects: Effects | LabelEffects | ControlEffects) -> None:
        """Have the journal say what was decided, before anybody hears of it."""
        if self.recovery is not None:
            self.recovery.decided(outcome_of(effects))

    def _hear(self, raw: RawBatch) -> Iterator[OutRecord]:
        """Let the engine hear what other partitions tell; nothing is published."""
        for value in raw.values:
            hear(self.engine, self._exchange.read(raw.topic, value), self.stats.heard)
        yield from ()

    def _too_dear(self) -> Iterator[OutRecord]:
        """Yield orders to disable challengers that cost more than they may."""
        codec = self._codecs.control
        for name, cost_us in self._costs.look(self.engine.challengers).items():
            if codec is not None:
                why = f"a payment cost {cost_us:.0f} us of processor time"
                order = disable_order(name, why, time.time_ns() // 1000)
                yield OutRecord(self.config.topics.control, b"models", codec.encode(order))

    def _decided(
        self, batch: Transactions, effects: Effects, missing: NDArray[np.bool_]
    ) -> Iterator[OutRecord]:
        """Yield the alerts and decisions of the rows whose output is missing."""
        if effects.alerted:
            yield from self._alerted(batch, effects, missing)
        topic = self.config.topics.decisions
        if topic:
            rows = marked((batch.reason == _OK) & missing)
            for key, value in self._decisions.write(
                batch, effects.decided, rows, effects.matched, effects.rules
            ):
                yield OutRecord(topic, key, value)

    def _alerted(
        self, batch: Transactions, effects: Effects, missing: NDArray[np.bool_]
    ) -> Iterator[OutRecord]:
        """Yield the alerts that are missing and are not out."""
        alerts, publisher = effects.alerts, self._publisher
        ids = publisher.alert_ids(batch, alerts.rows)
        wanted = [
            at
            for at in marked(missing[alerts.rows]).tolist()
            if not self._published.is_out(ids[at])
        ]
        if len(wanted) < len(ids):
            alerts, ids = alerts.of(np.array(wanted, np.int64)), [ids[at] for at in wanted]
        ruled = effects.matched, effects.rules
        slots = effects.champions
        records = self._alerts.write(batch, effects.decided, alerts, ids, *ruled, slots)
        times_us = batch.event_time_us[alerts.rows].tolist()
        places = zip(ids, alerts.rows.tolist(), times_us, records, strict=True)
        for name, row, time_us, (key, value) in places:
            headers = publisher.cloud_event(name, batch.transaction_id(row), time_us, key)
            self.latest_alerts.append(value)
            yield OutRecord(self.config.topics.alerts, key, value, headers)

    def _take_labels(self, raw: RawBatch) -> Iterator[OutRecord]:
        batch: Transactions = self._labels.decode(
            raw.values, raw.arrival_time_us, raw.partition, raw.offset
        )
        effects = self.engine.label(batch)
        self._note(effects)
        if self._tally is not None and not self._replays:
            self._tally.labelled(batch, effects, self.engine.waiting)
        for row in marked(effects.held).tolist():
            message = raw.messages[row]
            place = int(raw.partition[row]), int(raw.offset[row])
            name, headers = batch.transaction_id(row), headers_of(message)
            self.held.hold(place, name, message.key(), message.value(), headers)
        missing = self._published.missing(raw.topic, raw.partition, raw.offset)
        yield from self._dead_letters(raw, effects.reasons, missing)
        out = self._replays and not missing.any()
        yield from self._label_reviews(effects.reviews, out, batch)
        yield from self._departed_labels(effects.departed, out)

    def _take_orders(self, raw: RawBatch, control: Decoder) -> Iterator[OutRecord]:
        batch = control.decode(raw.values, raw.arrival_time_us, raw.partition, raw.offset)
        effects = self.engine.control(batch)
        self._note(effects)
        if self._tally is not None and not self._replays:
            self._tally.ordered(effects)
        if effects.erased and self.recovery is not None:
            self.recovery.note_erasure()
        if self._online is not None:
            for entity, key in effects.erased:
                self._online.forget(entity, [key])
        missing = self._published.missing(raw.topic, raw.partition, raw.offset)
        yield from self._dead_letters(raw, effects.reasons, missing)
        yield from self._departed_labels(effects.departed, self._replays and not missing.any())

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
                held = self.held.look((review.partition, review.offset))
                transaction_id = "" if held is None else held.transaction_id
            (key,) = hash_texts([transaction_id], self.engine.parameters.hash_key)
            record = label_review(review, transaction_id, topics.labels)
            value = codec.encode_checked(record)
            yield OutRecord(topics.label_reviews, b"%016x" % int(key), value)

    def _drifts(self, drifts: list[DriftEvent], out: bool) -> Iterator[OutRecord]:
        """Yield a record for each drift that begins or is over."""
        codec, publisher = self._codecs.drift, self._publisher
        for drift in [] if out else drifts:
            self.stats.drifts += 1
            self.latest_drifts.append(drift)
            if codec is not None:
                place = publisher.topic, self.partition, publisher.policy_version
                value = codec.encode_checked(drift_record(drift, *place))
                yield OutRecord(self.config.topics.drift, drift.subject.encode(), value)

    def _departed_labels(self, departed: list[Departed], out: bool) -> Iterator[OutRecord]:
        """Forget labels that were joined; yield those that were not as dead letters."""
        for partition, offset, reason in departed:
            held = self.held.release((partition, offset))
            if held is not None and reason is not Reason.OK and not out:
                yield self._held_letter(reason, (partition, offset), held)

    def _held_letter(self, reason: Reason, place: tuple[int, int], held: HeldLabel) -> OutRecord:
        origin = self.config.topics.labels, *place
        return self._dead_letter(reason, origin, held.key, held.value, list(held.headers))

    def _dead_letters(
        self, raw: RawBatch, reasons: NDArray[np.int64], missing: NDArray[np.bool_]
    ) -> Iterator[OutRecord]:
        for row in marked((reasons != _OK) & missing).tolist():
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


def _count(counts: dict[str, int], name: str) -> None:
    counts[name.lower()] = counts.get(name.lower(), 0) + 1
