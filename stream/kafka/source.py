"""Where records come from: one consumer of transactions and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter, methodcaller
from typing import Any, Protocol

import numpy as np
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    Message,
    TopicPartition,
)
from numpy.typing import NDArray

from schemas.errors import BrokerError, FraudError, TransactionError
from stream.kafka.client import Connection
from stream.kafka.committed import committed_offsets
from stream.kafka.steady_clock import SteadyClock
from stream.kafka.topic_ids import TopicIds
from stream.partition import Partition

# Called for every record: a map of these takes half as long as a loop.
_topic, _value, _timestamp = map(methodcaller, ("topic", "value", "timestamp"))
_SECOND = itemgetter(1)
_partition, _offset = map(methodcaller, ("partition", "offset"))
# Called so, and not as an attribute, CPython 3.11 checks the client's answer every time.
_headers = methodcaller("headers")

# Where a poll finds no more than these, waiting brings few others and is felt by each.
_FEW = 4
# Brokers tell no offsets while a transaction is about to change them.
_COMMITTED_S = 5.0


@dataclass(frozen=True)
class RawBatch:
    """Records of one topic in the order in which they were consumed.

    Attributes
    ----------
    topic : str
    messages : list of Message
        For dead letters: key, value and headers as they came.
    values : list of bytes or None
    partition, offset, arrival_time_us : ndarray of int64, shape (n,)
    now_ms : int
        The clock when they were taken, milliseconds since the epoch; none arrived later.
    """

    topic: str
    messages: list[Message]
    values: list[bytes | None]
    partition: NDArray[np.int64]
    offset: NDArray[np.int64]
    arrival_time_us: NDArray[np.int64]
    now_ms: int = 0

    def __len__(self) -> int:
        return len(self.messages)

    def rows(self, keep: NDArray[np.bool_]) -> RawBatch:
        """Return some of the records; `keep` has shape (n,)."""
        return self if keep.all() else self.at(np.flatnonzero(keep))

    def at(self, places: NDArray[np.int64]) -> RawBatch:
        """Return the records at some places, in the order of these."""
        rows = places.tolist()
        return RawBatch(
            self.topic,
            [self.messages[row] for row in rows],
            [self.values[row] for row in rows],
            self.partition[places],
            self.offset[places],
            self.arrival_time_us[places],
            self.now_ms,
        )

    def next_offsets(self) -> dict[tuple[str, int], int]:
        """Return, for each partition, the offset behind its last record."""
        last = np.full(int(self.partition.max(initial=-1)) + 1, -1)
        # Of several that are written to one place the last one stays.
        last[self.partition] = self.offset
        seen = np.flatnonzero(last >= 0).tolist()
        return {(self.topic, partition): int(last[partition]) + 1 for partition in seen}


class Positions(Protocol):
    """Who knows better than the group where to go on."""

    def assigned(self, committed: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        """Return where to begin in each partition; negative is its beginning.

        More than the group gave may be named, of topics that it does not share out.

        Parameters
        ----------
        committed : mapping of (str, int) to int
            The group's next offsets; negative where there is none.
        """
        ...

    def revoked(self) -> None:
        """Bring to an end what was taken; the partitions are still this consumer's."""
        ...

    def lost(self) -> None:
        """Let go of what was taken; the partitions may be another's already."""
        ...


class Source:
    """A consumer that is never waiting when records are there, and never skips one.

    It joins its group with the first poll.

    Parameters
    ----------
    connection : Connection
    group : str
        Consumer group; its committed offsets say where to go on.
    topics : iterable of str
    on_error : callable, optional
        Told of errors that librdkafka recovers from by itself.
    ids : TopicIds, optional
        Watches whether the topics are still the same; closed with the source.
    linger_s : float
        How long, where many records come, the first ones of a poll wait for others.
    beside : iterable of str
        Topics that the group does not share out: of these it reads what `Positions` names.

    Attributes
    ----------
    partitions : int
        How many the group has given it, of all topics.
    """

    def __init__(
        self,
        connection: Connection,
        group: str,
        topics: Iterable[str],
        on_error: Callable[[str], None] | None = None,
        ids: TopicIds | None = None,
        linger_s: float = 0.0,
        beside: Iterable[str] = (),
    ) -> None:
        self._beside = list(beside)
        self._ids = ids
        self._linger_s = linger_s
        self._many = False
        self._topics = list(topics)
        self._positions: Positions | None = None
        self._subscribed = False
        self._joined = False
        self._tell = on_error or (lambda _: None)
        self._failure: FraudError | None = None
        self._paused = False
        self._held_back: set[str] = set()
        self._assigned = False
        # How many partitions it has been given, of all topics.
        self.partitions = 0
        # How often partitions went away.
        self._releases = 0
        self._commits_pending = 0
        self._uncommitted: dict[tuple[str, int], int] = {}
        self._sent: dict[tuple[str, int], int] = {}
        self._clock = SteadyClock()
        self._consumer = Consumer(
            {
                **connection.consumer(group),
                "error_cb": lambda error: self._tell(str(error)),
                "on_commit": self._committed,
            }
        )

        self._nobody = self._consumer.consumer_group_metadata()
        self._member: Any = None

    def follow(self, positions: Positions) -> None:
        """Go on where another says, in place of the group; before the first poll."""
        self._positions = positions

    def poll(self, n_max: int, timeout_s: float) -> list[RawBatch]:
        """Wait for a first record, then take what is already there.

        Where the last poll brought more than a few, the first ones wait a little for others: much
        of what a batch costs, it costs however small it is.
        ``consume(n, timeout)`` alone would wait for all n or the whole timeout: at 500
        records a second that is half of it, for every record.

        Returns
        -------
        list of RawBatch
            One a topic, in the order of the topics given at construction, those beside first.

        Raises
        ------
        BrokerError
            If the consumer cannot go on.
        """
        if not self._subscribed:
            self._consumer.subscribe(
                self._topics, on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose
            )
            self._subscribed = True
        first = self._consumer.poll(timeout_s)
        if self._failure is not None:
            # An exception from a callback would leave the partitions assigned.
            raise self._failure
        if self._ids is not None:
            self._ids.require()
        if first is None:
            self._many = False
            return []
        messages, before = [first], self._releases
        if n_max > 1:
            messages += self._consumer.consume(n_max - 1, self._linger_s if self._many else 0)
            self._many = len(messages) > _FEW
        if self._failure is not None:
            raise self._failure
        if before != self._releases:
            # Its partition went away before anybody had worked on it.
            del messages[0]
        good = [message for message in messages if message.error() is None]
        if len(good) < len(messages):
            for message in messages:
                if message.error() is not None:
                    self._take_error(message)
        now_ms = self._clock.ms()
        topics = [*self._beside, *self._topics]
        by_topic: dict[str, list[Message]] = {topic: [] for topic in topics}
        # What a fetch brought of one partition comes in one go.
        for topic, run in groupby(good, _topic):
            by_topic.setdefault(topic, []).extend(run)
        return [raw_batch(topic, by_topic[topic], now_ms) for topic in topics if by_topic[topic]]

    def pause(self) -> None:
        """Stop fetching; `poll` goes on answering, with nothing."""
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True

    def resume(self) -> None:
        """Fetch again, but for what is held back."""
        if self._paused:
            self._consumer.resume(
                [p for p in self._consumer.assignment() if p.topic not in self._held_back]
            )
            self._paused = False

    def hold_back(self, topic: str) -> None:
        """Fetch nothing of a topic until it is let go."""
        self._held_back.add(topic)
        if not self._paused:
            self._consumer.pause(self._of(topic))

    def let_go(self, topic: str) -> None:
        """Fetch a topic again."""
        self._held_back.discard(topic)
        if not self._paused:
            self._consumer.resume(self._of(topic))

    def lag(self, topic: str) -> int:
        """Return how many records of a topic are still to be read, as far as is known.

        Ends are those that the last answers to fetches told; markers of transactions count as
        records.
        """
        return sum(self._lags(self._of(topic)).values())

    def lags(self) -> dict[tuple[str, int], int]:
        """Return the same of each partition that is this consumer's, where it is known."""
        return self._lags(self._consumer.assignment())

    def _lags(self, places: list[TopicPartition]) -> dict[tuple[str, int], int]:
        """Return how many records are still to be read; no broker is asked."""
        lags = {}
        for place in self._consumer.position(places):
            ends = self._consumer.get_watermark_offsets(place, cached=True)
            if ends is not None and place.offset >= 0:
                lags[place.topic, place.partition] = max(0, ends[1] - place.offset)
        return lags

    def commit(self, offsets: dict[tuple[str, int], int]) -> None:
        """Commit next offsets without waiting: a synchronous commit has no bound.

        What an earlier call could not commit goes along, unless it has been overtaken.
        """
        offsets = {**self._uncommitted, **offsets}
        self._uncommitted = {}
        if not self._joined:
            # The group takes offsets of its members only; the first commit brings them along.
            self._uncommitted = offsets
            return
        self._sent.update(offsets)
        if offsets:
            self._commits_pending += 1
            self._consumer.commit(
                offsets=[TopicPartition(t, p, offset) for (t, p), offset in offsets.items()],
                asynchronous=True,
            )

    @property
    def commits_pending(self) -> int:
        """Commits that the broker has not answered yet; `poll` serves the answers."""
        return self._commits_pending

    @property
    def assigned(self) -> bool:
        """Whether the group has given this consumer its partitions."""
        return self._assigned

    def committed(self, places: Iterable[Partition]) -> dict[Partition, int]:
        """Return the group's next offsets, whoever committed them; negative where there is none.

        Raises
        ------
        BrokerError
            If they cannot be read in some seconds.
        """
        asked = [TopicPartition(*place) for place in places]
        found = committed_offsets(self._consumer, asked, _COMMITTED_S)
        return {(each.topic, each.partition): each.offset for each in found}

    def group_metadata(self) -> Any:
        """Return who this member was when it was given its partitions; before that, nobody.

        Not who it is now: thrown out it is nobody to itself, and brokers take a transaction's
        offsets from nobody, whoever is in the group.

        Raises
        ------
        TransactionError
            If it had been thrown out already when it was given them.
        """
        if self._member is None:
            return self._nobody
        if self._member == self._nobody:
            raise TransactionError(
                "the group gave this worker partitions and threw it out before it heard of them: "
                "nothing is committed for them"
            )
        return self._member

    def close(self) -> None:
        """Leave the group."""
        if self._ids is not None:
            self._ids.close()
        self._consumer.close()
        self._positions = None

    def _of(self, topic: str) -> list[TopicPartition]:
        return [place for place in self._consumer.assignment() if place.topic == topic]

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Go on behind the committed offsets; a partition without one from its beginning."""
        # What was taken under it stays under it: every generation is assigned anew.
        self._member = self._consumer.consumer_group_metadata()
        try:
            committed = committed_offsets(consumer, partitions)
        except BrokerError as error:
            self._failure = error
            return
        if self._positions is not None:
            found = {(place.topic, place.partition): place.offset for place in committed}
            try:
                starts = self._positions.assigned(found)
            except FraudError as error:
                self._failure = error
                return
            for place in committed:
                place.offset = starts.pop((place.topic, place.partition))
            # Nobody is in the way there: each of the group may read them.
            committed += [TopicPartition(*place, at) for place, at in starts.items()]
        for place in committed:
            if place.offset < 0:
                place.offset = OFFSET_BEGINNING
        consumer.assign(committed)
        # A new assignment fetches; who paused drops what comes, and would lose it.
        waiting = [p for p in committed if self._paused or p.topic in self._held_back]
        if waiting:
            consumer.pause(waiting)
        self._assigned = self._joined = True
        self.partitions = len(partitions)

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._positions is not None:
            try:
                self._positions.revoked()
            except FraudError as error:
                # As in _assign: an exception from a callback would not stop the consumer.
                self._failure = error
        self._leave(consumer)

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Let go of partitions that may be another's already: nothing is written for them."""
        if self._positions is not None:
            try:
                self._positions.lost()
            except FraudError as error:
                self._failure = error
        self._leave(consumer)

    def _leave(self, consumer: Consumer) -> None:
        consumer.unassign()
        self._assigned = False
        self.partitions = 0
        self._releases += 1
        # Whoever has the partitions now commits for them.
        self._uncommitted.clear()
        self._sent.clear()

    def _committed(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        self._commits_pending = max(0, self._commits_pending - 1)
        if error is not None:
            self._tell(f"offsets were not committed, they will be again: {error}")
            for partition in partitions:
                place = (partition.topic, partition.partition)
                # Only if nothing later was sent, and the partition is still ours.
                if self._sent.get(place) == partition.offset:
                    self._uncommitted[place] = partition.offset

    def _take_error(self, message: Message) -> None:
        """Tell of an error that came among the records, or raise it if it does not heal."""
        error: Any = message.error()
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise BrokerError(
                f"records of {message.topic()}[{message.partition()}] were deleted before they "
                f"were read ({error.str()}): raise the topic's retention, then reset the "
                "group's offsets, and begin with an empty recovery.folder if there is one"
            )
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise BrokerError(
                f"topic {message.topic()} does not exist: run `fraudstream topics create`"
            )
        if error.fatal() or not error.retriable():
            raise BrokerError(f"the consumer cannot go on: {error.str()}")
        self._tell(str(error))


def raw_batch(topic: str, messages: list[Message], now_ms: int) -> RawBatch:
    """Lay consumed messages of one topic out as columns.

    A record's timestamp is its producer's word unless the topic stamps it itself, so
    it is held between the epoch and now: a wild one must not vouch for a wild event
    time. A record without a timestamp arrives now.

    Parameters
    ----------
    topic : str
    messages : list of Message
    now_ms : int
        The clock after they were taken, milliseconds since the epoch.
    """
    n = len(messages)
    stamps_ms = np.fromiter(map(_SECOND, map(_timestamp, messages)), np.int64, n)
    stamps_ms[(stamps_ms < 0) | (stamps_ms > now_ms)] = now_ms
    return RawBatch(
        topic,
        messages,
        list(map(_value, messages)),
        np.fromiter(map(_partition, messages), np.int64, n),
        np.fromiter(map(_offset, messages), np.int64, n),
        stamps_ms * 1000,
        now_ms,
    )


def headers_of(message: Message) -> list[tuple[str, bytes | None]]:
    """Return a record's headers, less those whose name is no text.

    Names are UTF-8 by contract alone: a producer can send any bytes. The client then
    raises SystemError once, and from the second call on gives tuples with nothing,
    not even None, in such a name's place: to touch that is a segmentation fault.
    """
    try:
        found = _headers(message)
    except SystemError:
        found = _headers(message)
    return [header for header in found or [] if not repr(header).startswith("(<NULL>")]
