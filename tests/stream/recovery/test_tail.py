"""The alerts that are out are read once for all who begin together, and never from too long ago."""

from __future__ import annotations

import pytest

from schemas.errors import SchemaError
from stream.recovery import tail as tail_module
from stream.recovery.tail import KafkaReader, Tail

OUT = ("alerts", 0), ("alerts", 1)


class Codec:
    """Alerts as (id, partition, offset) of their payment."""

    def decode(self, value):
        if not value:
            raise SchemaError("another's")
        alert_id, partition, offset = value
        alert = {"alert_id": alert_id, "source_topic": "in"}
        return alert | {"source_partition": partition, "source_offset": offset}


class Message:
    def __init__(self, value):
        self._value = value

    def value(self):
        return self._value


class Places:
    """Alerts of two partitions; the n-th came at n ms."""

    def __init__(self, *logs):
        self.logs = dict(zip(OUT, logs, strict=True))
        self.read_ones = []
        self.closed = 0

    def since(self, topic, at_ms):
        assert topic == "alerts"
        young = {place: at_ms for place, log in self.logs.items() if at_ms < len(log)}
        return young, {place: len(self.logs[place]) for place in young}

    def read(self, first, behind, limit_s):
        for place, at in first.items():
            values = self.logs[place][at : behind[place]]
            self.read_ones += values
            yield [Message(value) for value in values]

    def close(self):
        self.closed += 1


@pytest.fixture
def places():
    return Places([("a", 0, 5), None, ("b", 1, 6), ("c", 0, 7)], [("d", 1, 8), ("e", 0, 9)])


def test_it_is_read_once_for_all_partitions_that_begin_together(places):
    tail = Tail("alerts", Codec(), print)
    readers = [KafkaReader(places, tail, partition) for partition in (0, 1)]
    assert readers[0].alerts(0) == {"a": (("in", 0), 5), "c": (("in", 0), 7), "e": (("in", 0), 9)}
    assert len(places.read_ones) == 6
    assert readers[1].alerts(0) == {"b": (("in", 1), 6), "d": (("in", 1), 8)}
    assert readers[1].alerts(3) == {"b": (("in", 1), 6), "d": (("in", 1), 8)}
    assert len(places.read_ones) == 6


def test_what_is_older_is_read_in_addition_and_nothing_twice(places):
    tail = Tail("alerts", Codec(), print)
    reader = KafkaReader(places, tail)
    assert reader.alerts(2).keys() == {"b", "c"}
    assert reader.alerts(1).keys() == {"b", "c", "e"}
    assert reader.alerts(0).keys() == {"a", "b", "c", "d", "e"}
    assert len(places.read_ones) == 6


def test_what_was_read_before_somebody_began_does_not_count_for_it(places):
    tail = Tail("alerts", Codec(), print)
    first = KafkaReader(places, tail)
    first.alerts(0)
    places.logs[OUT[0]].append(("late", 0, 10))
    assert "late" not in first.alerts(0)
    assert "late" in KafkaReader(places, tail, 0).alerts(0)


def test_nothing_is_kept_once_all_have_begun(places):
    tail = Tail("alerts", Codec(), print)
    readers = [KafkaReader(places, tail) for _ in range(2)]
    readers[0].alerts(0)
    readers[0].close()
    readers[0].close()
    assert (places.closed, len(tail._found)) == (1, 5)
    readers[1].close()
    assert (places.closed, len(tail._found)) == (2, 0)


def test_a_tail_that_takes_too_long_is_told(places, monkeypatch):
    monkeypatch.setattr(tail_module, "_TAIL_S", -1.0)
    told = []
    KafkaReader(places, Tail("alerts", Codec(), told.append)).alerts(0)
    assert "could not all be read" in told[0]
