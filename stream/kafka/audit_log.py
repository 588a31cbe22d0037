"""The audit topic: appended to by one at a time, whoever they are and wherever they run.

Kafka appends whatever it is given; it does not compare. But whoever begins with transactions under
a name fences off everybody who began before under that name. So to append is: begin, which ends
what others had open; read the end of the trail; write the entry that follows it, and commit. Should
somebody else have begun meanwhile, the commit is refused, and all is done again. Two entries
can not follow the same one, as long as all append so; that somebody did not, `verify` tells.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import KafkaException, Producer

from schemas.any_version import AnyVersion
from schemas.errors import BrokerError, FencedError, SchemaError, TransactionError
from schemas.records import RecordCodec
from stream.audit_trail.chain import Act, Entry, entry_of, following
from stream.kafka.client import Connection
from stream.kafka.newest_first import newest_first
from stream.kafka.reader import PartitionReader
from stream.kafka.transactional_calls import TransactionalCalls

PARTITION = 0
_TOGETHER_S = 60.0
_CALL_S = 20.0
_WAIT_S = 0.4
_RECENT = 100


class AuditLog:
    """Appends acts to a topic, and reads them.

    Parameters
    ----------
    connection : Connection
    topic : str
    codec : RecordCodec
        Of `audit.avsc`.
    reader : AnyVersion
        Of the same.
    tell : callable
        Told in words of errors that librdkafka recovers from by itself.
    now_us : callable
        Microseconds since the epoch.
    """

    def __init__(
        self,
        connection: Connection,
        topic: str,
        codec: RecordCodec,
        reader: AnyVersion,
        tell: Callable[[str], None] = lambda _: None,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.topic = topic
        self._connection = connection
        self._codec = codec
        self._reader = reader
        self._tell = tell
        self._now_us = now_us
        self._places = PartitionReader(connection, "fraudstream-audit", tell)

    def append(self, act: Act) -> Entry:
        """Write an act behind the last entry; return its own, which the brokers have.

        Raises
        ------
        BrokerError
            If it could not be written: what is to be noted must not be done then.
        """
        self._places.ends(self.topic)  # Whether it is there at all.
        until_s = time.monotonic() + _TOGETHER_S
        tried: set[str] = set()
        while True:
            try:
                return self._append(act, tried)
            except (FencedError, TransactionError) as error:
                if time.monotonic() >= until_s:
                    raise BrokerError(
                        f"{self.topic}: nothing could be appended: {error}"
                    ) from error
                # At random: those who met do not meet again.
                time.sleep(_WAIT_S * random.random())  # noqa: S311 - nothing is secret about it.

    def read(self) -> Iterator[tuple[int, Entry | str]]:
        """Yield offsets and entries, oldest first, or why a record is none.

        Raises
        ------
        BrokerError
            If the topic cannot be read.
        """
        first, behind = self._places.ends(self.topic)
        place = (self.topic, PARTITION)
        strays = [p for p, end in behind.items() if p != place and end > first[p]]
        for topic, partition in strays:
            yield -1, f"records are in {topic}[{partition}], where none belongs"
        for messages in self._places.read({place: first[place]}, {place: behind[place]}):
            for message in messages:
                yield int(message.offset() or 0), self._entry(message)

    def close(self) -> None:
        """Let go of the brokers."""
        self._places.close()

    def _append(self, act: Act, tried: set[str]) -> Entry:
        """Append once; `tried` are the hashes of entries of which nobody knows whether they are."""
        name = f"fraudstream-audit-{self.topic}"
        settings = self._connection.transactional_producer(name)
        try:
            producer = Producer(settings)
        except KafkaException as error:
            raise BrokerError(f"kafka.client: {error.args[0].str()}") from error
        calls = TransactionalCalls(producer, name, _CALL_S, lambda _: None)
        try:
            calls.make("init", producer.init_transactions, (), _CALL_S)
            recent = self._recent()
            done = next((each for each in recent if each.hash in tried), None)
            if done is not None:
                return done
            entry = following(recent[-1] if recent else None, act, self._now_us())
            tried.add(entry.hash)
            producer.begin_transaction()
            value = self._codec.encode(entry.record())
            producer.produce(self.topic, value, entry.act.what.encode(), PARTITION)
            calls.make("commit", producer.commit_transaction, (), _CALL_S)
            return entry
        except KafkaException as error:
            raise calls.ended("append", error.args[0]) from error
        finally:
            calls.close()

    def _recent(self) -> list[Entry]:
        """Return the last entries, oldest first; empty only where there is none at all."""
        for messages in newest_first(self._places, self.topic):
            own = [each for each in messages if each.partition() == PARTITION]
            entries = [self._entry(each) for each in own[-_RECENT:]]
            found = [each for each in entries if isinstance(each, Entry)]
            if found:
                return found
        return []

    def _entry(self, message: Any) -> Entry | str:
        try:
            return entry_of(self._reader.decode(message.value() or b""))
        except (SchemaError, KeyError, ValueError) as error:
            return str(error)
