"""Ranges of records are read whole, and nobody's group is disturbed."""

from __future__ import annotations

import time
from functools import partial

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.errors import BrokerError
from stream.kafka import reader as reader_module
from stream.kafka.client import Connection
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.reader import PartitionReader

SECONDS = 30
TOPIC_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker({"a": 3, "b": 1}) as broker:
        producer = Producer(broker.connection.producer(idempotent=False))
        for partition in range(2):
            for number in range(50):
                value, stamp = b"%d-%d" % (partition, number), TOPIC_MS + 1000 * number
                producer.produce("a", value, partition=partition, timestamp=stamp)
        producer.produce("b", b"only", partition=0)
        assert producer.flush(SECONDS) == 0
        yield broker


@pytest.fixture
def reader(broker):
    reader = PartitionReader(broker.connection, "readers")
    yield reader
    reader.close()


def read(reader, first, behind, **more):
    records = [record for each in reader.read(first, behind, **more) for record in each]
    return sorted((m.topic(), m.partition(), m.offset()) for m in records)


def test_ranges_are_read_and_nothing_beyond(reader):
    first, behind = {("a", 0): 7, ("a", 1): 49, ("b", 0): 0}, {("a", 0): 9, ("a", 1): 50}
    expected = [("a", 0, 7), ("a", 0, 8), ("a", 1, 49)]
    assert read(reader, first, behind) == expected
    # And once more, with the same consumer.
    assert read(reader, {("a", 0): 0}, {("a", 0): 50}) == [("a", 0, i) for i in range(50)]
    assert read(reader, {("b", 0): 0}, {("b", 0): 1}) == [("b", 0, 0)]


def test_nothing_asked_for_is_nothing_read(reader):
    assert read(reader, {}, {}) == []
    assert read(reader, {("a", 0): 5}, {("a", 0): 5}) == []
    assert reader.committed([]) == {}


def test_a_range_beyond_the_end_ends_with_the_partition(reader):
    assert read(reader, {("a", 0): 48}, {("a", 0): 60}) == [("a", 0, 48), ("a", 0, 49)]


def test_reading_stops_at_its_limit(reader, monkeypatch):
    # As if there were no end.
    monkeypatch.setattr(PartitionReader, "_is_wanted", lambda *_: False)
    began = time.monotonic()
    assert read(reader, {("a", 0): 0}, {("a", 0): 50}, limit_s=0.5) == []
    assert time.monotonic() - began < 5


def test_a_broker_that_gives_nothing_is_an_error(monkeypatch):
    monkeypatch.setattr(reader_module, "_SILENT_S", 0.5)
    reader = PartitionReader(Connection("127.0.0.1:1", {"log_level": 0}), "g")
    with pytest.raises(BrokerError, match=r"no broker gave records of a\[0\]"):
        read(reader, {("a", 0): 0}, {("a", 0): 5})
    reader.close()


def test_committed_offsets_are_told(reader, broker):
    consumer = Consumer(broker.connection.consumer("readers"))
    offsets = [TopicPartition("a", 1, 33)]
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()
    found = reader.committed([("a", 0), ("a", 1)])
    assert found["a", 1] == 33
    assert found["a", 0] < 0


def test_nobody_to_ask_is_an_error(monkeypatch):
    monkeypatch.setattr(reader_module, "_CALL_TIMEOUT_S", 0.5)
    soon = partial(reader_module.committed_offsets, timeout_s=0.5)
    monkeypatch.setattr(reader_module, "committed_offsets", soon)
    reader = PartitionReader(Connection("127.0.0.1:1", {"log_level": 0}), "g")
    with pytest.raises(BrokerError, match="cannot read the committed offsets"):
        reader.committed([("a", 0)])
    with pytest.raises(BrokerError, match="where the records of a begin"):
        reader.since("a", 0)
    reader.close()
