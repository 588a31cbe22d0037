"""Alerts are found from the end of their topic, and as much as there is of it."""

import pytest
from confluent_kafka import Producer
from inputs.alert_samples import alert, alert_id, publish

from stream.kafka import newest_first
from stream.kafka.alert_search import find_alerts
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.reader import PartitionReader

TOPIC = "fraud.alerts"
EACH = 40


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker({TOPIC: 3, "empty": 1}) as broker:
        producer = Producer(broker.connection.producer(idempotent=False))
        for partition in range(2):
            numbers = range(100 * partition, 100 * partition + EACH)
            publish(producer, TOPIC, [alert(n) for n in numbers], partition)
        publish(producer, TOPIC, [alert(5, amount_minor=99)], 2)
        producer.produce(TOPIC, b"no alert, and no headers", partition=2)
        assert producer.flush(20) == 0
        yield broker


@pytest.fixture
def places(broker):
    reader = PartitionReader(broker.connection, "nobody")
    yield reader
    reader.close()


@pytest.mark.parametrize("step", [1, 7, 5000])
def test_all_are_found_whatever_the_steps(places, monkeypatch, step):
    monkeypatch.setattr(newest_first, "_FIRST_STEP", step)
    wanted = [alert_id(n) for n in (0, 39, 100, 139)]
    told = []
    search = find_alerts(places, TOPIC, wanted, told.append)
    assert sorted(search.found) == sorted(wanted)
    assert told == sorted(told)
    assert search.looked_at == told[-1] <= 2 * EACH + 2
    assert search.since_ms is not None


def test_the_newest_is_found_without_reading_all(places, monkeypatch):
    monkeypatch.setattr(newest_first, "_FIRST_STEP", 2)
    search = find_alerts(places, TOPIC, [alert_id(139)])
    assert list(search.found) == [alert_id(139)]
    assert search.looked_at <= 6


def test_of_an_id_that_came_twice_the_one_nearer_the_end_is_taken(places, monkeypatch):
    monkeypatch.setattr(newest_first, "_FIRST_STEP", 3)
    found = find_alerts(places, TOPIC, [alert_id(5), alert_id(0)]).found[alert_id(5)]
    assert found.partition() == 2


def test_what_is_not_there_is_looked_for_everywhere(places):
    search = find_alerts(places, TOPIC, ["f" * 32])
    assert search.found == {}
    assert search.looked_at == 2 * EACH + 2
    assert find_alerts(places, "empty", ["f" * 32]).since_ms is None
