"""The control topic, read from its beginning."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer
from inputs.published import published

from schemas.errors import BrokerError
from schemas.records import RecordCodec, builtin
from stream.kafka import control_topic
from stream.kafka.control_topic import once_each, read_orders
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.reader import PartitionReader

SECONDS = 30
T0_MS = 1_780_000_000_000
NEW, OLD = published("control"), RecordCodec(builtin("control_1"), 8)
CODECS = {8: OLD, 12: NEW}
# Partition, time behind T0_MS, request; in the order in which they are sent.
SENT = [(0, 0, "a"), (0, 50, "b"), (0, 40, "c"), (1, 10, "d"), (1, 45, "e"), (2, 60, "b")]


def record(request_id, **more):
    order = {"kind": "ERASE", "entity": "card", "key": "00000000000000ff", "requested_at": 1}
    return {**order, "request_id": request_id, **more}


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker({"orders": 3, "empty": 2}) as broker:
        producer = Producer(broker.connection.producer(idempotent=False))
        for partition, after_ms, request_id in SENT:
            codec = OLD if partition == 1 else NEW
            value = codec.encode(record(request_id))
            producer.produce("orders", value, partition=partition, timestamp=T0_MS + after_ms)
        producer.produce("orders", b"none", partition=2, timestamp=T0_MS)
        assert producer.flush(SECONDS) == 0
        yield broker


def requests(told):
    return [order.fields["request_id"] for order in told.orders]


def test_orders_of_all_partitions_and_versions_come_as_a_worker_merges_them(broker):
    told = read_orders(broker.connection, "readers", "orders", CODECS)
    # Within a partition offsets decide, whatever the records' times say.
    assert requests(told) == ["a", "d", "e", "b", "c", "b"]
    assert (told.partitions, told.gone, told.unreadable) == (3, 0, 1)
    first = told.orders[0]
    assert (first.arrived_us, first.partition, first.offset) == (T0_MS * 1000, 0, 0)
    assert told.orders[1].fields == record("d")


def test_what_went_to_every_partition_is_one_order(broker):
    told = read_orders(broker.connection, "readers", "orders", CODECS)
    found = [(order.fields["request_id"], n) for order, n in once_each(told)]
    assert found == [("a", 1), ("d", 1), ("e", 1), ("b", 2), ("c", 1)]


def test_versions_that_are_not_allowed_are_counted(broker):
    told = read_orders(broker.connection, "readers", "orders", {12: NEW})
    assert (requests(told), told.unreadable) == (["a", "b", "c", "b"], 3)


def test_a_topic_without_records_has_no_orders(broker):
    told = read_orders(broker.connection, "readers", "empty", CODECS)
    assert (told.orders, told.partitions, told.gone) == ([], 2, 0)


def test_records_that_are_gone_from_the_beginning_are_counted(broker, monkeypatch):
    class Shortened(PartitionReader):
        def ends(self, topic):
            first, behind = super().ends(topic)
            return {**first, (topic, 0): 2, (topic, 1): 1}, behind

    monkeypatch.setattr(control_topic, "PartitionReader", Shortened)
    told = read_orders(broker.connection, "readers", "orders", CODECS)
    assert (told.gone, requests(told)) == (3, ["c", "e", "b"])


def test_brokers_that_are_not_there_are_told(broker, monkeypatch):
    monkeypatch.setattr("stream.kafka.reader._CALL_TIMEOUT_S", 0.3)
    gone = type(broker.connection)("127.0.0.1:1", {})
    with pytest.raises(BrokerError, match="where the records of orders begin"):
        read_orders(gone, "readers", "orders", CODECS)
