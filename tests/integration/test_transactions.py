"""The transactional sink on a real Kafka: one step is never split, and the group is the judge."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from servers.kafka_server import create_topic, unique_name

from schemas.errors import FencedError, TransactionError
from stream.kafka.client import Connection
from stream.kafka.reader import PartitionReader
from stream.kafka.sink import OutRecord, Sink
from stream.kafka.source import Source
from stream.kafka.transactions import TransactionalSink

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kafka

SECONDS = 20.0


class Place:
    """Two topics, a group, and sinks of one transactional id."""

    def __init__(self, bootstrap: str) -> None:
        self.connection = Connection(bootstrap, {"session.timeout.ms": 6000})
        self.topic, self.inputs, self.group = (unique_name(n) for n in ("out", "in", "group"))
        create_topic(bootstrap, self.topic)
        create_topic(bootstrap, self.inputs, 2)
        self.reader = PartitionReader(self.connection, self.group)
        self.source = Source(self.connection, self.group, [self.inputs])
        self._open: list[Any] = [self.source, self.reader]

    def sink(self, interval_s: float = 3600.0, **more: Any) -> TransactionalSink:
        given = {"member": self.source.group_metadata, "interval_s": interval_s}
        given |= {"transactional_id": self.group, **more}
        sink = TransactionalSink(self.connection, topics=[self.topic], **given)
        self._open.insert(0, sink)
        return sink

    def records(self, *values: str) -> list[OutRecord]:
        return [OutRecord(self.topic, None, value.encode()) for value in values]

    def committed(self, partition: int = 0) -> int:
        place = self.inputs, partition
        return max(0, self.reader.committed([place])[place])

    def seen(self, isolation: str = "read_committed") -> list[str]:
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

        settings: dict[str, Any] = {"bootstrap.servers": self.connection.bootstrap}
        settings |= {"group.id": "reader", "isolation.level": isolation}
        consumer = Consumer({**settings, "enable.partition.eof": True})
        consumer.assign([TopicPartition(self.topic, 0, OFFSET_BEGINNING)])
        found, deadline = [], time.monotonic() + SECONDS
        while (message := consumer.poll(0.2)) is None or message.error() is None:
            assert time.monotonic() < deadline
            if message is not None:
                found.append((message.value() or b"").decode())
        consumer.close()
        return found

    def offsets(self, at: int, partition: int = 0) -> dict[tuple[str, int], int]:
        return {(self.inputs, partition): at}

    def close(self) -> None:
        for each in self._open:
            each.close()


@pytest.fixture
def place(kafka_bootstrap: str) -> Iterator[Place]:
    place = Place(kafka_bootstrap)
    yield place
    place.close()


def test_records_and_offsets_are_seen_together_once_they_are_committed(place: Place) -> None:
    sink = place.sink()
    sink.publish(place.records("a", "b"), place.offsets(2))
    sink.publish(place.records("c"), place.offsets(5, 1))
    assert place.seen() == []
    assert (place.committed(), place.committed(1), sink.safe_offsets()) == (0, 0, {})
    # The group was never joined: it takes offsets of transactions nevertheless.
    assert sink.flush(SECONDS) == 0
    assert place.seen() == ["a", "b", "c"]
    assert (place.committed(), place.committed(1)) == (2, 5)
    assert (sink.committed, sink.delivered) == (1, 3)
    assert sink.flush(SECONDS) == 0
    assert sink.committed == 1


def test_a_transaction_is_committed_when_it_is_old_and_never_amid_a_step(place: Place) -> None:
    now_s = [0.0]
    sink = place.sink(0.05, clock=lambda: now_s[0])

    def step() -> Iterator[OutRecord]:
        for value in "abc":
            now_s[0] += 1.0
            # One with headers is handed on at once.
            yield OutRecord(place.topic, None, value.encode(), [])

    sink.publish(step(), place.offsets(3))
    assert (sink.committed, sink.due_s) == (0, 0.0)
    sink.publish(place.records("d"), place.offsets(4))
    # What was old is committed before the next step begins.
    assert (sink.committed, place.committed(), place.seen()) == (1, 3, ["a", "b", "c"])
    sink.poll(0)
    assert sink.committed == 1
    now_s[0] += 0.06
    sink.poll(0)
    assert (sink.committed, place.committed()) == (2, 4)


def test_offsets_without_records_are_committed_too(place: Place) -> None:
    sink = place.sink(0.0)
    sink.publish([], {})
    sink.poll(0)
    assert sink.committed == 0
    sink.publish([], place.offsets(7))
    sink.poll(0)
    assert (sink.committed, place.committed()) == (1, 7)


def test_what_is_closed_uncommitted_never_was(place: Place) -> None:
    sink = place.sink()
    sink.publish(place.records("a"), place.offsets(1))
    sink._producer.flush(SECONDS)
    assert place.seen("read_uncommitted") == ["a"]
    sink.close()
    assert (place.seen(), place.committed()) == ([], 0)
    # Nothing holds readers up: what others write is seen at once.
    other = Sink(place.connection, [place.topic])
    other.publish(place.records("b"), {})
    assert other.flush(SECONDS) == 0
    assert place.seen() == ["b"]
    other.close()


def test_a_newcomer_ends_what_the_older_one_left_open_and_the_older_one_says_why(
    place: Place,
) -> None:
    older = place.sink()
    older.publish(place.records("old"), place.offsets(1))
    older._producer.flush(SECONDS)
    younger = place.sink()
    younger.publish(place.records("new"), place.offsets(1))
    assert younger.flush(SECONDS) == 0
    with pytest.raises(FencedError, match="another worker with the same transactional id"):
        older.flush(SECONDS)
    for again in (
        lambda: older.poll(0),
        lambda: older.publish(place.records("old"), place.offsets(2)),
    ):
        with pytest.raises((FencedError, TransactionError)):
            again()
    assert (place.seen(), place.committed()) == (["new"], 1)


def test_committed_offsets_are_told_only_when_no_transaction_can_change_them(
    place: Place,
) -> None:
    sink = place.sink()
    sink.publish(place.records("a"), place.offsets(1))
    assert sink.flush(SECONDS) == 0
    assert place.committed() == 1
    sink.publish(place.records("b"), place.offsets(2))
    commit = sink._producer.commit_transaction
    sent = threading.Event()

    def late(timeout_s: float) -> None:
        sent.set()
        time.sleep(1.5)
        commit(timeout_s)

    sink._producer = Late(sink._producer, late)
    thread = threading.Thread(target=sink.flush, args=(SECONDS,))
    thread.start()
    assert sent.wait(SECONDS)
    # The offsets are on the broker, the commit is not.
    begun = time.monotonic()
    assert place.committed() == 2
    assert time.monotonic() - begun > 1
    thread.join(SECONDS)


class Late:
    """A producer whose commit is replaced."""

    def __init__(self, producer: Any, commit: Any) -> None:
        self._producer, self.commit_transaction = producer, commit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def __len__(self) -> int:
        return len(self._producer)


def polled(source: Source, until: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not until():
        assert time.monotonic() < deadline
        source.poll(1, 0.05)


def test_who_is_no_longer_a_member_commits_nothing(place: Place) -> None:
    polled(place.source, lambda: place.source.assigned)
    stale = place.source.group_metadata()
    sink = place.sink()
    sink.publish(place.records("a"), place.offsets(1))
    assert sink.flush(SECONDS) == 0
    place.source.close()
    late = place.sink(member=lambda: stale)
    late.publish(place.records("b"), place.offsets(2))
    with pytest.raises(TransactionError, match="it was not committed"):
        late.flush(SECONDS)
    late.close()
    assert (place.seen(), place.committed()) == (["a"], 1)


def test_who_was_thrown_out_and_has_not_heard_of_it_commits_nothing(place: Place) -> None:
    """The client forgets who it was as soon as it knows, and nobody is let through."""
    impatient = {"session.timeout.ms": 6000, "max.poll.interval.ms": 6000}
    connection = Connection(place.connection.bootstrap, impatient)
    zombie = Source(connection, place.group, [place.inputs])
    try:
        polled(zombie, lambda: zombie.assigned)
        sink, member = place.sink(member=zombie.group_metadata), zombie.group_metadata()
        sink.publish(place.records("zombie"), place.offsets(1))
        # It does not poll for so long that the group has given its partitions away.
        polled(place.source, lambda: place.source.assigned)
        assert zombie._consumer.consumer_group_metadata() != member == zombie.group_metadata()
        heir = place.sink(transactional_id="heir")
        heir.publish(place.records("heir"), place.offsets(2))
        assert heir.flush(SECONDS) == 0
        with pytest.raises(TransactionError, match="it was not committed"):
            sink.flush(SECONDS)
        sink.close()
        assert (place.seen(), place.committed()) == (["heir"], 2)
    finally:
        zombie.close()


def test_records_of_steps_that_others_have_committed_are_fenced_too(place: Place) -> None:
    polled(place.source, lambda: place.source.assigned)
    sink = place.sink()
    sink.publish([], place.offsets(5))
    assert sink.flush(SECONDS) == 0
    # What is there already is no reason for a transaction.
    sink.publish([], place.offsets(5))
    assert (sink.flush(SECONDS), sink.committed, sink.due_s) == (0, 1, math.inf)
    with pytest.raises(ValueError, match="records without offsets"):
        sink.publish(place.records("of nobody"), {})
    stale = place.source.group_metadata()
    place.source.close()
    late = place.sink(member=lambda: stale)
    late.publish(place.records("late"), place.offsets(5))
    with pytest.raises(TransactionError, match="it was not committed"):
        late.flush(SECONDS)
    late.close()
    assert (place.seen(), place.committed()) == ([], 5)


def test_partitions_that_go_away_take_an_open_transaction_with_them(place: Place) -> None:
    sink = place.sink()
    sink.forget_offsets()
    sink.publish(place.records("a"), place.offsets(1))
    with pytest.raises(TransactionError, match=r"partitions went away.*aborted"):
        sink.forget_offsets()
    assert (place.seen(), place.committed()) == ([], 0)


@pytest.mark.parametrize("transactions", [0, 1])
def test_whose_successor_went_on_ends_and_leaves_the_successor_alone(
    place: Place, transactions: int
) -> None:
    first = place.sink()
    first.publish(place.records("a"), place.offsets(1))
    assert first.flush(SECONDS) == 0
    zombie = place.sink(group_offsets=place.source.committed)
    zombie.hear_offsets(place.offsets(1))
    for _ in range(transactions):
        zombie.publish([], place.offsets(2))
        assert zombie.flush(SECONDS) == 0
    zombie.publish(place.records("zombie"), place.offsets(3))
    heir = place.sink(group_offsets=place.source.committed)
    heir.publish(place.records("b", "c"), place.offsets(4))
    assert heir.flush(SECONDS) == 0
    heir.publish(place.records("d"), place.offsets(5))
    with pytest.raises(FencedError, match="another worker with the same transactional id"):
        zombie.forget_offsets()
    zombie.close()
    assert heir.flush(SECONDS) == 0
    heir.publish(place.records("e"), place.offsets(6))
    # Where the group is only as far as this one brought it, it is nobody else's.
    with pytest.raises(TransactionError):
        heir.forget_offsets()
    assert (place.seen(), place.committed()) == (["a", "b", "c", "d"], 5)


def test_a_record_that_no_topic_takes_is_an_error_and_the_rest_never_was(place: Place) -> None:
    sink = place.sink()
    sink.publish(place.records("a"), place.offsets(1))
    sink.publish([OutRecord(place.topic + ".absent", None, b"b")], place.offsets(2))
    with pytest.raises(TransactionError, match=r"absent|was not committed"):
        assert sink.flush(SECONDS) == 0
    sink.close()
    assert (place.seen(), place.committed()) == ([], 0)
