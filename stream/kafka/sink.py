"""Where records go: one idempotent producer, and the account of what was acknowledged."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.errors import BrokerError, DeliveryError, FraudError
from stream.kafka.client import Connection

Offsets = dict[tuple[str, int], int]
Header = tuple[str, str | bytes | None]

# Back-pressure begins when this many records wait for the broker, and ends when
# half of them have gone.
QUEUED_HIGH = 20_000
_QUEUE_FULL_WAIT_S = 30.0
# One call of the client for so many records, where it can.
_TOGETHER_MAX = 256
_ANY_PARTITION = -1
_CALL_TIMEOUT_S = 10.0


class OutRecord(NamedTuple):
    """A record to publish."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[Header] | None = None
    # Where it must lie; else its key says it.
    partition: int = _ANY_PARTITION


@dataclass
class _Step:
    """The records of one step that are not acknowledged yet, and what they allow to commit."""

    offsets: Offsets
    outstanding: int = 0


class Sink:
    """Publish records, and say which input offsets they have made safe to commit.

    An input offset may be committed once every record that its step produced, and
    those of all steps before it, have been acknowledged by the brokers.

    Parameters
    ----------
    connection : Connection
    topics : iterable of str
        Topics that will be written, reached now so that the first record need not wait.
    on_error : callable, optional
        Told of errors that librdkafka recovers from by itself.
    settings : mapping, optional
        Of the producer; by default those of `Connection.producer`.
    client : callable
        Makes the producer from all settings.

    Raises
    ------
    BrokerError
        If no broker answers in time.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Iterable[str] = (),
        on_error: Callable[[str], None] | None = None,
        settings: Mapping[str, Any] | None = None,
        client: Callable[[dict[str, Any]], Any] = Producer,
    ) -> None:
        tell = on_error or (lambda _: None)
        given = connection.producer() if settings is None else settings
        self._producer = client({**given, "error_cb": lambda error: tell(str(error))})
        try:
            for topic in topics:
                self._producer.list_topics(topic, timeout=_CALL_TIMEOUT_S)
        except KafkaException as error:
            raise BrokerError(f"no Kafka answers: {error.args[0].str()}") from error
        self._steps: deque[_Step] = deque()
        self._failure: str | None = None
        self.delivered = 0

    def publish(self, records: Iterable[OutRecord], offsets: Offsets) -> None:
        """Publish the records of one step.

        Parameters
        ----------
        records : iterable of OutRecord
        offsets : dict
            (topic, partition) to the offset behind the step's last input record.

        Raises
        ------
        DeliveryError
            If a record of this or an earlier step was refused for good.
        """
        # One more until all are there: making them can fail, and then nothing of it is safe.
        step = _Step(offsets, outstanding=1)
        self._steps.append(step)

        def delivered(error: Any, message: Any) -> None:
            if error is not None:
                self._failure = f"a record for {message.topic()} was not delivered: {error}"
            else:
                step.outstanding -= 1
                self.delivered += 1

        for some in together(records):
            step.outstanding += len(some)
            self._produce(some, delivered)
        step.outstanding -= 1
        self.poll(0)

    def poll(self, timeout_s: float) -> None:
        """Serve acknowledgements.

        Raises
        ------
        DeliveryError
            If a record was refused for good.
        """
        self._serve(timeout_s)

    @property
    def due_s(self) -> float:
        """Seconds until `poll` has something to do though nothing happens: never."""
        return math.inf

    def _serve(self, timeout_s: float) -> None:
        self._producer.poll(timeout_s)
        if self._failure is not None:
            raise DeliveryError(
                f"{self._failure}; its input was not committed: mend the cause and restart"
            )

    @property
    def congested(self) -> bool:
        """Whether the caller should stop taking input."""
        return len(self._producer) > QUEUED_HIGH

    @property
    def relieved(self) -> bool:
        """Whether input may be taken again after congestion."""
        return len(self._producer) <= QUEUED_HIGH // 2

    def safe_offsets(self) -> Offsets:
        """Return the offsets that became safe to commit since the last call."""
        safe: Offsets = {}
        while self._steps and self._steps[0].outstanding == 0:
            safe.update(self._steps.popleft().offsets)
        return safe

    def hear_offsets(self, committed: Offsets) -> None:
        """Hear where the group is in partitions that it gives; of no use without transactions."""

    def forget_offsets(self) -> None:
        """Say nothing any more of offsets that were given until now."""
        for step in self._steps:
            step.offsets = {}

    def flush(self, timeout_s: float) -> int:
        """Wait for acknowledgements; return how many records are still without one."""
        left: int = self._producer.flush(timeout_s)
        self.poll(0)
        return left

    def close(self, timeout_s: float = 5.0) -> None:
        """Flush, then drop what nobody acknowledged: its input was never committed."""
        self._producer.flush(timeout_s)
        self._producer.purge()
        self._producer.flush(0.1)

    def _produce(self, some: list[OutRecord], delivered: Callable[[Any, Any], None]) -> None:
        """Hand records to the client: one, or several without headers for one topic."""
        if len(some) == 1:
            self._produce_one(some[0], delivered)
            return
        given = [{"key": record.key, "value": record.value} for record in some]
        taken = self._producer.produce_batch(some[0].topic, given, _ANY_PARTITION, delivered)
        if taken == len(some):
            return
        for record, told in zip(some, given, strict=True):
            error: Any = told.get("_error")
            if error is None:
                continue
            if error.code() != KafkaError._QUEUE_FULL:
                raise self._refused(record, KafkaException(error))
            # Where the queue is full for one, it was for all behind it: they stay in order.
            self._produce_one(record, delivered)

    def _produce_one(self, record: OutRecord, delivered: Callable[[Any, Any], None]) -> None:
        deadline = math.inf
        topic, key, value, headers, partition = record
        while True:
            try:
                self._producer.produce(topic, value, key, partition, delivered, headers=headers)
                return
            except BufferError:
                now = time.monotonic()
                deadline = min(deadline, now + _QUEUE_FULL_WAIT_S)
                if now > deadline:
                    raise DeliveryError(
                        f"the brokers took nothing for {_QUEUE_FULL_WAIT_S:.0f} s"
                    ) from None
                self._serve(0.1)
            except KafkaException as error:
                raise self._refused(record, error) from error

    def _refused(self, record: OutRecord, error: KafkaException) -> FraudError:
        return DeliveryError(f"a record for {record.topic} was refused: {error}")


def together(records: Iterable[OutRecord]) -> Iterator[list[OutRecord]]:
    """Yield records in order, as many at once as one call of the client takes.

    Those are the ones that follow each other, without headers, for any partition of one topic.
    """
    some: list[OutRecord] = []
    for record in records:
        alone = record.headers is not None or record.partition != _ANY_PARTITION
        if some and (alone or record.topic != some[0].topic or len(some) == _TOGETHER_MAX):
            yield some
            some = []
        if alone:
            yield [record]
        else:
            some.append(record)
    if some:
        yield some
