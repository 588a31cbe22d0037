"""Records that are asked for by their places, read outside of any group's assignment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.errors import BrokerError
from stream.kafka.client import Connection
from stream.kafka.committed import committed_offsets
from stream.partition import Partition

_CALL_TIMEOUT_S = 10.0
_SILENT_S = 30.0
_AT_ONCE = 1000
_POLL_S = 0.2


class PartitionReader:
    """Read ranges of partitions; a group's committed offsets are read and never changed.

    Parameters
    ----------
    connection : Connection
    group : str
        Whose committed offsets are told. It is not joined: nothing is shared out, and nobody
        else is disturbed, however long reading takes.
    on_error : callable, optional
        Told of errors that librdkafka recovers from by itself.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        on_error: Callable[[str], None] | None = None,
    ) -> None:
        self._tell = on_error or (lambda _: None)
        self._closed = False
        self._consumer = Consumer(
            {
                **connection.consumer(group),
                # Says that a partition has been read when markers are the last it holds.
                "enable.partition.eof": True,
                "error_cb": lambda error: self._tell(str(error)),
            }
        )

    def committed(self, places: Iterable[Partition]) -> dict[Partition, int]:
        """Return the group's next offsets; negative where there is none.

        Raises
        ------
        BrokerError
            If they cannot be read.
        """
        asked = [TopicPartition(*place) for place in places]
        if not asked:
            return {}
        found = committed_offsets(self._consumer, asked)
        return {(each.topic, each.partition): each.offset for each in found}

    def since(self, topic: str, at_ms: int) -> tuple[dict[Partition, int], dict[Partition, int]]:
        """Return where a topic's records from a time on begin, and where they end now.

        Raises
        ------
        BrokerError
            If the brokers do not say.
        """
        first: dict[Partition, int] = {}
        behind: dict[Partition, int] = {}
        with _told(f"where the records of {topic} begin"):
            partitions = self._consumer.list_topics(topic, timeout=_CALL_TIMEOUT_S)
            numbers = sorted(partitions.topics[topic].partitions)
            asked = [TopicPartition(topic, number, max(at_ms, 0)) for number in numbers]
            found = self._consumer.offsets_for_times(asked, timeout=_CALL_TIMEOUT_S)
            _require(found, "where the records of {} begin")
            for each in found:
                _, end = self._consumer.get_watermark_offsets(each, timeout=_CALL_TIMEOUT_S)
                # Negative: none is so young.
                if 0 <= each.offset < end:
                    first[topic, each.partition] = each.offset
                    behind[topic, each.partition] = end
        return first, behind

    def ends(self, topic: str) -> tuple[dict[Partition, int], dict[Partition, int]]:
        """Return where all records of a topic begin, and where they end now.

        Raises
        ------
        BrokerError
            If the brokers do not say, or there is no such topic.
        """
        first: dict[Partition, int] = {}
        behind: dict[Partition, int] = {}
        with _told(f"where the records of {topic} begin"):
            found = self._consumer.list_topics(topic, timeout=_CALL_TIMEOUT_S).topics[topic]
            if found.error is not None:
                raise BrokerError(f"no topic {topic}: run `fraudstream topics create`")
            for number in sorted(found.partitions):
                place = TopicPartition(topic, number)
                ends = self._consumer.get_watermark_offsets(place, timeout=_CALL_TIMEOUT_S)
                first[topic, number], behind[topic, number] = ends
        return first, behind

    def read(
        self,
        first: Mapping[Partition, int],
        behind: Mapping[Partition, int],
        limit_s: float | None = None,
    ) -> Iterator[list[Message]]:
        """Yield the records of offsets from `first` to before `behind`, as they come.

        Parameters
        ----------
        first, behind : mapping of Partition to int
        limit_s : float, optional
            Stop after this long, whether or not all was read.

        Raises
        ------
        BrokerError
            If records are no longer there, or the brokers fall silent.
        """
        open_ends = {place: end for place, end in behind.items() if first[place] < end}
        if not open_ends:
            return
        places = [TopicPartition(*place, first[place]) for place in open_ends]
        self._consumer.assign(places)
        try:
            began_s = heard_s = time.monotonic()
            while open_ends:
                # As in Source.poll: to ask for many at once would wait for all of them.
                message = self._consumer.poll(_POLL_S)
                messages = [] if message is None else [message]
                messages += self._consumer.consume(_AT_ONCE, 0)
                now_s = time.monotonic()
                heard_s = now_s if messages else heard_s
                if limit_s is not None and now_s - began_s > limit_s:
                    return
                if now_s - heard_s > _SILENT_S:
                    names = ", ".join(f"{topic}[{p}]" for topic, p in sorted(open_ends))
                    raise BrokerError(f"no broker gave records of {names} for {_SILENT_S:.0f} s")
                records = [each for each in messages if self._is_wanted(each, open_ends)]
                if records:
                    yield records
        finally:
            # A partition stays paused, even for the next assignment.
            self._consumer.resume(places)
            self._consumer.unassign()

    def close(self) -> None:
        """Let go of the brokers; a second time does nothing."""
        if not self._closed:
            self._closed = True
            self._consumer.close()

    def _is_wanted(self, message: Message, open_ends: dict[Partition, int]) -> bool:
        """Tell whether a message is a record to give; forget a partition that was read."""
        place = (str(message.topic()), int(message.partition() or 0))
        error = message.error()
        if error is None:
            end, offset = open_ends.get(place, 0), int(message.offset() or 0)
            if end and offset >= end - 1:
                del open_ends[place]
                self._consumer.pause([TopicPartition(*place)])
            return offset < end
        if error.code() == KafkaError._PARTITION_EOF:
            open_ends.pop(place, None)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise BrokerError(
                f"records of {place[0]}[{place[1]}] were deleted before the state that needs them "
                f"was restored ({error.str()}): raise the topic's retention, and begin with an "
                "empty recovery.folder, and an empty state"
            )
        elif error.fatal() or not error.retriable():
            raise BrokerError(f"the consumer cannot go on: {error.str()}")
        else:
            self._tell(str(error))
        return False


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say in the project's words what the brokers did not answer."""
    try:
        yield
    except KafkaException as error:
        raise BrokerError(f"cannot read {what}: {error}") from error


def _require(found: Iterable[TopicPartition], what: str) -> None:
    """Refuse partitions of which the brokers said something else than an offset."""
    for each in found:
        if each.error is not None:
            place = what.format(f"{each.topic}[{each.partition}]")
            raise BrokerError(f"cannot read {place}: {each.error}")
