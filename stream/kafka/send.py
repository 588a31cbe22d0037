"""Send records, to one partition or to each, and wait until the brokers have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaException, Producer

from schemas.errors import BrokerError, DeliveryError
from stream.kafka.client import Connection

_TIMEOUT_S = 30.0
# What librdkafka calls a partition that it chooses itself.
_BY_KEY = -1


class Letter(NamedTuple):
    """A record to send.

    Attributes
    ----------
    topic : str
    key, value : bytes
    partition : int or None
        Where it belongs; None, or one that the topic does not have: where its key says.
    headers : tuple of (str, bytes)
    """

    topic: str
    key: bytes
    value: bytes
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Sender:
    """Sends records to a topic one after the other, each once the one before is acknowledged.

    Parameters
    ----------
    connection : Connection
    topic : str
    timeout_s : float
        For the brokers to answer, each time.
    everywhere : bool
        To every partition; else to that of the key.

    Raises
    ------
    BrokerError
        If no broker answers, or the topic is not there.
    """

    def __init__(
        self,
        connection: Connection,
        topic: str,
        timeout_s: float = _TIMEOUT_S,
        everywhere: bool = False,
    ) -> None:
        self._post = _Post(connection, timeout_s)
        self._topic = topic
        known: Sequence[int | None] = self._post.partitions(topic)
        self._places = known if everywhere else [None]

    def send(self, key: bytes, value: bytes) -> list[tuple[int, int]]:
        """Send a record; return its partitions and offsets, acknowledged by all replicas.

        Raises
        ------
        BrokerError
            If it cannot be sent.
        DeliveryError
            If it was not acknowledged in time: it may be there all the same.
        """
        letters = [Letter(self._topic, key, value, partition) for partition in self._places]
        return sorted(self._post.send(letters))


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
    return Sender(connection, topic, timeout_s, everywhere).send(key, value)


def send_all(
    connection: Connection, letters: Sequence[Letter], timeout_s: float = _TIMEOUT_S
) -> list[tuple[int, int]]:
    """Send records; return the partition and offset of each, acknowledged by all replicas.

    Raises
    ------
    BrokerError
        If no broker answers, or a topic is not there.
    DeliveryError
        If one was not acknowledged in time: it and others may be there all the same.
    """
    return _Post(connection, timeout_s).send(letters)


class _Post:
    """A producer for a moment."""

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._bootstrap = connection.bootstrap
        self._timeout_s = timeout_s
        self._producer = Producer(connection.producer())
        self._known: dict[str, list[int]] = {}

    def partitions(self, topic: str) -> list[int]:
        """Return a topic's partitions."""
        if topic not in self._known:
            try:
                found = self._producer.list_topics(topic, timeout=self._timeout_s / 3).topics[topic]
            except KafkaException as error:
                raise self._silent(error) from error
            if found.error is not None:
                raise BrokerError(f"no topic {topic}: run `fraudstream topics create`")
            self._known[topic] = sorted(found.partitions)
        return self._known[topic]

    def send(self, letters: Sequence[Letter]) -> list[tuple[int, int]]:
        """Send all and wait; return their places in the same order."""
        wanted = [self._place_of(each) for each in letters]
        answers: dict[int, tuple[Any, Any]] = {}
        try:
            for at, (letter, partition) in enumerate(zip(letters, wanted, strict=True)):
                self._producer.produce(
                    letter.topic,
                    letter.value,
                    letter.key,
                    partition,
                    headers=list(letter.headers) or None,
                    on_delivery=lambda *answer, at=at: answers.__setitem__(at, answer),
                )
                self._producer.poll(0)
            self._producer.flush(self._timeout_s)
        except KafkaException as error:
            raise self._silent(error) from error
        except BufferError as error:
            raise DeliveryError("too many records at once: send fewer") from error
        failed = [why for why, _ in answers.values() if why is not None]
        if failed or len(answers) < len(letters):
            why = failed[0] if failed else f"no answer in {self._timeout_s:.0f} s"
            topic = letters[0].topic
            raise DeliveryError(
                f"{topic}: not acknowledged ({why}): send it again, it does no harm"
            )
        sent = [answers[at][1] for at in range(len(letters))]
        return [(int(message.partition()), int(message.offset())) for message in sent]

    def _place_of(self, letter: Letter) -> int:
        known = self.partitions(letter.topic)
        wanted = letter.partition
        return wanted if wanted is not None and wanted in known else _BY_KEY

    def _silent(self, error: KafkaException) -> BrokerError:
        return BrokerError(f"no Kafka at {self._bootstrap}: {error.args[0].str()}")
