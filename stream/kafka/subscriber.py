"""A reader of alerts and decisions, as a subscriber of ours would write it."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from numpy.typing import NDArray

from schemas.errors import SchemaError
from schemas.records import RecordCodec
from stream.kafka.client import Connection
from stream.telemetry.latency_histogram import LatencyHistogram

_POLL_S = 0.2
_CALL_TIMEOUT_S = 10.0
_KEPT = 100
_SEEN_MAX = 100_000


class Subscriber:
    """Read alerts and decisions in a thread of its own, from their beginning.

    Latency is taken from outside: from a payment's event time, which is when it
    was due to be sent, to the moment its decision has been read here. Payments of
    the first `warm_up_us` of event time are read but not timed: connections are
    made and first calls are paid for then.

    Parameters
    ----------
    connection : Connection
    topics : dict of str to RecordCodec
        Topics and how to read them.
    decisions_topic : str
        The one whose records are timed.
    warm_up_us : int

    Attributes
    ----------
    latency : LatencyHistogram
    recent : deque of dict
        The latest alerts, newest last; an alert id is kept once.
    """

    def __init__(
        self,
        connection: Connection,
        topics: dict[str, RecordCodec],
        decisions_topic: str,
        warm_up_us: int = 0,
    ) -> None:
        self.latency = LatencyHistogram()
        self.recent: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self.alerts = 0
        self.unreadable = 0
        self.decisions = 0
        self._topics = topics
        self._decisions_topic = decisions_topic
        self._warm_up_us = warm_up_us
        self._first_us: int | None = None
        self._read_s: tuple[float, float] | None = None
        self._seen: dict[str, None] = {}
        self._stop = threading.Event()
        self._error: str | None = None
        settings = {**connection.consumer("fraudstream-subscriber"), "client.id": "subscriber"}
        self._consumer = Consumer(settings)
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)

    def start(self) -> None:
        """Take every partition of the topics and begin to read."""
        places = []
        for topic in self._topics:
            metadata = self._consumer.list_topics(topic, timeout=_CALL_TIMEOUT_S)
            partitions = metadata.topics[topic].partitions
            places += [TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions]
        self._consumer.assign(places)
        self._thread.start()

    @property
    def decisions_per_s(self) -> float:
        """Decisions read, over the time from the first to the last."""
        first, last = self._read_s or (0.0, 0.0)
        return self.decisions / (last - first) if last > first else 0.0

    def close(self) -> str | None:
        """Stop reading; return what went wrong, if anything did."""
        self._stop.set()
        self._thread.join(_CALL_TIMEOUT_S)
        self._consumer.close()
        return self._error

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                first = self._consumer.poll(_POLL_S)
                if first is not None:
                    self._read([first, *self._consumer.consume(999, 0)])
        except (KafkaException, ValueError) as error:
            self._error = str(error)

    def _read(self, messages: list[Any]) -> None:
        now_us = time.time_ns() // 1000
        event_times = []
        for message in messages:
            if message.error() is not None:
                continue
            try:
                record = self._topics[message.topic()].decode(message.value() or b"")
            except SchemaError:
                self.unreadable += 1  # Anybody may send to an embedded broker.
                continue
            if message.topic() == self._decisions_topic:
                event_times.append(record["event_time"])
            elif record["alert_id"] not in self._seen:
                self._remember(record)
        if event_times:
            self._time(now_us, np.array(event_times, np.int64))

    def _time(self, now_us: int, event_times_us: NDArray[np.int64]) -> None:
        now_s = time.monotonic()
        self._read_s = (self._read_s[0] if self._read_s else now_s, now_s)
        self.decisions += len(event_times_us)
        if self._first_us is None:
            self._first_us = int(event_times_us.min())
        timed = event_times_us[event_times_us >= self._first_us + self._warm_up_us]
        self.latency.record(now_us - timed)

    def _remember(self, alert: dict[str, Any]) -> None:
        """Keep an alert once: after a crash the same id may come again."""
        self._seen[alert["alert_id"]] = None
        if len(self._seen) > _SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        self.alerts += 1
        self.recent.append(alert)
