"""The embedded broker: a real TCP broker in this process, and the limits that it has."""

import statistics
import subprocess
import sys
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.errors import BrokerError, ConfigError
from stream.assembly import worker_of
from stream.config.configuration import load
from stream.kafka import embedded
from stream.kafka.embedded import PARTITION_BYTES_MAX, EmbeddedBroker
from stream.kafka.source import Source
from stream.kafka.topics import existing

SECONDS = 20
PRODUCE = """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1]})
for number in range(100):
    producer.produce("t", key=str(number), value=f"v{number}", headers=[("h", b"x")])
sys.exit(producer.flush(10))
"""


def read(connection, topic, n):
    """Read the first n records of a topic, from the beginning, by a plain consumer."""
    consumer = Consumer({**connection.consumer("reader"), "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    messages, deadline = [], time.monotonic() + SECONDS
    try:
        while len(messages) < n:
            assert time.monotonic() < deadline, f"{len(messages)} of {n} records"
            messages += [m for m in consumer.consume(n, 0.05) if m.error() is None]
    finally:
        consumer.close()
    return messages


def test_every_topic_has_the_partitions_asked_for():
    wanted = {"one": 1, "three": 3, "twelve": 12}
    with EmbeddedBroker(wanted) as broker:
        assert broker.exact_partitions
        assert existing(broker.connection) == wanted
        producer = Producer(broker.connection.producer())
        places = []
        for partition in range(12):
            producer.produce(
                "twelve", b"x", partition=partition, on_delivery=lambda _, m: places.append(m)
            )
        assert producer.flush(SECONDS) == 0
        assert sorted(m.partition() for m in places if m.error() is None) == list(range(12))


def test_another_process_with_a_plain_client_can_produce():
    with EmbeddedBroker({"t": 2}) as broker:
        done = subprocess.run(
            [sys.executable, "-c", PRODUCE, broker.bootstrap],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        messages = read(broker.connection, "t", 100)
    assert {m.key(): m.value() for m in messages} == {b"%d" % n: b"v%d" % n for n in range(100)}
    assert all(m.headers() == [("h", b"x")] for m in messages)


def test_where_the_c_library_is_out_of_reach_every_topic_has_four_partitions(monkeypatch, capfd):
    def refuse():
        raise OSError("no such library here")

    monkeypatch.setattr(embedded, "_load_library", refuse)
    with EmbeddedBroker({"one": 1, "nine": 9}) as broker:
        assert not broker.exact_partitions
        assert existing(broker.connection) == {"one": 4, "nine": 4}
        producer = Producer(broker.connection.producer())
        producer.produce("one", b"there")
        assert producer.flush(SECONDS) == 0
        assert [m.value() for m in read(broker.connection, "one", 1)] == [b"there"]
        del producer
    assert capfd.readouterr() == ("", "")


def test_a_broker_that_cannot_start_says_so_and_leaves_nothing_behind(monkeypatch):
    class Refusing:
        """The library, without room for topics."""

        def __init__(self):
            self.library = load_library()
            self.destroyed = 0

        def __getattr__(self, name):
            return getattr(self.library, name)

        def rd_kafka_mock_topic_create(self, *_):
            return 36

        def rd_kafka_mock_cluster_destroy(self, cluster):
            self.destroyed += 1
            self.library.rd_kafka_mock_cluster_destroy(cluster)

    load_library = embedded._load_library
    refusing = Refusing()
    monkeypatch.setattr(embedded, "_load_library", lambda: refusing)
    with pytest.raises(BrokerError, match="refused topic t: error 36"):
        EmbeddedBroker({"t": 1})
    assert refusing.destroyed == 1


def test_starting_and_stopping_print_nothing(capfd):
    for _ in range(3):
        with EmbeddedBroker({"t": 2}) as broker:
            existing(broker.connection)
        broker.close()  # Closing twice is allowed.
    assert capfd.readouterr() == ("", "")


def test_a_waiting_fetch_is_answered_fast():
    round_trips = []
    with EmbeddedBroker({"t": 1}) as broker:
        producer = Producer(broker.connection.producer())
        consumer = Consumer(broker.connection.consumer("g"))
        consumer.assign([TopicPartition("t", 0, 0)])
        for number in range(55):
            start = time.perf_counter()
            producer.produce("t", b"%d" % number)
            producer.poll(0)
            message = consumer.poll(SECONDS)
            assert message.value() == b"%d" % number
            round_trips.append(time.perf_counter() - start)
        producer.flush(SECONDS)
        consumer.close()
    # The first ones pay for the connection.
    assert statistics.median(round_trips[5:]) < 0.020


def test_more_than_a_partition_holds_is_an_error_and_never_a_gap():
    value = bytes(10_000)
    n = 2 * PARTITION_BYTES_MAX // len(value)
    with EmbeddedBroker({"t": 2}) as broker:
        producer = Producer(broker.connection.producer())
        # A consumer that looks ahead no further than this, or it would have all of it.
        slow = {"queued.min.messages": 1, "queued.max.messages.kbytes": 1}
        connection = type(broker.connection)(broker.bootstrap, slow, embedded=True)
        source = Source(connection, "g", ["t"])
        producer.produce("t", b"first", partition=1)
        assert producer.flush(SECONDS) == 0
        deadline = time.monotonic() + SECONDS
        while not (batches := source.poll(1, 0.1)):
            assert time.monotonic() < deadline
        assert batches[0].values == [b"first"]
        # What is fetched already stays readable; the gap behind it is what counts.
        for _ in range(n):
            producer.produce("t", value, partition=1)
        assert producer.flush(SECONDS) == 0

        low, high = Consumer(broker.connection.consumer("x")).get_watermark_offsets(
            TopicPartition("t", 1), timeout=SECONDS
        )
        assert high == n + 1
        assert (high - low) * len(value) <= PARTITION_BYTES_MAX
        taken = [0]

        def take():
            while time.monotonic() < deadline:
                for batch in source.poll(500, 0.1):
                    taken.extend(batch.offset.tolist())

        with pytest.raises(BrokerError, match=r"records of t\[1\] were deleted before they"):
            take()
        source.close()
    assert taken == list(range(len(taken)))
    assert len(taken) < n


@pytest.mark.parametrize(
    ("embedded", "more", "says"),
    [
        (True, {}, "exactly_once.*the embedded broker"),
        (False, {}, "recovery.folder.*exactly_once"),
        (
            False,
            {
                "recovery": {"folder": "somewhere"},
                "kafka": {"client": {"isolation.level": "read_uncommitted"}},
            },
            "isolation.level = 'read_uncommitted'.*exactly_once",
        ),
    ],
)
def test_exactly_once_is_refused_by_name(embedded, more, says):
    config = load(None, worker={"guarantee": "exactly_once"}, **more)
    with EmbeddedBroker({}) as broker:
        connection = type(broker.connection)(broker.bootstrap, embedded=embedded)
        with pytest.raises(ConfigError, match=says):
            worker_of(config, connection, bytes(16))
