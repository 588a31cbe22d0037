"""A broker, a disk and a clock in one thread, and a worker between them that can be killed.

Everything that happens is drawn from one seed: what a poll finds, which acknowledgements come
when, how long a snapshot takes, and where the worker dies. What is not simulated is real: the
worker, the engine, the decoders, the recovery and its files.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from models.states.snapshot import pack, unpack
from schemas.records import RecordCodec, builtin
from schemas.siphash import hash_texts
from stream.app import codecs_of, decoders_of, engine_of, publisher_of, registry_of
from stream.config import Config, load
from stream.engine import Keep
from stream.kafka.source import RawBatch, raw_batch
from stream.recovery.code_version import release
from stream.recovery.identity import Identity
from stream.recovery.recovery import Recovery
from stream.recovery.schedule import Schedule
from stream.recovery.segments import Journal
from stream.recovery.setup import bring_back
from stream.shard import Shard
from stream.shards import WholeTopic
from stream.snapshots.background import Result
from stream.snapshots.folder import SnapshotFolder
from stream.store.copier import Copier
from stream.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from models.states.snapshot import State
    from stream.kafka.sink import Offsets, OutRecord
    from stream.kafka.source import Positions
    from stream.recovery.journal import Entry, Header
    from stream.recovery.replaying import Place
    from stream.store.copies import Copies
    from stream.store.online import OnlineFeatures

IN, LABELS, CONTROL = "fraud.transactions", "fraud.labels", "fraud.control"
ALERTS, DECISIONS, DEAD, REVIEWS = (
    "fraud.alerts",
    "fraud.decisions",
    "fraud.dead_letters",
    "fraud.label_reviews",
)
KEY = b"sixteen bytes ok"
PARTITIONS = 3
# A fixed moment, and not a whole second.
START_MS = 1_700_000_000_250
OVERRIDES: dict[str, dict[str, Any]] = {
    "topics": {"decisions": DECISIONS, "control": CONTROL, "partitions": PARTITIONS},
    "features": {
        "names": (
            "amount",
            "{card,merchant}.{count,amount_mean}_{2s,10s}",
            "card.seconds_since_last",
            "merchant.fraud_rate_10s",
        )
    },
    "windows": {"events_max": 300, "entities_max": 40, "allowed_lateness": "1s"},
    "labels": {
        "maturity": "20s",
        "waiting_max": 2048,
        "learn_interval": "500ms",
        "early_max": 5,
        "early_hold": "5s",
    },
    "model": {"frauds_min": 2, "genuine_min": 3},
    "decision": {"review": 0.25, "block": 0.6},
    "worker": {"commit_interval": "1us", "batch_rows_max": 64},
}


class Killed(BaseException):
    """The worker is no more; nothing of ours may catch this."""


@dataclass
class Record:
    """A record as a consumer gives it."""

    where: tuple[str, int, int]
    stamp_ms: int
    content: tuple[bytes | None, bytes | None, tuple[tuple[str, Any], ...]]

    def topic(self) -> str:
        return self.where[0]

    def partition(self) -> int:
        return self.where[1]

    def offset(self) -> int:
        return self.where[2]

    def timestamp(self) -> tuple[int, int]:
        return 1, self.stamp_ms

    def key(self) -> bytes | None:
        return self.content[0]

    def value(self) -> bytes | None:
        return self.content[1]

    def headers(self) -> list[tuple[str, Any]]:
        return list(self.content[2])

    def error(self) -> None:
        return None


@dataclass
class Broker:
    """Topics and one group's committed offsets; it never fails."""

    logs: dict[Place, list[Record]] = field(default_factory=dict)
    committed: dict[Place, int] = field(default_factory=dict)

    def log(self, topic: str, partition: int = 0) -> list[Record]:
        return self.logs.setdefault((topic, partition), [])

    def append(
        self,
        place: Place,
        stamp_ms: int,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, Any]] = (),
    ) -> None:
        log = self.log(*place)
        log.append(Record((*place, len(log)), stamp_ms, (key, value, tuple(headers))))

    def ends(self, *topics: str) -> dict[Place, int]:
        return {place: len(log) for place, log in self.logs.items() if place[0] in topics}


class World:
    """What is there beside the worker, and outlives it.

    Parameters
    ----------
    seed : int
    folder : Path
        The worker's disk.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = np.random.default_rng(seed)
        self.folder = folder
        self.broker = Broker()
        self.seconds = 0.0
        # Every batch that a journal was told of, in order; this is what must have happened.
        self.history: list[Entry] = []
        self.fuse: int | None = None
        self.deaths = 0
        self.passed: list[str] = []
        # Turns until commits are heard again.
        self.unheard = 0
        self.at_death: list[Any] = []
        # Bytes of each file that were waited for.
        self.durable: dict[str, int] = {}
        self.told: list[str] = []

    @property
    def now_ms(self) -> int:
        """A wall clock that steps to and fro."""
        return START_MS + int(1000 * self.seconds) + int(self.rng.integers(-3000, 3000))

    def point(self, name: str) -> None:
        """Pass a place where the worker may die, and do if it is time."""
        self.passed.append(name)
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.deaths += 1
                raise Killed(name)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def bury(self) -> None:
        """Let happen what a death does not stop."""
        self.fuse = None
        for last_act in self.at_death:
            last_act()
        self.at_death = []
        self.seconds += 5


class SimSource:
    """Gives records of all partitions in pieces and in any order, as a fetch finds them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._positions: Positions | None = None
        self._next: dict[Place, int] | None = None
        self.commits_pending = 0

    def follow(self, positions: Positions) -> None:
        self._positions = positions

    def poll(self, n_max: int, timeout_s: float) -> list[RawBatch]:
        world = self._world
        world.point("poll")
        ends = world.broker.ends(IN, LABELS, CONTROL)
        if self._next is None or world.chance(0.02):
            self._rebalance(ends)
        assert self._next is not None
        if world.chance(0.03):
            world.unheard = int(world.rng.integers(1, 12))
        # While commits fail minutes may pass; else a turn is short.
        world.seconds += 30.0 if world.unheard else float(world.rng.exponential(0.05))
        world.unheard = max(0, world.unheard - 1)
        found: dict[str, list[Any]] = {IN: [], LABELS: [], CONTROL: []}
        places = list(ends)
        for _ in range(int(world.rng.integers(0, 6))):
            place = places[int(world.rng.integers(0, len(places)))]
            at = self._next[place]
            if world.chance(0.02):
                at = max(at - 3, 0)  # A fetch that a rebalance overtook.
            piece = world.broker.logs[place][at : at + int(world.rng.integers(1, 8))]
            found[place[0]] += piece
            self._next[place] = max(self._next[place], at + len(piece))
        now_ms = world.now_ms
        world.point("polled")
        return [raw_batch(topic, each, now_ms) for topic, each in found.items() if each]

    def commit(self, offsets: Mapping[Place, int]) -> None:
        self._world.point("before commit")
        if self._world.chance(0.7) and not self._world.unheard:
            known = self._world.broker.committed
            for place, at in offsets.items():
                assert at >= known.get(place, 0), "a commit goes back"
            known.update(offsets)
        self._world.point("after commit")

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def close(self) -> None: ...

    def _rebalance(self, ends: Mapping[Place, int]) -> None:
        """All partitions go and come back."""
        if self._next is not None and self._positions is not None:
            self._positions.revoked()
        committed = {place: self._world.broker.committed.get(place, -1001) for place in ends}
        starts = committed if self._positions is None else self._positions.assigned(committed)
        self._next = {place: max(at, 0) for place, at in starts.items()}
        self._world.point("assigned")


class SimSink:
    """Delivers in the order of each topic, and acknowledges some time after."""

    congested = False
    relieved = True
    due_s = math.inf

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps: deque[tuple[Offsets, list[int]]] = deque()
        self._flying: dict[str, deque[tuple[OutRecord, int, list[int]]]] = {}
        world.at_death.append(self._last_act)

    def publish(self, records: Iterable[OutRecord], offsets: Offsets) -> None:
        outstanding = [0]
        self._steps.append((dict(offsets), outstanding))
        for record in records:
            self._world.point("publish")
            outstanding[0] += 1
            flying = self._flying.setdefault(record.topic, deque())
            flying.append((record, self._world.now_ms, outstanding))
        self._world.point("published")

    def poll(self, timeout_s: float) -> None:
        for topic, flying in self._flying.items():
            for _ in range(int(self._world.rng.integers(0, len(flying) + 1))):
                self._deliver(topic)[0] -= 1

    def safe_offsets(self) -> Offsets:
        safe: Offsets = {}
        while self._steps and self._steps[0][1][0] == 0:
            safe.update(self._steps.popleft()[0])
        return safe

    def forget_offsets(self) -> None:
        for offsets, _ in self._steps:
            offsets.clear()

    def flush(self, timeout_s: float) -> int:
        if timeout_s and self._world.chance(0.9):
            for topic, flying in self._flying.items():
                while flying:
                    self._deliver(topic)[0] -= 1
        self._world.point("flushed")
        return sum(map(len, self._flying.values()))

    def close(self) -> None: ...

    def _deliver(self, topic: str) -> list[int]:
        record, stamp_ms, outstanding = self._flying[topic].popleft()
        place = topic, int(self._world.rng.integers(0, PARTITIONS))
        self._world.broker.append(place, stamp_ms, record.key, record.value, record.headers)
        return outstanding

    def _last_act(self) -> None:
        """What was on its way arrives, or not; nobody hears of it."""
        self.poll(0)


class SimReader:
    """Reads of the broker what a recovery asks for, in pieces."""

    def __init__(self, world: World) -> None:
        self._world = world

    def committed(self, places: list[Place]) -> dict[Place, int]:
        return {place: self._world.broker.committed.get(place, -1001) for place in places}

    def read(self, first: Mapping[Place, int], behind: Mapping[Place, int]) -> Iterator[list[Any]]:
        at = dict(first)
        while any(at[place] < end for place, end in behind.items()):
            self._world.point("replay")
            records = []
            for place in list(at):
                log = self._world.broker.logs[place]
                n = int(self._world.rng.integers(0, 30))
                records += log[at[place] : at[place] + n]
                at[place] += n
            yield records

    def alerts(self, since_ms: int) -> dict[str, tuple[Place, int]]:
        self._world.point("tail")
        _, _, codecs, _ = parts()
        found = {}
        for (topic, _), log in self._world.broker.logs.items():
            for record in log:
                if topic == ALERTS and record.stamp_ms >= since_ms:
                    alert = codecs.alert.decode(record.value())
                    place = alert["source_topic"], alert["source_partition"]
                    found[alert["alert_id"]] = place, alert["source_offset"]
        return found

    def close(self) -> None: ...


class SimWriter:
    """Writes a snapshot some time after it was asked to; a parent's death may not stop it."""

    def __init__(self, world: World, folder: SnapshotFolder) -> None:
        self._world = world
        self._folder = folder
        self._waiting: tuple[bytes, int] | None = None
        world.at_death.append(self._last_act)

    @property
    def busy(self) -> bool:
        return self._waiting is not None

    def has_room(self, state: State) -> bool:
        return True

    def start(self, state: State, number: int) -> bool:
        self._world.point("snapshot begins")
        self._waiting = pack(state), number
        return True

    def poll(self) -> Result | None:
        return self._write() if self._waiting and self._world.chance(0.2) else None

    def wait(self, timeout_s: float) -> Result | None:
        return self._write() if self._waiting else None

    def _write(self) -> Result:
        assert self._waiting is not None
        data, number = self._waiting
        self._waiting = None
        self._world.point("snapshot is written")
        path = self._folder.write(unpack(data), number)
        self._world.point("snapshot is there")
        return Result(number, path, 0.1, len(data), 0.0)

    def stop(self) -> None:
        self._waiting = None

    def _last_act(self) -> None:
        if self._waiting is not None and self._world.chance(0.5):
            self._folder.write(unpack(self._waiting[0]), self._waiting[1])


class SimJournal(Journal):
    """A journal whose entries are known to the world too."""

    def __init__(self, world: World) -> None:
        super().__init__(world.folder)
        self._world = world

    def begin(self, header: Header, durable: bool = False) -> None:
        self._world.point("before segment")
        super().begin(header, durable)
        if durable:
            self._world.durable[self.path(header.number).name] = self._length
        self._world.point("after segment")

    def append(self, entry: Entry) -> None:
        self._world.point("before journal")
        super().append(entry)
        self._world.history.append(entry)
        self._world.point("after journal")


class SimCopier(Copier):
    """Copies at once, or not at all, or half."""

    def __init__(self, world: World, copies: Copies) -> None:
        super().__init__([copies], world.told.append, lambda: world.seconds)
        self._world = world

    def copy(self, path: Path, number: int) -> None:
        self._world.point("copy begins")
        if self._world.chance(0.3):
            return  # One that waited, and was left out.
        self._ended = self._world.chance(0.2)
        self.copy_now(path, number)
        self._ended = False
        self._world.point("copy is there")


class SimWorker:
    """A worker from its start to its end or death.

    Parameters
    ----------
    world : World
    recovers : bool
        Whether it has a journal and snapshots.
    copies : Copies, optional
        Where its snapshots are copied, and come back from where its disk is empty.
    online : OnlineFeatures, optional
        Is told of the features; it lives in real time, and longer than this worker.
    """

    def __init__(
        self,
        world: World,
        recovers: bool = True,
        copies: Copies | None = None,
        online: OnlineFeatures | None = None,
    ) -> None:
        self.world = world
        self._copies = copies
        config, decoders, codecs, control = parts()
        engine = engine_of(config, KEY, Keep.NOTHING if online is None else Keep.VALUES)
        recovery = self._recovery() if recovers else None
        sink = SimSink(world)
        publisher = publisher_of(config, engine)
        more = recovery, None, control, online
        self.shard = Shard(config, engine, *decoders, publisher, codecs, *more)
        shards = WholeTopic(self.shard)
        self.worker = Worker(config, shards, SimSource(world), sink)  # type: ignore[arg-type]

    def _recovery(self) -> Recovery:
        world = self.world
        snapshots = SnapshotFolder(world.folder, None, 3)
        copier = None if self._copies is None else SimCopier(world, self._copies)
        journal = SimJournal(world)
        if copier is not None:
            bring_back(copier, snapshots, journal)
        return Recovery(
            journal,
            identity(),
            snapshots,
            SimWriter(world, snapshots),  # type: ignore[arg-type]
            SimReader(world),
            schedule=Schedule(0.3),
            tell=world.told.append,
            clock=lambda: world.seconds,
            now_ms=lambda: world.now_ms,
            copier=copier,
        )

    def live(self, turns: int | None = None) -> None:
        """Recover, and work until everything was taken, or for so many turns."""
        self.worker.recover(_Never())
        broker = self.world.broker
        ends = broker.ends(IN, LABELS, CONTROL)
        while turns is None or turns > 0:
            self.worker.turn(0)
            turns = None if turns is None else turns - 1
            if turns is None and self.worker.shard.recovery is not None:
                taken = self.worker.shard.recovery.progress.positions
                if all(max(taken.get(place, 0), 0) == end for place, end in ends.items()):
                    return

    def again(self, history: list[Entry]) -> None:
        """Take exactly these batches."""
        topics = {0: IN, 1: LABELS, 2: CONTROL}
        for entry in history:
            topic = topics[entry.kind]
            records = [
                self.world.broker.logs[topic, run.partition][offset]
                for run in entry.runs
                for offset in range(run.first, run.behind)
            ]
            raw = raw_batch(topic, records, entry.now_ms)  # type: ignore[arg-type]
            step = self.shard.take(raw)
            assert step is not None
            self.worker.sink.publish(step.records, step.offsets)

    def state(self) -> bytes:
        """Return the bytes of all that it will decide by."""
        worker = self.worker
        return pack(worker.shard.engine.state()) + pack(self.shard.held.state())

    def bury(self) -> None:
        """Give back what a dead process gives back by itself."""
        self.world.bury()
        if self.worker.shard.recovery is not None:
            self.worker.shard.recovery.close()


class _Never:
    def is_set(self) -> bool:
        return False


@cache
def parts() -> tuple[Config, tuple[Any, Any], Any, Any]:
    """Return what is the same for every worker: configuration, decoders, codecs, that of orders."""
    config = load(None, **OVERRIDES)
    registry = registry_of(config)
    decoders = decoders_of(config, registry, KEY)
    codecs = codecs_of(config, registry)
    registry.close()
    return config, (decoders.transactions, decoders.labels), codecs, decoders.control


def identity() -> Identity:
    """Return who every worker is."""
    of_orders = CONTROL, parts()[3].schema_ids
    return Identity(f"{release()}+sim", "configuration", IN, LABELS, *schema_ids(), *of_orders)


def schema_ids() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the ids of both inputs' schemas."""
    _, decoders, _, _ = parts()
    return decoders[0].schema_ids, decoders[1].schema_ids


def send_traffic(
    world: World, payments: int, by_name: bool = False, orders_share: float = 0.05
) -> None:
    """Fill the input topics: payments, labels and orders of all kinds, repeats, poison.

    `by_name`: what is said of a payment is in the partition of the same number, and an order
    in all of them.
    """
    rng, broker = world.rng, world.broker

    def partition_of(name: str) -> int:
        return crc32(name.encode()) % PARTITIONS if by_name else int(rng.integers(0, PARTITIONS))

    transactions = RecordCodec(builtin("transaction"), 1)
    labels = RecordCodec(builtin("label"), 2)
    orders = RecordCodec(builtin("control"), 8)
    for topic in (IN, LABELS, CONTROL):
        for partition in range(PARTITIONS):
            broker.log(topic, partition)
    at_ms = START_MS
    for number in range(payments):
        at_ms += int(rng.exponential(60))
        name = f"t-{number if rng.random() < 0.95 else rng.integers(0, number + 1)}"
        fraud = bool(rng.random() < 0.3)
        behind_ms = int(rng.choice([0, 0, 0, 300, 1500]))
        payment = {
            "transaction_id": name,
            "event_time": (at_ms - behind_ms) * 1000,
            "amount_minor": int(rng.lognormal(10 if fraud else 7, 1)),
            "card_id": f"card-{rng.integers(0, 4) if fraud else rng.integers(0, 30)}",
            "merchant_id": f"shop-{rng.integers(0, 6)}",
        }
        value = transactions.encode(payment)
        if rng.random() < 0.04:
            value = value[: int(rng.integers(0, len(value)))]
        broker.append((IN, partition_of(name)), at_ms, b"k", value, [("h", b"x")])
        for _ in range(int(rng.choice([0, 1, 1, 2]))):
            named = name if rng.random() < 0.9 else f"t-{number + int(rng.integers(0, 40))}"
            label = {
                "transaction_id": named,
                "is_fraud": fraud if rng.random() < 0.9 else not fraud,
                "label_time": at_ms * 1000 + int(rng.integers(0, 3_000_000)),
                "source": "CUSTOMER",
                "confidence": float(rng.choice([1.0, 0.9, 0.3])),
            }
            place = LABELS, partition_of(named)
            broker.append(place, at_ms + 1000, None, labels.encode(label), [("n", None)])
        if orders_share and rng.random() < orders_share:
            key = key_of(payment["card_id"])
            order = {
                "kind": "ERASE",
                "entity": "card" if rng.random() < 0.9 else "nobody",
                "key": f"{key:016x}",
                "requested_at": at_ms * 1000,
                "request_id": f"r-{number}",
            }
            one = int(rng.integers(0, PARTITIONS))
            for partition in range(PARTITIONS) if by_name else [one]:
                place = CONTROL, partition
                broker.append(place, at_ms + 500, None, orders.encode(order))


def key_of(name: str) -> int:
    """Return the keyed hash of an id."""
    return int(hash_texts([name], KEY)[0])
