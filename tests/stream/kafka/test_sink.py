"""The sink on the embedded broker: an input offset is safe only behind an acknowledgement."""

import time

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.errors import BrokerError, DeliveryError
from stream.kafka import sink as sink_module
from stream.kafka.client import Connection
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.sink import OutRecord, Sink, together

SECONDS = 20


@pytest.fixture
def broker():
    with EmbeddedBroker({"t": 1, "u": 1}) as broker:
        yield broker


@pytest.fixture
def sink(broker):
    sink = Sink(broker.connection, ["t", "u"])
    yield sink
    sink.close(0.2)


def connection_of(broker, **settings):
    named = {name.replace("_", "."): value for name, value in settings.items()}
    return Connection(broker.bootstrap, {"log_level": 0, **named}, embedded=True)


def records(n, topic="t"):
    return [OutRecord(topic, b"k", b"%d" % i) for i in range(n)]


def read(broker, topic, n):
    consumer = Consumer(broker.connection.consumer("reader"))
    consumer.assign([TopicPartition(topic, 0, 0)])
    messages, deadline = [], time.monotonic() + SECONDS
    while len(messages) < n and time.monotonic() < deadline:
        messages += consumer.consume(n, 0.05)
    consumer.close()
    return messages


def test_a_record_lies_where_it_must():
    with EmbeddedBroker({"t": 3}) as broker:
        sink = Sink(broker.connection, ["t"])
        out = [OutRecord("t", b"k", b"%d" % i, partition=i % 3) for i in range(9)]
        sink.publish([*out, OutRecord("t", b"k", b"any")], {})
        assert sink.flush(SECONDS) == 0
        sink.close(0.2)
        consumer = Consumer(broker.connection.consumer("reader"))
        consumer.assign([TopicPartition("t", 1, 0)])
        messages, deadline = [], time.monotonic() + SECONDS
        while len(messages) < 3 and time.monotonic() < deadline:
            messages += consumer.consume(3, 0.05)
        consumer.close()
    assert [each.value() for each in messages if each.value() != b"any"] == [b"1", b"4", b"7"]


def test_offsets_are_safe_only_once_every_record_is_acknowledged(sink):
    sink.publish(records(100), {("in", 0): 100})
    # Nothing has been served yet that could be an acknowledgement of the last record.
    assert sink.safe_offsets() == {} or sink.delivered == 100
    assert sink.flush(SECONDS) == 0
    assert sink.delivered == 100
    assert sink.safe_offsets() == {("in", 0): 100}
    assert sink.safe_offsets() == {}


def test_a_step_waits_for_the_steps_before_it(sink):
    steps = [(("in", 0), 10), (("in", 1), 7), (("in", 0), 20)]
    callbacks = []
    sink._produce = lambda some, delivered: callbacks.extend((each, delivered) for each in some)
    for n, (place, offset) in enumerate(steps):
        sink.publish(records(n + 1), {place: offset})
    sink.publish([], {("labels", 0): 5})

    def acknowledge(number):
        record, delivered = callbacks[number]
        delivered(None, record)

    # Steps own callbacks 0, 1-2 and 3-5; the last step has no records at all.
    for number in (1, 2, 3, 4, 5):
        acknowledge(number)
        assert sink.safe_offsets() == {}
    acknowledge(0)
    assert sink.safe_offsets() == {("in", 0): 20, ("in", 1): 7, ("labels", 0): 5}


def test_a_later_offset_of_a_partition_replaces_an_earlier_one(sink):
    for offset in range(1, 6):
        sink.publish(records(1), {("in", 0): offset})
    assert sink.flush(SECONDS) == 0
    assert sink.safe_offsets() == {("in", 0): 5}


def test_a_step_without_records_is_safe_at_once(sink):
    sink.publish([], {("in", 0): 3})
    assert sink.safe_offsets() == {("in", 0): 3}


def test_records_arrive_whole_and_in_order(broker, sink):
    headers = [("a", b"1"), ("a", b"2"), ("none", None)]
    sink.publish([OutRecord("t", b"key", b"value", headers), OutRecord("t", None, None)], {})
    sink.publish(records(3), {})
    assert sink.flush(SECONDS) == 0
    messages = read(broker, "t", 5)
    assert [m.value() for m in messages] == [b"value", None, b"0", b"1", b"2"]
    assert [m.key() for m in messages] == [b"key", None, b"k", b"k", b"k"]
    assert messages[0].headers() == headers


def test_one_call_takes_records_of_a_topic_that_have_no_headers(monkeypatch):
    monkeypatch.setattr(sink_module, "_TOGETHER_MAX", 3)
    given = [
        *records(4, "t"),
        *records(2, "u"),
        OutRecord("u", None, b"", []),
        OutRecord("u", None, b"", [("a", b"1")]),
        *records(1, "u"),
    ]
    found = list(together(given))
    assert [len(some) for some in found] == [3, 1, 2, 1, 1, 1]
    assert [record for some in found for record in some] == given
    assert list(together([])) == []


def test_many_records_are_taken_by_few_calls_and_arrive_in_order(broker, sink):
    calls, producer = [], sink._producer

    class Counting:
        def __getattr__(self, name):
            calls.append(name)
            return getattr(producer, name)

        __len__ = producer.__len__

    sink._producer = Counting()
    mixed = [*records(300), OutRecord("t", b"k", b"alone", [("h", b"1")]), *records(300)]
    sink.publish(mixed, {("in", 0): 601})
    assert calls.count("produce_batch") == 4
    assert calls.count("produce") == 1
    assert sink.flush(SECONDS) == 0
    assert sink.delivered == 601
    assert sink.safe_offsets() == {("in", 0): 601}
    assert [m.value() for m in read(broker, "t", 601)] == [record.value for record in mixed]


def test_a_record_that_is_too_large_is_refused_and_its_input_never_safe(broker):
    sink = Sink(connection_of(broker, message_max_bytes=2000), ["t"])
    sink.publish(records(1), {("in", 0): 1})
    large = OutRecord("t", b"k", bytes(5000))
    with pytest.raises(DeliveryError, match="a record for t was refused"):
        sink.publish([*records(2), large], {("in", 0): 4})
    sink.flush(SECONDS)
    sink.publish(records(1), {("in", 0): 5})
    sink.flush(SECONDS)
    # The step before is safe, the refused one and the one behind it are not.
    assert sink.safe_offsets() == {("in", 0): 1}
    assert sink.safe_offsets() == {}
    sink.close(0.2)


def test_a_record_that_no_broker_acknowledges_stops_the_sink_for_good():
    with EmbeddedBroker({"t": 1}) as broker:
        sink = Sink(connection_of(broker, delivery_timeout_ms=2_500), ["t"])
        sink.publish(records(1), {("in", 0): 1})
        assert sink.flush(SECONDS) == 0
        assert sink.safe_offsets() == {("in", 0): 1}
    sink.publish(records(3), {("in", 0): 4})
    with pytest.raises(DeliveryError, match=r"for t was not delivered.*restart") as raised:
        sink.flush(SECONDS)
    assert "its input was not committed" in str(raised.value)
    assert sink.safe_offsets() == {}
    for again in (lambda: sink.poll(0), lambda: sink.publish(records(1), {("in", 0): 5})):
        with pytest.raises(DeliveryError):
            again()
    assert sink.safe_offsets() == {}
    start = time.monotonic()
    sink.close(0.2)
    assert time.monotonic() - start < 2


def test_an_acknowledgement_that_never_comes_leaves_the_offset_unsafe():
    told = []
    with EmbeddedBroker({"t": 1}) as broker:
        sink = Sink(connection_of(broker, delivery_timeout_ms=60_000), ["t"], told.append)
    sink.publish(records(3), {("in", 0): 3})
    start = time.monotonic()
    assert sink.flush(0.3) == 3
    assert sink.safe_offsets() == {}
    sink.close(0.2)
    assert time.monotonic() - start < 3
    assert told


def test_a_full_queue_waits_for_room_and_gives_up_in_the_end(broker, monkeypatch):
    sink = Sink(connection_of(broker, queue_buffering_max_messages=10), ["t"])
    sink.publish(records(500), {("in", 0): 500})
    assert sink.flush(SECONDS) == 0
    assert sink.safe_offsets() == {("in", 0): 500}
    assert [m.value() for m in read(broker, "t", 500)] == [b"%d" % i for i in range(500)]
    sink.close()

    monkeypatch.setattr(sink_module, "_QUEUE_FULL_WAIT_S", 0.3)
    with EmbeddedBroker({"t": 1}) as gone:
        sink = Sink(connection_of(gone, queue_buffering_max_messages=10), ["t"])
    with pytest.raises(DeliveryError, match="the brokers took nothing for"):
        sink.publish(records(50), {("in", 0): 50})
    assert sink.safe_offsets() == {}
    sink.close(0.1)


def test_congestion_begins_above_the_mark_and_ends_at_half_of_it(sink, monkeypatch):
    monkeypatch.setattr(sink_module, "QUEUED_HIGH", 10)
    queued = 0

    class Queue:
        def __len__(self):
            return queued

    producer, sink._producer = sink._producer, Queue()
    marks = []
    for queued in (0, 5, 6, 10, 11, 20):
        marks.append((queued, sink.congested, sink.relieved))
    sink._producer = producer
    assert marks == [
        (0, False, True),
        (5, False, True),
        (6, False, False),
        (10, False, False),
        (11, True, False),
        (20, True, False),
    ]


def test_what_waits_for_the_broker_counts_as_congestion(monkeypatch):
    monkeypatch.setattr(sink_module, "QUEUED_HIGH", 10)
    with EmbeddedBroker({"t": 1}) as broker:
        sink = Sink(connection_of(broker), ["t"])
        sink.publish(records(200), {})
        assert sink.flush(SECONDS) == 0
        assert sink.relieved
        assert not sink.congested
    sink.publish(records(11), {})
    assert sink.congested
    assert not sink.relieved
    sink.close(0.1)


def test_no_broker_is_an_error_within_its_bound(monkeypatch):
    monkeypatch.setattr(sink_module, "_CALL_TIMEOUT_S", 0.5)
    start = time.monotonic()
    with pytest.raises(BrokerError, match="no Kafka answers"):
        Sink(Connection("127.0.0.1:1", {"log_level": 0}), ["t"])
    assert time.monotonic() - start < 5
