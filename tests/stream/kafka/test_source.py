"""The source on the embedded broker: nothing waits, nothing is skipped, nothing is repeated."""

import statistics
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from schemas.errors import BrokerError, RecoveryError, TransactionError
from stream.kafka.client import Connection
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.source import Source

SECONDS = 20
RATE_PER_S = 500
# The mock's group waits for a second less than this whenever its members change.
QUICK_GROUP = {"session.timeout.ms": 1_300, "heartbeat.interval.ms": 100}


@pytest.fixture
def broker():
    with EmbeddedBroker({"a": 2, "b": 1}) as broker:
        yield broker


def connection_of(broker):
    return Connection(broker.bootstrap, QUICK_GROUP, embedded=True)


@contextmanager
def source_of(broker, topics=("a", "b"), group="g", positions=None, **options):
    source = Source(connection_of(broker), group, topics, **options)
    if positions is not None:
        source.follow(positions)
    try:
        yield source
    finally:
        source.close()


def produce(broker, topic, values, partition=0, **more):
    producer = Producer(broker.connection.producer(idempotent=False))
    for value in values:
        producer.produce(topic, value, partition=partition, **more)
    assert producer.flush(SECONDS) == 0


def take(source, n, n_max=500):
    """Poll until n records came; return the batches."""
    batches, deadline = [], time.monotonic() + SECONDS
    while sum(map(len, batches)) < n:
        assert time.monotonic() < deadline, f"{sum(map(len, batches))} of {n} records"
        batches += source.poll(n_max, 0.1)
    assert sum(map(len, batches)) == n
    return batches


def join(*sources):
    """Poll until every source has its partitions."""
    deadline = time.monotonic() + SECONDS
    while not all(source.assigned for source in sources):
        assert time.monotonic() < deadline
        for source in sources:
            assert source.poll(500, 0.02) == []


def regain(source, n):
    """Poll until n partitions are its own: what it read before would come again with them."""
    deadline = time.monotonic() + SECONDS
    while len(source._consumer.assignment()) < n:
        assert time.monotonic() < deadline
        assert source.poll(500, 0.02) == []


def settle(source):
    """Poll until the broker has answered every commit."""
    deadline = time.monotonic() + SECONDS
    while source.commits_pending:
        assert time.monotonic() < deadline
        source.poll(1, 0.02)


def values_of(batches):
    return [value for batch in batches for value in batch.values]


def median_latency_s(broker, read):
    """Produce at a steady rate and take the median time from produce to read."""
    stop = threading.Event()
    connection = broker.connection

    def send():
        producer = Producer(connection.producer())
        while not stop.wait(1 / RATE_PER_S):
            producer.produce("b", b"%d" % time.perf_counter_ns())
            producer.poll(0)
        producer.flush(SECONDS)

    thread = threading.Thread(target=send)
    thread.start()
    latencies = []
    try:
        deadline = time.monotonic() + SECONDS
        # The first pay for connections, and those that were sent meanwhile wait with them.
        while not read():
            assert time.monotonic() < deadline
        deadline = time.monotonic() + 1.2
        while time.monotonic() < deadline:
            values = read()
            now = time.perf_counter_ns()
            latencies += [now - int(value) for value in values]
    finally:
        stop.set()
        thread.join()
    assert len(latencies) > 100
    return statistics.median(latencies[len(latencies) // 10 :]) / 1e9


def test_a_poll_takes_what_is_there_and_does_not_wait_for_a_full_batch(broker):
    with source_of(broker, ["b"]) as source:
        join(source)
        ours = median_latency_s(broker, lambda: values_of(source.poll(500, 0.1)))
    plain = Consumer(broker.connection.consumer("plain"))
    _, end = plain.get_watermark_offsets(TopicPartition("b", 0), timeout=SECONDS)
    plain.assign([TopicPartition("b", 0, end)])
    naive = median_latency_s(broker, lambda: [m.value() for m in plain.consume(500, 0.1)])
    plain.close()
    assert ours * 3 < naive, f"{ours * 1e3:.1f} ms against {naive * 1e3:.1f} ms"


def test_what_is_there_comes_in_one_poll_up_to_the_limit(broker):
    with source_of(broker, ["b"]) as source:
        join(source)
        produce(broker, "b", [b"%d" % n for n in range(100)])
        batches = take(source, 100, n_max=40)
    assert [len(batch) for batch in batches][-1] <= 40
    assert max(len(batch) for batch in batches) <= 40
    assert len(batches) <= 10
    assert values_of(batches) == [b"%d" % n for n in range(100)]


class Arriving:
    """In place of a consumer: so many records are there at each poll, and as many again soon."""

    def __init__(self, consumer, there):
        self.consumer, self.there, self.waits = consumer, iter(there), []

    def poll(self, timeout_s):
        self.rest = next(self.there)
        return self.consumer.poll(SECONDS) if self.rest else None

    def consume(self, n_max, timeout_s):
        self.waits.append(timeout_s)
        n = 2 * self.rest if timeout_s else self.rest
        return self.consumer.consume(min(n_max, n - 1), SECONDS)


def test_only_where_many_come_do_the_first_wait_for_others(broker):
    with source_of(broker, ["b"], linger_s=0.005) as source:
        join(source)
        produce(broker, "b", [b"%d" % n for n in range(500)])
        real = source._consumer
        source._consumer = Arriving(real, [2, 4, 20, 20, 100, 2, 3, 20, 0, 20])
        try:
            found = [sum(map(len, source.poll(150, 0.1))) for _ in range(10)]
            waits = source._consumer.waits
        finally:
            source._consumer = real
    assert waits == [0, 0, 0, 0.005, 0.005, 0.005, 0, 0, 0]
    assert found == [2, 4, 20, 40, 150, 4, 3, 20, 0, 20]


def test_many_that_come_one_after_the_other_come_together(broker):
    with source_of(broker, ["b"], linger_s=SECONDS) as source:
        join(source)
        while not source._many:
            left = 20
            produce(broker, "b", [b"first %d" % n for n in range(left)])
            while left:
                left -= sum(map(len, source.poll(left, 0.1)))
        late = threading.Timer(0.2, produce, (broker, "b", [b"%d" % n for n in range(30)]))
        late.start()
        produce(broker, "b", [b"now"])
        began_s = time.monotonic()
        (batch,) = source.poll(31, 0.1)
        assert 0.1 < time.monotonic() - began_s < SECONDS / 2, "a full batch waits for nobody"
        late.join()
    assert batch.values == [b"now", *(b"%d" % n for n in range(30))]


def test_an_empty_poll_returns_nothing_within_its_timeout(broker):
    with source_of(broker) as source:
        join(source)
        start = time.monotonic()
        assert source.poll(500, 0.05) == []
        assert 0.04 < time.monotonic() - start < 1


def test_batches_come_by_topic_in_the_order_given_and_rows_in_the_order_of_offsets(broker):
    with source_of(broker, ["b", "a"]) as source:
        join(source)
        source.pause()
        produce(broker, "a", [b"a0%d" % n for n in range(20)], 0, key=b"k", headers={"h": b"1"})
        produce(broker, "a", [b"a1%d" % n for n in range(20)], 1)
        produce(broker, "b", [b"b%d" % n for n in range(20)])
        produce(broker, "b", [None])
        source.resume()
        batches = take(source, 61)
    seen = {}
    for batch in batches:
        assert batch.topic in ("a", "b")
        for row, (value, message) in enumerate(zip(batch.values, batch.messages, strict=True)):
            place = batch.topic, int(batch.partition[row])
            assert place == (message.topic(), message.partition())
            assert batch.offset[row] == message.offset() == len(seen.setdefault(place, []))
            assert value == message.value()
            seen[place].append(value)
        assert batch.next_offsets() == {
            (batch.topic, p): int(batch.offset[batch.partition == p].max()) + 1
            for p in set(batch.partition.tolist())
        }
    assert seen == {
        ("a", 0): [b"a0%d" % n for n in range(20)],
        ("a", 1): [b"a1%d" % n for n in range(20)],
        ("b", 0): [b"b%d" % n for n in range(20)] + [None],
    }
    first = next(batch for batch in batches if batch.topic == "a" and 0 in batch.partition)
    message = first.messages[first.partition.tolist().index(0)]
    assert (message.key(), message.headers()) == (b"k", [("h", b"1")])


def test_one_poll_yields_topics_in_the_order_of_construction(broker):
    with source_of(broker, ["b", "a"]) as source:
        join(source)
        for _ in range(20):
            produce(broker, "a", [b"a"])
            produce(broker, "b", [b"b"])
            time.sleep(0.02)
            batches = take(source, 2)
            if len(batches) == 2 and len(batches[0]) == 1:
                break
        else:
            pytest.fail("both topics were never taken at once")
    assert {batch.topic for batch in batches} == {"a", "b"}


def test_arrival_times_are_microseconds(broker):
    with source_of(broker) as source:
        join(source)
        produce(broker, "b", [b"then"], timestamp=1_700_000_000_123)
        before = time.time_ns() // 1_000_000 * 1000
        produce(broker, "b", [b"now"])
        after = time.time_ns() // 1000
        batches = take(source, 2)
    times = np.concatenate([batch.arrival_time_us for batch in batches])
    assert times[0] == 1_700_000_000_123_000
    assert before <= times[1] <= after
    assert times.dtype == batches[0].offset.dtype == batches[0].partition.dtype == np.int64


def test_a_new_consumer_goes_on_exactly_behind_the_commit(broker):
    produce(broker, "a", [b"%d" % n for n in range(10)], 0)
    produce(broker, "a", [b"%d" % n for n in range(100, 105)], 1)
    with source_of(broker) as source:
        take(source, 15)
        source.commit({})
        assert source.commits_pending == 0
        source.commit({("a", 0): 4})
        assert source.commits_pending == 1
        settle(source)
    with source_of(broker) as source:
        # Partition 1 has no commit: it starts at its beginning.
        again = take(source, 6 + 5)
        assert sorted(int(v) for v in values_of(again)) == [4, 5, 6, 7, 8, 9, *range(100, 105)]
        offsets = {}
        for batch in again:
            offsets |= batch.next_offsets()
        assert offsets == {("a", 0): 10, ("a", 1): 5}
        source.commit(offsets)
        settle(source)
    produce(broker, "a", [b"new"], 1)
    with source_of(broker) as source:
        assert values_of(take(source, 1)) == [b"new"]


def test_a_paused_source_takes_nothing_and_then_loses_nothing(broker):
    with source_of(broker, ["b"]) as source:
        join(source)
        produce(broker, "b", [b"%d" % n for n in range(50)])
        got = take(source, 50, n_max=10)
        # Some are in the client's own queue when it pauses.
        produce(broker, "b", [b"%d" % n for n in range(50, 100)])
        got += source.poll(10, 1)
        source.pause()
        source.pause()
        for _ in range(20):
            assert source.poll(500, 0.01) == []
        produce(broker, "b", [b"%d" % n for n in range(100, 150)])
        assert source.poll(500, 0.2) == []
        source.resume()
        source.resume()
        got += take(source, 150 - len(values_of(got)))
    assert values_of(got) == [b"%d" % n for n in range(150)]


def test_a_rebalance_does_not_wake_a_paused_source(broker):
    # Its caller drops what a paused poll returns: a record that came would be lost.
    with source_of(broker, ["a"]) as first:
        join(first)
        first.pause()
        produce(broker, "a", [b"x"] * 10, 0)
        produce(broker, "a", [b"y"] * 10, 1)
        with source_of(broker, ["a"]) as second:
            deadline = time.monotonic() + SECONDS
            others = []
            while not others:
                assert time.monotonic() < deadline
                assert first.poll(500, 0.02) == []
                others += second.poll(500, 0.02)
            for _ in range(20):
                assert first.poll(500, 0.02) == []
            first.resume()
            got = take(first, 20 - sum(map(len, others)))
    assert sorted(values_of(got) + values_of(others)) == [b"x"] * 10 + [b"y"] * 10


def test_partitions_that_come_to_a_paused_source_are_paused_too(broker):
    with source_of(broker, ["a"]) as first:
        with source_of(broker, ["a"]) as second:
            deadline = time.monotonic() + SECONDS
            while not (second.assigned and first.assigned):
                assert time.monotonic() < deadline
                first.poll(1, 0.02)
                second.poll(1, 0.02)
            first.pause()
        # The other one's partition comes here, with its records.
        produce(broker, "a", [b"x"] * 10, 0)
        produce(broker, "a", [b"y"] * 10, 1)
        until = time.monotonic() + 2.5
        while time.monotonic() < until or not first.assigned:
            assert time.monotonic() < deadline
            assert first.poll(500, 0.05) == []
        first.resume()
        got = take(first, 20)
    assert sorted(values_of(got)) == [b"x"] * 10 + [b"y"] * 10


def test_two_members_share_the_partitions_and_one_takes_over(broker):
    with source_of(broker, ["a"]) as first:
        join(first)
        second = Source(connection_of(broker), "g", ["a"])
        deadline = time.monotonic() + SECONDS
        while not second.assigned:
            assert time.monotonic() < deadline
            first.poll(1, 0.02)
            second.poll(1, 0.02)
        join(first, second)
        produce(broker, "a", [b"x"], 0)
        produce(broker, "a", [b"y"], 1)
        assert len(take(first, 1) + take(second, 1)) == 2
        second.close()
        got = []
        while len(got) < 2:
            assert time.monotonic() < deadline
            got += values_of(first.poll(500, 0.05))
    assert sorted(got) == [b"x", b"y"]


def test_committed_offsets_that_cannot_be_read_are_an_error_and_not_a_new_start(broker):
    with source_of(broker) as source:
        join(source)
        unreadable = TopicPartition("a", 1)
        consumer = SimpleNamespace(
            committed=lambda partitions, timeout: [
                SimpleNamespace(
                    topic="a", partition=1, offset=-1001, error=KafkaError(KafkaError._TIMED_OUT)
                )
            ],
            assign=lambda partitions: pytest.fail("assigned without an offset"),
        )
        source._assign(consumer, [unreadable])
        with pytest.raises(BrokerError, match=r"committed offset of a\[1\]"):
            source.poll(1, 0)


def test_a_committed_offset_that_is_gone_is_an_error(broker):
    produce(broker, "b", [b"x"] * 3)
    with source_of(broker) as source:
        take(source, 3)
        source.commit({("b", 0): 1000})
        settle(source)

    def poll(source):
        for _ in range(100):
            source.poll(1, 0.1)

    with source_of(broker) as source, pytest.raises(BrokerError, match=r"records of b\[0\]"):
        poll(source)


def test_trouble_that_heals_is_told_and_not_raised():
    told = []
    nobody = Connection("127.0.0.1:1", {"log_level": 0}, embedded=True)
    source = Source(nobody, "g", ["a"], told.append)
    deadline = time.monotonic() + SECONDS
    while not told:
        assert time.monotonic() < deadline
        assert source.poll(1, 0.1) == []
    source.close()
    assert "refused" in " ".join(told) or "down" in " ".join(told)


@pytest.mark.parametrize("stamp_ms", [4_100_000_000_000, 2**62])
def test_a_wild_timestamp_never_arrives_in_the_future(broker, stamp_ms):
    with source_of(broker) as source:
        join(source)
        produce(broker, "b", [b"wild"], timestamp=stamp_ms)
        (batch,) = take(source, 1)
    now_us = time.time_ns() // 1000
    assert now_us - 60_000_000 < batch.arrival_time_us[0] <= now_us


def test_what_could_not_be_committed_goes_along_with_the_next_commit(broker):
    told = []
    with source_of(broker, on_error=told.append) as source:
        produce(broker, "b", [b"1", b"2"])
        take(source, 2)
        failed = [TopicPartition("b", 0, 2)]
        source._committed(KafkaError(KafkaError._TRANSPORT), failed)
        source.commit({})
        assert source.commits_pending == 0  # Never sent, or by whoever had it before.
        source._sent[("b", 0)] = 2
        source._commits_pending = 1
        source._committed(KafkaError(KafkaError._TRANSPORT), failed)
        assert told
        assert source.commits_pending == 0
        source.commit({})
        settle(source)
    with source_of(broker) as source:
        produce(broker, "b", [b"3"])
        (batch,) = take(source, 1)
        assert batch.values == [b"3"]


class Known:
    """Knows one partition better than the group."""

    def __init__(self, starts):
        self.starts = starts
        self.asked = []
        self.revocations = 0

    def assigned(self, committed):
        self.asked.append(dict(committed))
        return {place: self.starts.get(place, at) for place, at in committed.items()}

    def revoked(self):
        self.revocations += 1

    def lost(self):
        self.revocations = None


def test_who_knows_better_says_where_to_begin(broker):
    produce(broker, "a", [b"0", b"1", b"2"], 0)
    produce(broker, "a", [b"3", b"4"], 1)
    known = Known({("a", 0): 2})
    with source_of(broker, ["a"], positions=known) as source:
        assert sorted(values_of(take(source, 3))) == [b"2", b"3", b"4"]
        assert known.asked == [{("a", 0): -1001, ("a", 1): -1001}]
        source.commit({("a", 0): 3})
        settle(source)
    assert known.revocations == 1
    again = Known({("a", 0): 1})
    with source_of(broker, ["a"], positions=again) as source:
        assert sorted(values_of(take(source, 4))) == [b"1", b"2", b"3", b"4"]
        assert again.asked[0]["a", 0] == 3


def test_a_topic_beside_is_read_from_where_it_is_said_and_is_first_in_each_poll(broker):
    produce(broker, "a", [b"0"], 0)
    produce(broker, "a", [b"1"], 1)
    produce(broker, "b", [b"2"])

    class Beside(Known):
        def assigned(self, committed):
            return super().assigned(committed) | self.starts

    known = Beside({("b", 0): 1})
    with source_of(broker, ["a"], positions=known, beside=["b"]) as source:
        assert sorted(values_of(take(source, 2))) == [b"0", b"1"]
        produce(broker, "b", [b"3"])
        produce(broker, "a", [b"4"], 1)
        deadline, found = time.monotonic() + SECONDS, []
        while sum(map(len, found)) < 2:
            assert time.monotonic() < deadline
            polled = source.poll(500, 0.1)
            assert [each.topic for each in polled] in ([], ["a"], ["b"], ["b", "a"])
            found += polled
        assert {each.topic: each.values for each in found} == {"b": [b"3"], "a": [b"4"]}
        # Of the group it has the two of the topic that it shares out.
        assert source.partitions == 2
        assert known.asked == [{("a", 0): -1001, ("a", 1): -1001}]


def test_one_who_cannot_say_where_stops_the_source(broker):
    class Broken(Known):
        def assigned(self, committed):
            raise RecoveryError("no room")

    with source_of(broker, ["a"], positions=Broken({})) as source:
        deadline = time.monotonic() + SECONDS

        def poll():
            while time.monotonic() < deadline:
                assert source.poll(500, 0.05) == []

        with pytest.raises(RecoveryError, match="no room"):
            poll()


def test_a_commit_before_the_group_is_joined_goes_along_with_the_first(broker):
    with source_of(broker, ["a"]) as source:
        source.commit({("a", 0): 1, ("a", 1): 2})
        assert source.commits_pending == 0
        join(source)
        source.commit({("a", 1): 3})
        settle(source)
        assert source._sent == {("a", 0): 1, ("a", 1): 3}


def test_rows_of_a_batch_are_all_of_it_or_what_was_chosen(broker):
    produce(broker, "a", [b"0", b"1", b"2"], 0)
    with source_of(broker, ["a"]) as source:
        (batch,) = take(source, 3)
    assert batch.rows(np.ones(3, bool)) is batch
    chosen = batch.rows(np.array([True, False, True]))
    assert (chosen.values, chosen.offset.tolist(), len(chosen)) == ([b"0", b"2"], [0, 2], 2)
    assert [m.value() for m in chosen.messages] == chosen.values
    assert (chosen.topic, chosen.now_ms) == ("a", batch.now_ms)
    assert batch.now_ms * 1000 >= batch.arrival_time_us.max()


def test_it_is_who_it_was_when_it_was_given_its_partitions(broker, monkeypatch):
    with source_of(broker) as source:
        nobody = source.group_metadata()
        join(source)
        member = source.group_metadata()
        assert member != nobody
        with monkeypatch.context() as patch:
            # Thrown out, the client is nobody.
            consumer = SimpleNamespace(
                consumer_group_metadata=lambda: nobody,
                committed=lambda partitions, timeout: partitions,
                assign=lambda partitions: None,
            )
            patch.setattr(source, "_consumer", consumer)
            assert source.group_metadata() == member
            source._assign(consumer, [TopicPartition("a", 1)])
            with pytest.raises(TransactionError, match=r"threw it out before .* nothing is comm"):
                source.group_metadata()


def test_a_topic_that_is_held_back_is_read_later_and_whole(broker):
    with source_of(broker) as source:
        join(source)
        produce(broker, "a", [b"a%d" % n for n in range(20)])
        produce(broker, "b", [b"b%d" % n for n in range(20)])
        source.hold_back("b")
        batches = take(source, 20)
        assert {batch.topic for batch in batches} == {"a"}
        # It stays so whatever else is paused.
        source.pause()
        source.resume()
        assert source.poll(500, 0.2) == []
        produce(broker, "a", [b"more"])
        assert values_of(take(source, 1)) == [b"more"]
        source.let_go("b")
        assert values_of(take(source, 20)) == [b"b%d" % n for n in range(20)]


def test_what_is_held_back_stays_so_when_partitions_are_given_anew(broker):
    with source_of(broker) as source:
        join(source)
        source.hold_back("b")
        with source_of(broker) as other:
            deadline = time.monotonic() + SECONDS
            while not (other.assigned and source.assigned):
                assert time.monotonic() < deadline
                assert source.poll(1, 0.02) == other.poll(1, 0.02) == []
        regain(source, 3)
        produce(broker, "b", [b"b"])
        produce(broker, "a", [b"a"])
        assert values_of(take(source, 1)) == [b"a"]
        source.let_go("b")
        assert values_of(take(source, 1)) == [b"b"]


def test_the_lag_is_what_is_still_to_be_read(broker):
    with source_of(broker) as source:
        join(source)
        produce(broker, "a", [b"%d" % n for n in range(300)], 0)
        produce(broker, "a", [b"%d" % n for n in range(200)], 1)
        taken = 0
        while taken < 450:
            taken += sum(map(len, source.poll(50, 0.1)))
        assert source.lag("a") == 500 - taken
        assert sum(source.lags().values()) == 500 - taken
        take(source, 500 - taken)
        assert source.lag("a") == 0
        assert source.lags() == {("a", 0): 0, ("a", 1): 0}, "nothing was read of the others"


def test_it_knows_how_many_partitions_it_has(broker):
    with source_of(broker) as source:
        assert source.partitions == 0
        assert source.lags() == {}
        join(source)
        assert source.partitions == len(source._consumer.assignment()) > 0
        with source_of(broker) as other:
            deadline = time.monotonic() + SECONDS
            while not (other.assigned and source.assigned):
                assert time.monotonic() < deadline
                assert source.poll(1, 0.02) == other.poll(1, 0.02) == []
            assert source.partitions == len(source._consumer.assignment())
            assert other.partitions == len(other._consumer.assignment())
