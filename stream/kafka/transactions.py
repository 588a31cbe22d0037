"""Where records go that are to be seen exactly once: Kafka transactions.

The records of some steps and the input offsets behind them are one transaction: whoever
reads committed records sees all of it or nothing, and what is committed says what is out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from schemas.errors import BrokerError, ConfigError, FraudError, TransactionError
from stream.kafka.client import Connection
from stream.kafka.sink import Offsets, OutRecord, Sink, together
from stream.kafka.transactional_calls import TransactionalCalls
from stream.partition import Partition

# A transaction of more records is not seen sooner, and aborting it repeats more.
RECORDS_MAX = 10_000
_INIT_S = 30.0
_ABORT_S = 5.0


class TransactionalSink(Sink):
    """Publish records in transactions, with the input offsets that they make safe.

    Making one fences off every older one of the same id, and decides what that one left
    open: committed offsets are to be read only afterwards.

    Any error but one that heals means that the engine is ahead of what was published. There
    is no way back in place: whoever catches one closes this and begins anew.

    Parameters
    ----------
    connection : Connection
    transactional_id : str
        One worker's, the same in all its lives.
    member : callable
        Returns who the consumer is in its group; asked at each commit, because it changes.
    topics : iterable of str
    interval_s : float
        Age at which a transaction is committed; readers of committed records wait for it.
    on_error : callable, optional
        Told of errors that librdkafka recovers from by itself.
    on_stuck : callable, optional
        Told, in another thread, of a call that does not come back: the process is to be ended.
    clock : callable
        Seconds, never going back.
    client : callable
        Makes the producer from its settings.
    group_offsets : callable, optional
        Returns the group's next offsets in some partitions, or raises BrokerError. With it
        a worker that was paused sees that a successor under its id went on without it.

    Attributes
    ----------
    committed : int
        Transactions.

    Raises
    ------
    ConfigError
        If librdkafka refuses the settings.
    BrokerError
        If no broker answers in time, or none lets transactions begin.
    """

    def __init__(
        self,
        connection: Connection,
        transactional_id: str,
        member: Callable[[], Any],
        topics: Iterable[str] = (),
        interval_s: float = 0.05,
        on_error: Callable[[str], None] | None = None,
        on_stuck: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        client: Callable[[dict[str, Any]], Any] = Producer,
        group_offsets: Callable[[Iterable[Partition]], Offsets] | None = None,
    ) -> None:
        settings = connection.transactional_producer(transactional_id)
        try:
            super().__init__(connection, topics, on_error, settings, client)
        except KafkaException as error:
            raise ConfigError(f"kafka.client: {error.args[0].str()}") from error
        self._member = member
        self._interval_s = interval_s
        self._timeout_s = int(settings["transaction.timeout.ms"]) / 1000
        self._clock = clock
        self._group_offsets = group_offsets
        self._calls = TransactionalCalls(
            self._producer,
            transactional_id,
            self._timeout_s,
            on_stuck or (lambda _: None),
            clock,
            self._superseded,
        )
        self._open = False
        self._began_s = 0.0
        self._records = 0
        self._offsets: Offsets = {}
        # Committed, here or by whoever had the partitions before.
        self._known: Offsets = {}
        self.committed = 0
        try:
            self._call("init", self._producer.init_transactions, (), _INIT_S)
        except FraudError as error:
            self._calls.close()
            raise BrokerError(f"no transactions under the id {transactional_id!r}: {error}") from (
                error
            )

    def publish(self, records: Iterable[OutRecord], offsets: Offsets) -> None:
        """Publish the records of one step, whole in one transaction.

        Parameters
        ----------
        records : iterable of OutRecord
        offsets : dict
            (topic, partition) to the offset behind the step's last input record, or to where
            the group is already. Without records and without news nothing is to be done.

        Raises
        ------
        TransactionError, FencedError
            If the transaction cannot be committed.
        ValueError
            If there are records and no offsets: brokers would take them of one whose
            partitions are another's.
        """
        self._commit_if_due()
        for some in together(records):
            if not offsets:
                raise ValueError("records without offsets: give where the group is in their input")
            self._begin()
            self._records += len(some)
            self._produce(some, self._delivered)
        news = any(at > self._known.get(place, -1) for place, at in offsets.items())
        if news or (self._open and self._records):
            self._begin()
            for place, at in offsets.items():
                self._offsets[place] = max(at, self._offsets.get(place, at))
        self._serve(0)

    def poll(self, timeout_s: float) -> None:
        """Serve acknowledgements, and commit the transaction once it is old or large.

        Raises
        ------
        TransactionError, FencedError
            If it cannot be committed.
        """
        self._serve(min(timeout_s, self.due_s))
        self._commit_if_due()

    @property
    def due_s(self) -> float:
        """Seconds until the open transaction is to be committed."""
        if not self._open:
            return math.inf
        return max(0.0, self._began_s + self._interval_s - self._clock())

    def safe_offsets(self) -> Offsets:
        """Return nothing: offsets are committed with the records."""
        return {}

    def hear_offsets(self, committed: Offsets) -> None:
        """Hear where the group is in partitions that it gives: what is beyond is done here."""
        for place, at in committed.items():
            self._known[place] = max(at, self._known.get(place, 0))

    def forget_offsets(self) -> None:
        """Commit nothing any more of what was published until now.

        Raises
        ------
        TransactionError, FencedError
            If a transaction is open: it is aborted, and others may publish the same.
        """
        if self._open:
            raise self._calls.failed(
                "partitions went away while a transaction with their output was open: it is to be "
                "aborted"
            )

    def flush(self, timeout_s: float) -> int:
        """Commit now; return how many records the brokers did not acknowledge in time.

        Raises
        ------
        TransactionError, FencedError
            If it cannot be committed.
        """
        if not self._open:
            self._serve(0)
            return 0
        try:
            left: int = self._producer.flush(timeout_s)
        except KafkaException as error:
            raise self._calls.ended("flush", error.args[0]) from error
        self._serve(0)
        if left == 0:
            self._commit()
        return left

    def close(self, timeout_s: float = _ABORT_S) -> None:
        """Abort what is open, so that nobody waits for it."""
        # Not if a commit is under way: librdkafka refuses, and the next of this id decides.
        with suppress(KafkaException):
            if self._open and not self._calls.over:
                self._producer.abort_transaction(timeout_s)
        # Partitions are given back after this: nothing may be committed for them any more.
        self._open = False
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(0.1)
        self._calls.close()

    def _begin(self) -> None:
        if self._open:
            return
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            raise self._calls.ended("begin", error.args[0]) from error
        self._open, self._began_s = True, self._clock()
        self._records = 0

    def _commit_if_due(self) -> None:
        if self._open and (self.due_s <= 0 or self._records >= RECORDS_MAX):
            self._commit()

    def _commit(self) -> None:
        """Commit what is open; between steps only."""
        deadline_s = self._clock() + self._timeout_s
        producer = self._producer
        places = [TopicPartition(*place, at) for place, at in self._offsets.items()]
        try:
            offsets = (places, self._member())
        except TransactionError as error:
            raise self._calls.failed(str(error)) from error
        left_s = deadline_s - self._clock()
        self._call("offsets", producer.send_offsets_to_transaction, offsets, left_s)
        self._call("commit", producer.commit_transaction, (), deadline_s - self._clock())
        self._known |= self._offsets
        self._open, self._offsets = False, {}
        self.committed += 1

    def _call(
        self, doing: str, call: Callable[..., Any], given: tuple[Any, ...], bound_s: float
    ) -> None:
        self._calls.make(doing, call, given, bound_s)

    def _superseded(self) -> bool:
        """Tell whether the group is ahead of all that this one did: then another does it."""
        if self._group_offsets is None or not self._known:
            return False
        try:
            there = self._group_offsets(self._known)
        except BrokerError:
            return False
        # What was given last may have been committed, where nobody heard whether it was.
        return any(at > max(self._known[p], self._offsets.get(p, 0)) for p, at in there.items())

    def _serve(self, timeout_s: float) -> None:
        try:
            # A fatal error comes as an exception, though there is a callback for errors.
            self._producer.poll(timeout_s)
        except KafkaException as error:
            raise self._calls.ended("poll", error.args[0]) from error
        if self._failure is not None:
            raise self._calls.failed(f"a transaction cannot be committed: {self._failure}")

    def _delivered(self, error: Any, message: Any) -> None:
        if error is None:
            self.delivered += 1
        elif self._failure is None:
            self._failure = f"a record for {message.topic()} was not delivered: {error}"

    def _refused(self, record: OutRecord, error: KafkaException) -> FraudError:
        failed = error.args[0]
        # The state is wrong if the transaction failed since the last poll, which tells why.
        if failed.code() in (KafkaError._FATAL, KafkaError._STATE):
            return self._calls.ended("produce", failed)
        return super()._refused(record, error)
