"""A client that writes in transactions, with the calls and the errors of confluent_kafka's.

The code that calls it is the real `stream.kafka.transactions`. What it models: calls fail as
librdkafka's do, by what heals, what an abort heals and what ends the producer; a request or
its answer may be lost, and a lost request may arrive later, when its sender is dead.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn
from zlib import crc32

from confluent_kafka import KafkaError, KafkaException
from simulated.coordinator import OFFSETS, Fate, FencedOff, Refused
from simulated.setting import ALERTS, DEAD, DECISIONS, DRIFT, PARTITIONS, REVIEWS

from stream.kafka.client import Connection
from stream.kafka.transactions import TransactionalSink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulated.coordinator import Transaction
    from simulated.world import World

    from stream.kafka.sink import Offsets

QUEUE_MAX = 60
INTERVAL_S = 0.05


class Delivered:
    """What a delivery report is of."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def topic(self) -> str:
        return self._topic


class SimProducer:
    """A transactional producer.

    Parameters
    ----------
    world : World
    settings : mapping
        Of librdkafka.
    """

    def __init__(self, world: World, settings: Mapping[str, Any]) -> None:
        self._world = world
        self._name = str(settings["transactional.id"])
        self._timeout_s = int(settings["transaction.timeout.ms"]) / 1000
        self._epoch = -1
        # Whether the brokers know of the transaction at hand.
        self._registered = False
        # new, ready, open, committing, abortable, fatal
        self._state = "new"
        self._flying: deque[tuple[str, tuple[Any, ...], Callable[[Any, Any], None]]] = deque()
        self._reports: deque[tuple[Callable[[Any, Any], None], Any, Delivered]] = deque()
        # Requests that nobody has answered: they may arrive yet.
        self._lost: list[Callable[[], None]] = []
        world.at_death.append(self._last_act)

    def __len__(self) -> int:
        return len(self._flying) + len(self._reports)

    def list_topics(self, topic: str, timeout: float) -> None: ...

    def init_transactions(self, timeout: float) -> None:
        self._world.point("transactions begin")
        self._ask(self._init, timeout, late=False)
        self._state = "ready"
        self._world.point("others are fenced off")

    def begin_transaction(self) -> None:
        self._require("ready")
        self._state, self._registered = "open", False

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        on_delivery: Callable[[Any, Any], None],
        headers: list[tuple[str, Any]] | None = None,
    ) -> None:
        self._require_producing()
        if len(self._flying) >= QUEUE_MAX:
            raise BufferError
        self._take(topic, value, key, on_delivery, headers, partition)

    def produce_batch(
        self,
        topic: str,
        messages: list[dict[str, Any]],
        partition: int,
        on_delivery: Callable[[Any, Any], None],
    ) -> int:
        """Take some; of the others it says why not, as the client does."""
        error: KafkaError | None = None
        try:
            self._require_producing()
        except KafkaException as raised:
            error = raised.args[0]
        taken = 0
        for message in messages:
            if error is None and len(self._flying) >= QUEUE_MAX:
                # For one and for all behind it, though there may be room again by then.
                error = KafkaError(KafkaError._QUEUE_FULL)
            if error is not None:
                message["_error"] = error
                continue
            self._take(topic, message["value"], message["key"], on_delivery, None, partition)
            taken += 1
        return taken

    def _require_producing(self) -> None:
        if self._state == "fatal":
            _fail(KafkaError._FATAL, fatal=True)
        # It has a thread of its own: what fails there is told by the next poll.
        if self._flying and self._world.trouble(0.003):
            self._time_out()
        self._require("open")

    def _take(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        on_delivery: Callable[[Any, Any], None],
        headers: list[tuple[str, Any]] | None,
        partition: int,
    ) -> None:
        self._world.point("publish")
        content = self._world.now_ms, key, value, tuple(headers or ()), partition
        self._flying.append((topic, content, on_delivery))

    def poll(self, timeout: float) -> int:
        if self._state == "open" and self._flying:
            if self._world.trouble(0.004):
                self._time_out()
            else:
                n = int(self._world.rng.integers(0, len(self._flying) + 1))
                self._deliver(max(n, 1 if timeout else 0))
        self._report()
        if self._state == "fatal":
            _fail(KafkaError._FATAL, fatal=True)
        return 0

    def flush(self, timeout: float) -> int:
        if timeout and self._state == "open" and not self._world.trouble(0.1):
            self._deliver(len(self._flying))
        self._report()
        self._world.point("flushed")
        return len(self)

    def send_offsets_to_transaction(self, offsets: list[Any], member: Any, timeout: float) -> None:
        self._require("open")
        self._world.point("before offsets")
        found = {(each.topic, each.partition): each.offset for each in offsets}
        self._ask(lambda: self._offsets(found, member), timeout)
        self._world.point("after offsets")

    def commit_transaction(self, timeout: float) -> None:
        self._require("open", "committing")
        self._deliver(len(self._flying))
        self._require("open", "committing")
        self._state = "committing"
        self._world.point("before commit")
        self._ask(lambda: self._end(Fate.COMMITTED), timeout)
        self._state = "ready"
        self._world.point("after commit")

    def abort_transaction(self, timeout: float) -> None:
        self._require("open", "abortable")
        self._flying.clear()
        self._world.point("before abort")
        self._ask(lambda: self._end(Fate.ABORTED), timeout, late=False)
        self._state = "ready"
        self._world.point("after abort")

    def purge(self) -> None:
        self._flying.clear()

    def _require(self, *states: str) -> None:
        if self._state == "fatal":
            _fail(KafkaError._FENCED, fatal=True)
        if self._state not in states:
            _fail(KafkaError._STATE, abort=self._state == "abortable")

    def _ask(self, request: Callable[[], None], bound_s: float, late: bool = True) -> None:
        """Have the brokers do something, asking again as long as there is time."""
        world, left_s = self._world, bound_s
        while world.trouble(0.08):
            what = int(world.rng.integers(0, 3))
            if what == 0:
                self._try(request)  # And the answer is lost.
            elif what == 1 and late:
                self._lost.append(request)
            waited_s = min(left_s, float(world.rng.choice([0.1, 3.0, 20.0])))
            world.pass_time(waited_s)
            left_s -= waited_s
            if left_s <= 0:
                _fail(KafkaError._TIMED_OUT, heals=True)
        self._try(request)
        # Answered: what was asked before it is over, see docs/recovery.md on KIP-890.
        self._lost.clear()

    def _try(self, request: Callable[[], None]) -> None:
        try:
            request()
        except FencedOff:
            self._state = "fatal"
            _fail(KafkaError._FENCED, fatal=True)
        except Refused:
            self._state = "fatal"
            _fail(KafkaError.INVALID_TXN_STATE, fatal=True)

    def _init(self) -> None:
        self._epoch = self._world.broker.transactions.begin_under(self._name)

    def _end(self, fate: Fate) -> None:
        # One of which the brokers do not know is ended without them.
        if self._registered:
            self._world.broker.transactions.end(self._name, self._epoch, fate)

    def _offsets(self, offsets: Offsets, member: Any) -> None:
        if not self._world.is_member(member):
            self._state = "abortable"
            _fail(KafkaError.ILLEGAL_GENERATION, abort=True)
        transaction = self._transaction()
        transaction.offsets.update(offsets)
        transaction.unmarked.add(OFFSETS)

    def _deliver(self, n: int) -> None:
        for _ in range(min(n, len(self._flying))):
            try:
                self._append(*self._flying[0][:2])
            except FencedOff:
                self._state = "fatal"
                return
            topic, _, on_delivery = self._flying.popleft()
            self._reports.append((on_delivery, None, Delivered(topic)))

    def _append(self, topic: str, content: tuple[Any, ...]) -> None:
        transaction = self._transaction()
        stamp_ms, key, value, headers, partition = content
        place = topic, crc32(key or value or b"") % PARTITIONS if partition < 0 else partition
        transaction.unmarked.add(place)
        self._world.broker.append(place, stamp_ms, key, value, headers, transaction)

    def _transaction(self) -> Transaction:
        world = self._world
        coordinator = world.broker.transactions
        found = coordinator.current(self._name, self._epoch, world.seconds, self._timeout_s)
        self._registered = True
        return found

    def _time_out(self) -> None:
        """Give up what the brokers did not acknowledge in time, though they may have it."""
        self._deliver(int(self._world.rng.integers(0, 2)))
        if self._flying:
            topic, _, on_delivery = self._flying.popleft()
            error = KafkaError(KafkaError._MSG_TIMED_OUT)
            self._reports.append((on_delivery, error, Delivered(topic)))
            self._flying.clear()
            self._state = "abortable"

    def _report(self) -> None:
        while self._reports:
            on_delivery, error, delivered = self._reports.popleft()
            on_delivery(error, delivered)

    def _last_act(self) -> None:
        """What was on its way arrives, or not, now or when another is at work already."""
        if self._state not in ("open", "committing"):
            return
        world = self._world
        for request in (lambda: self._deliver(len(self._flying)), *self._lost):
            when = int(world.rng.integers(0, 3))
            if when == 0:
                _quietly(request)
            elif when == 1:
                world.late.append(lambda request=request: _quietly(request))


def transactional_sink(world: World, name: str, member: Callable[[], Any]) -> TransactionalSink:
    """Return the real sink with a simulated client."""
    sink = TransactionalSink(
        Connection("simulated:9092"),
        name,
        member,
        (ALERTS, DECISIONS, DEAD, REVIEWS, DRIFT),
        INTERVAL_S,
        clock=lambda: world.seconds,
        client=lambda settings: SimProducer(world, settings),
    )
    world.at_death.append(sink._calls.close)
    return sink


def _quietly(request: Callable[[], None]) -> None:
    with suppress(FencedOff, Refused, KafkaException):
        request()


def _fail(code: int, heals: bool = False, fatal: bool = False, abort: bool = False) -> NoReturn:
    raise KafkaException(KafkaError(code, fatal=fatal, retriable=heals, txn_requires_abort=abort))
