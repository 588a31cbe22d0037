"""Send simulated payments and, later, their labels, like any producer would.

Open loop: a payment is sent when it is due, whether or not the engine keeps up,
and its event time is the time it was due. The one exception is declared: when the
consumer group lags by more than `lag_max` records, sending is held back, because
the embedded broker drops what it cannot hold.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from schemas.errors import BrokerError, DeliveryError
from schemas.records import RecordCodec
from stream.kafka.client import Connection

_LAG_INTERVAL_S = 0.1
_CALL_TIMEOUT_S = 5.0
_HELD_S = 0.01


class Payment(Protocol):
    """What is sent; see `stream.simulate.payments.Payment`."""

    @property
    def record(self) -> dict[str, Any]:
        """Return a record of the transaction contract."""
        ...

    @property
    def is_fraud(self) -> bool:
        """Return the truth."""
        ...

    @property
    def event_time_us(self) -> int:
        """Return when it is made."""
        ...


P = TypeVar("P", bound=Payment)


@dataclass(frozen=True)
class SendPlan:
    """What is sent where, how fast, and when the truth follows.

    Attributes
    ----------
    transactions_topic, labels_topic : str
    group : str
        The consumer group that is held in sight.
    lag_max : int
        Records that may be sent and not yet committed by the group.
    label_delay_us : int
        A label follows its payment after this much event time.
    label_genuine : bool
        Whether genuine payments get a label too; else only frauds do.
    """

    transactions_topic: str
    labels_topic: str
    group: str
    lag_max: int = 10_000
    label_delay_us: int = 3_000_000
    label_genuine: bool = False


@dataclass
class SendStats:
    """What was sent."""

    payments: int = 0
    frauds: int = 0
    labels: int = 0
    held_s: float = 0.0


class PaymentSender:
    """Send a stream of payments and their labels.

    Parameters
    ----------
    connection : Connection
    plan : SendPlan
    transaction_codec, label_codec : RecordCodec
    tell : callable, optional
        Told in words when payments are held back.
    """

    def __init__(
        self,
        connection: Connection,
        plan: SendPlan,
        transaction_codec: RecordCodec,
        label_codec: RecordCodec,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tell = tell
        self.plan = plan
        self.stats = SendStats()
        self._transactions = transaction_codec
        self._labels = label_codec
        # Without idempotence: the first record would wait a second for a producer id,
        # and a payment that comes twice is something the engine must take anyway.
        self._producer = Producer(connection.producer(idempotent=False))
        self._watcher = Consumer(connection.consumer(plan.group))
        self._ends: dict[TopicPartition, int] = {}
        self._firsts: dict[TopicPartition, int] = {}
        self._due: list[tuple[int, int, str, str, bool]] = []
        self._in_flight = 0
        self._failure: str | None = None
        self._next_lag_s = 0.0
        self._lag = 0
        self._sent_since = 0

    def connect(self) -> None:
        """Reach the brokers before the first payment is due.

        Raises
        ------
        BrokerError
            If none answers in time.
        """
        try:
            for topic in (self.plan.transactions_topic, self.plan.labels_topic):
                self._producer.list_topics(topic, timeout=_CALL_TIMEOUT_S)
        except KafkaException as error:
            raise BrokerError(f"no Kafka answers: {error.args[0].str()}") from error

    def run(
        self,
        payments: Iterator[P],
        due_s: Callable[[P], float],
        stop: Callable[[], bool],
        on_progress: Callable[[SendStats], None] | None = None,
    ) -> SendStats:
        """Send until the stream ends or `stop` says so, then flush.

        Parameters
        ----------
        payments : iterator of Payment
            In the order of their event times.
        due_s : callable
            When a payment is to be sent, on the clock of `time.monotonic`.
        stop : callable
        on_progress : callable, optional

        Raises
        ------
        DeliveryError
            If a record was refused for good.
        """
        for payment in payments:
            if not self._wait_until(due_s(payment), stop):
                break
            self._send(payment)
            if on_progress is not None and self.stats.payments % 1000 == 0:
                on_progress(self.stats)
        else:
            self._send_labels(None)
        self._producer.flush(30)
        self._check()
        return self.stats

    def close(self) -> None:
        """Close both clients."""
        self._producer.flush(1)
        self._watcher.close()

    def _wait_until(self, due_s: float, stop: Callable[[], bool]) -> bool:
        """Wait for the due time and for the group to keep up; False to stop."""
        while not stop():
            now = time.monotonic()
            if now < due_s:
                self._producer.poll(min(due_s - now, 0.05))
                continue
            if self._lag_now(now) <= self.plan.lag_max:
                return True
            if not self.stats.held_s:
                self._tell(
                    f"held back: consumer group {self.plan.group} is more than "
                    f"{self.plan.lag_max} records behind; is a worker running?"
                )
            self.stats.held_s += _HELD_S
            self._producer.poll(_HELD_S)
        return False

    def _send(self, payment: Payment) -> None:
        record = payment.record
        self._produce(
            self.plan.transactions_topic,
            record["card_id"].encode(),
            self._transactions.encode(record),
        )
        self.stats.payments += 1
        self.stats.frauds += payment.is_fraud
        if payment.is_fraud or self.plan.label_genuine:
            due_us = payment.event_time_us + self.plan.label_delay_us
            name, card = record["transaction_id"], record["card_id"]
            heapq.heappush(self._due, (due_us, self.stats.payments, name, card, payment.is_fraud))
        self._send_labels(payment.event_time_us)

    def _send_labels(self, now_us: int | None) -> None:
        """Send the labels that are due by event time; all of them for None."""
        while self._due and (now_us is None or self._due[0][0] <= now_us):
            due_us, _, transaction_id, card, is_fraud = heapq.heappop(self._due)
            label = {
                "transaction_id": transaction_id,
                "is_fraud": is_fraud,
                "source": "CHARGEBACK" if is_fraud else "ANALYST_REVIEW",
                "label_time": due_us,
                "confidence": 1.0,
            }
            # That of its payment: workers that share partitions find it where the payment is.
            self._produce(self.plan.labels_topic, card.encode(), self._labels.encode(label))
            self.stats.labels += 1

    def _produce(self, topic: str, key: bytes, value: bytes) -> None:
        self._check()
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, on_delivery=self._delivered)
                self._in_flight += 1
                self._sent_since += 1
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: Any, message: Any) -> None:
        self._in_flight -= 1
        if error is not None:
            self._failure = f"a record for {message.topic()} was not delivered: {error}"
            return
        place = TopicPartition(message.topic(), message.partition())
        self._ends[place] = max(self._ends.get(place, 0), message.offset() + 1)
        self._firsts.setdefault(place, message.offset())

    def _check(self) -> None:
        if self._failure is not None:
            raise DeliveryError(self._failure)

    def _lag_now(self, now_s: float) -> int:
        """Return how far the group is behind what was sent; asked of the broker rarely."""
        if now_s >= self._next_lag_s:
            self._next_lag_s = now_s + _LAG_INTERVAL_S
            self._lag = self._ask_lag() + self._in_flight
            self._sent_since = 0
        return self._lag + self._sent_since

    def _ask_lag(self) -> int:
        places = list(self._ends)
        if not places:
            return 0
        try:
            committed = self._watcher.committed(places, timeout=_CALL_TIMEOUT_S)
        except KafkaException:
            return self._lag
        behind = 0
        for place, at in zip(places, committed, strict=True):
            behind += self._ends[place] - max(at.offset, self._firsts[place])
        return behind
