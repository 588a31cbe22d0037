"""What it costs that features of merchants and devices see all partitions, in two ways.

Messages have the card's key. Ours: a partition tells the others of each batch in one record, and
they run it through their own windows, after the decision. Reference: each payment is sent on by
the key of each such entity to whoever has its windows, and the values come back, before the
decision. Both go over a real Kafka; of the reference only what any form of it must do is timed: no
contract, no values computed, nothing joined.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np
from confluent_kafka import OFFSET_END, Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.harness import BenchmarkError, Result, Run, benchmark
from benchmarks.kafka.broker import broker
from benchmarks.kafka.job import Job, Records
from benchmarks.kafka.ours import merged, overrides_of
from schemas.columns import Transactions
from stream.app import codecs_of, decoders_of, registry_of
from stream.config.configuration import load
from stream.exchange.shared_payments import SharedPayments
from stream.features.sharing import TIME
from stream.features.state import FeatureState
from stream.kafka.client import Connection
from stream.kafka.sink import OutRecord, Sink

_KEY = bytes(range(16))
PARTITIONS = 4
_ROWS = {"": 256, "_16": 16, "_1": 1}
_SECONDS_MAX = 30.0
# What values of a merchant or a device take: 15 of each, as the job has them.
_VALUES = bytes(8 * 15)


class Sharing:
    """Windows of one partition and of the others, and what they tell each other."""

    def __init__(self, rows: int, seed: int) -> None:
        job = Job("nowhere:1", "payments", "labels", "out", rows, seed, warm=0)
        per_partition = {
            "worker": {"state": "per_partition"},
            "topics": {"shared": "out-shared"},
            "fields": {"key": "card"},
        }
        config = load(None, **merged(overrides_of(job), per_partition))
        registry = registry_of(config)
        codec = codecs_of(config, registry).shared
        values = [value for _, value in Records(job).payments(0, rows)]
        self.batch: Transactions = decoders_of(config, registry, _KEY).transactions.decode(
            values, 0
        )
        self._all = np.ones(rows, np.bool_)
        self._offsets = np.arange(rows)
        parameters = config.engine_parameters(_KEY)
        self._span_us = rows * 10_000

        def windows() -> FeatureState:
            sizes = parameters.events_max, parameters.entities_max, parameters.capacities
            rows_max, entities = parameters.batch_rows_max, config.shared_entities()
            return FeatureState(parameters.features, *sizes, rows_max, _KEY, shared=entities)

        self._own = windows()
        self.others = [windows() for _ in range(PARTITIONS - 1)]
        self.observe()
        layout = self._own.sharing
        if layout is None or codec is None:
            raise BenchmarkError("nothing is shared")
        self.keys = [
            [b"%016x" % key for key in layout.keys(name, 0, self.tell())[0].tolist()]
            for name in config.shared_entities()
        ]
        self.payments = SharedPayments(config.topics.shared, codec, layout, rows, 0)

    def observe(self) -> None:
        """Take the payments, and compute all features of them; then they are later ones."""
        self._own.observe(self.batch, self._all)
        self.batch.event_time_us[:] += self._span_us

    def tell(self) -> np.ndarray:
        """Return what is told of the payments; then they are later ones."""
        words = self._own.tell(self._offsets)
        words[TIME] = self.batch.event_time_us
        self.batch.event_time_us[:] += self._span_us
        return words

    def hear(self, message: bytes | None) -> None:
        """Let the other partitions count what was told."""
        for windows in self.others:
            told = self.payments.read(message)
            if told is None:
                raise BenchmarkError("what was told cannot be read")
            windows.hear(told.words)


class Hop:
    """Records over a topic and back into this process."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        # Held until it has answered.
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(_SECONDS_MAX)
        connection = Connection(bootstrap)
        self.topic = topic
        self._sink = Sink(connection, [topic])
        self._consumer = Consumer(connection.consumer(topic))
        places = [TopicPartition(topic, at, OFFSET_END) for at in range(PARTITIONS)]
        self._consumer.assign(places)
        # Until it reads, the end is where it will be by then.
        self._consumer.consume(1, 2.0)

    def across(self, records: list[OutRecord]) -> list[Message]:
        """Send records, and wait until all of them have come."""
        self._sink.publish(records, {})
        found: list[Message] = []
        deadline_s = time.monotonic() + _SECONDS_MAX
        while len(found) < len(records):
            if time.monotonic() > deadline_s:
                raise BenchmarkError(f"{len(found)} of {len(records)} records came")
            self._sink.poll(0)
            found += self._consumer.consume(len(records) - len(found), 0.01)
        return found

    def close(self) -> None:
        """Leave the broker."""
        self._sink.close(1.0)
        self._consumer.close()


_NUMBERS = count(time.time_ns())


@contextmanager
def _hops(bootstrap: str) -> Iterator[Callable[[], Hop]]:
    """Give what makes hops; they are closed in the end."""
    made: list[Hop] = []

    def make() -> Hop:
        made.append(Hop(bootstrap, f"hop-{next(_NUMBERS)}"))
        return made[-1]

    yield make
    for hop in made:
        hop.close()


def told(sharing: Sharing, hop: Hop) -> Callable[[], None]:
    """Return what tells the other partitions of a batch, which count it."""

    def work() -> None:
        words = sharing.tell()
        records = [record._replace(topic=hop.topic) for record in sharing.payments.records([words])]
        for message in hop.across(records):
            sharing.hear(message.value())

    return work


def sent_on(sharing: Sharing, there: Hop, back: Hop) -> Callable[[], None]:
    """Return what sends a batch on by the key of each entity; one owner each counts it."""

    def work() -> None:
        words = sharing.tell()
        each = [column.tobytes() for column in np.ascontiguousarray(words.T)]
        asked = [
            OutRecord(there.topic, key, value)
            for keys in sharing.keys
            for key, value in zip(keys, each, strict=True)
        ]
        found = there.across(asked)
        # By now each is with its owner, who has both windows of one payment but not of all.
        sharing.others[0].hear(words)
        back.across([OutRecord(back.topic, message.key(), _VALUES) for message in found])

    return work


_NAMES = {f"shared_vs_repartition{name}": rows for name, rows in _ROWS.items()}


@benchmark(*_NAMES, unit="us/event", takes_s=90, full=True)
def shared_payments(run: Run) -> list[Result]:
    """Let 3 other partitions count a batch; reference: send it on by 2 keys, and get values."""
    results = []
    with broker() as bootstrap, _hops(bootstrap) as hop:
        for name, rows in _NAMES.items():
            if name not in run.wanted:
                continue
            sharing, there = Sharing(rows, run.seed), hop()
            measured = run.paired(
                told(sharing, there),
                sent_on(Sharing(rows, run.seed), hop(), hop()),
                items=rows,
                # Of one payment it matters how long it takes, of many what they cost.
                clock="wall" if rows == 1 else "cpu",
            )
            results.append(measured.result(name, "us/event", rows=rows, partitions=PARTITIONS))
    return results


@benchmark("shared_heard_vs_observed", unit="us/event", takes_s=20, full=True)
def heard(run: Run) -> list[Result]:
    """Count a batch that another partition told; reference: count its own, and compute features."""
    rows = _ROWS[""]
    sharing = Sharing(rows, run.seed)
    del sharing.others[1:]

    def hear() -> None:
        words = sharing.tell()
        (record,) = sharing.payments.records([words])
        sharing.hear(record.value)

    measured = run.paired(hear, sharing.observe, items=rows)
    return [measured.result("shared_heard_vs_observed", "us/event", rows=rows)]
