"""Send one record, and wait until the brokers have it."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaException, Producer

from schemas.errors import BrokerError, DeliveryError
from stream.kafka.client import Connection

_TIMEOUT_S = 30.0


def send(
    connection: Connection, topic: str, key: bytes, value: bytes, timeout_s: float = _TIMEOUT_S
) -> tuple[int, int]:
    """Send a record; return its partition and offset, acknowledged by all replicas.

    Raises
    ------
    BrokerError
        If no broker answers, or the topic is not there.
    DeliveryError
        If it was not acknowledged in time: it may be there all the same.
    """
    producer = Producer(connection.producer())
    answers: list[tuple[Any, Any]] = []
    try:
        found = producer.list_topics(topic, timeout=timeout_s / 3).topics[topic]
        if found.error is not None:
            raise BrokerError(f"no topic {topic}: run `fraudstream topics create`")
        producer.produce(topic, value, key, on_delivery=lambda *answer: answers.append(answer))
        producer.flush(timeout_s)
    except KafkaException as error:
        raise BrokerError(f"no Kafka at {connection.bootstrap}: {error.args[0].str()}") from error
    why, message = answers[0] if answers else (f"no answer in {timeout_s:.0f} s", None)
    if message is None or why is not None:
        raise DeliveryError(f"{topic}: not acknowledged ({why}): send it again, it does no harm")
    return int(message.partition()), int(message.offset())
