"""Send one record, to one partition or to each, and wait until the brokers have it."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaException, Producer

from schemas.errors import BrokerError, DeliveryError
from stream.kafka.client import Connection

_TIMEOUT_S = 30.0
# What librdkafka calls a partition that it chooses itself.
_BY_KEY = -1


def send(
    connection: Connection,
    topic: str,
    key: bytes,
    value: bytes,
    timeout_s: float = _TIMEOUT_S,
    everywhere: bool = False,
) -> list[tuple[int, int]]:
    """Send a record; return its partitions and offsets, acknowledged by all replicas.

    Parameters
    ----------
    connection : Connection
    topic : str
    key, value : bytes
    timeout_s : float
        For the brokers to answer.
    everywhere : bool
        To every partition; else to that of the key.

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
        places: list[int] = sorted(found.partitions) if everywhere else [_BY_KEY]
        for partition in places:
            producer.produce(
                topic, value, key, partition, on_delivery=lambda *answer: answers.append(answer)
            )
        producer.flush(timeout_s)
    except KafkaException as error:
        raise BrokerError(f"no Kafka at {connection.bootstrap}: {error.args[0].str()}") from error
    failed = [why for why, _ in answers if why is not None]
    if failed or len(answers) < len(places):
        why = failed[0] if failed else f"no answer in {timeout_s:.0f} s"
        raise DeliveryError(f"{topic}: not acknowledged ({why}): send it again, it does no harm")
    return sorted((int(message.partition()), int(message.offset())) for _, message in answers)
