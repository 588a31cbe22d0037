"""A consumer group in one simulated world: workers that come, die, and are paused for too long.

Each worker runs in a thread of its own, and only one of them at a time: at every point of
the world it may be another's turn, and some are left where they are for longer than their
session. Who runs when is drawn from the seed, so the same seed is the same world.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
from simulated.consumer import SimReader
from simulated.disk import SimWriter
from simulated.group import Group, GroupSource
from simulated.producer import SimSink
from simulated.setting import CONTROL, IN, KEY, LABELS, PARTITIONS, identity, parts
from simulated.transactional import transactional_sink
from simulated.world import BEGINS_ANEW, ON_A_BAD_DISK, Killed, World

from models.states.snapshot import pack
from schemas.errors import FraudError, RecoveryError
from stream.app import engine_of, publisher_of
from stream.recovery.recovery import Recovery
from stream.recovery.schedule import Schedule
from stream.recovery.segments import Journal
from stream.recovery.tenure import Tenure
from stream.shards.partitioned import PartitionedShards
from stream.shards.shard import Shard
from stream.snapshots.folder import SnapshotFolder
from stream.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stream.kafka.transactions import TransactionalSink
    from stream.recovery.journal import Entry

SESSION_SECONDS = 6.0


class Actor(threading.Thread):
    """A worker that runs when it is told to, from one point to the next."""

    def __init__(self, world: GroupWorld, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.world = world
        self.last_acts: list[Any] = []
        self.paused_until_s = 0.0
        self.heard_s = world.seconds
        self.killed = False
        self.done = False
        self.error: BaseException | None = None
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self.start()

    def run(self) -> None:
        self._go.acquire()
        try:
            if not self.killed:
                # Of each thread its own: kernels that are not compiled wrap around as they should.
                with np.errstate(over="ignore"):
                    self.world.live(self.name)
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        self.done = True
        self._back.release()

    def turn(self) -> None:
        """Run to the next point."""
        self._go.release()
        self._back.acquire()

    def wait(self) -> None:
        """Let the others run."""
        self._back.release()
        self._go.acquire()
        if self.killed:
            raise Killed(self.name)


class GroupJournal(Journal):
    """A partition's journal, whose entries are known to the world too."""

    def __init__(self, world: GroupWorld, partition: int, tenure: Tenure) -> None:
        super().__init__(tenure.folder, tenure)
        self._world, self._history = world, world.histories[partition]

    def append(self, entry: Entry) -> None:
        self._world.point("before journal")
        super().append(entry)
        # What an owner before had behind this step was not there when it was taken over.
        for step in [step for step in self._history if step >= entry.step]:
            del self._history[step]
        self._history[entry.step] = entry
        self._world.point("after journal")

    def append_outcome(self, step: int, outcome: int) -> None:
        self._world.point("before outcome")
        super().append_outcome(step, outcome)
        self._world.point("after outcome")


class GroupWorld(World):
    """A world with a group.

    Parameters
    ----------
    seed : int
    folder : Path
        The disk that all workers have.
    exactly_once : bool
        Whether workers write in transactions, each under an id of its own.
    setting : str
        How workers are configured, see `simulated.setting`.
    """

    def __init__(
        self, seed: int, folder: Path, exactly_once: bool = False, setting: str = "plain"
    ) -> None:
        self._at_death: list[Any] = []
        super().__init__(seed, folder, exactly_once, setting)
        # Of whoever took up each partition last.
        self.recoveries: dict[int, Recovery] = {}
        self.group = Group(self.broker)
        self.histories: dict[int, dict[int, Entry]] = {0: {}, 1: {}, 2: {}}
        self.actors: list[Actor] = []
        self.stopping = False
        self.on_a_bad_disk = False
        # Of each partition, in the end: steps and the bytes of its state.
        self.final: dict[int, tuple[int, bytes]] = {}
        # And how many payments windows were given.
        self.observed: dict[int, int] = {}
        # And of what its models are, by name, and how many labels the champion has learned.
        self.models: dict[int, dict[str, bytes]] = {}
        self.learned: dict[int, int] = {}
        self.n_started = self.n_taken_over = self.n_killed = self.n_paused = 0

    @property
    def at_death(self) -> list[Any]:  # type: ignore[override]
        """What a death of the present worker does not stop."""
        actor = threading.current_thread()
        return actor.last_acts if isinstance(actor, Actor) else self._at_death

    @at_death.setter
    def at_death(self, value: list[Any]) -> None:
        self._at_death = value

    def point(self, name: str) -> None:
        self.passed.append(name)
        actor = threading.current_thread()
        if isinstance(actor, Actor):
            actor.wait()

    def begin(self) -> Actor:
        """Start a worker."""
        self.n_started += 1
        actor = Actor(self, f"worker-{self.n_started:03d}")
        self.actors.append(actor)
        return actor

    def kill(self, actor: Actor) -> None:
        """Let a worker die where it is."""
        actor.killed = True
        actor.turn()
        self._bury(actor)

    def _bury(self, actor: Actor) -> None:
        assert actor.done
        self.actors.remove(actor)
        for last_act in actor.last_acts:
            last_act()

    def tick(self) -> None:
        """Let one worker run to its next point, and the coordinator look at the clock."""
        self.pass_time(float(self.rng.exponential(0.01)))
        awake = [actor for actor in self.actors if actor.paused_until_s <= self.seconds]
        for actor in awake:
            actor.heard_s = self.seconds
        names = {actor.name: actor for actor in self.actors}
        for name in list(self.group.members):
            heard_s = names[name].heard_s if name in names else self._last_heard.get(name, 0.0)
            if self.seconds - heard_s > SESSION_SECONDS:
                self.group.leave(name)
        self._last_heard |= {actor.name: actor.heard_s for actor in self.actors}
        if not awake:
            self.pass_time(1.0)
            return
        actor = awake[int(self.rng.integers(0, len(awake)))]
        actor.turn()
        if actor.done:
            self._bury(actor)
            if isinstance(actor.error, RecoveryError) and "taken over" in str(actor.error):
                self.n_taken_over += 1
                if not self.stopping:
                    self.begin()
            elif isinstance(actor.error, ON_A_BAD_DISK if self.on_a_bad_disk else BEGINS_ANEW):
                self.failures.append(actor.error)
                if not self.stopping:
                    self.begin()
            elif actor.error is not None:
                raise actor.error

    def is_member(self, member: tuple[str, int]) -> bool:
        """Tell whether the group takes offsets of somebody."""
        return self.group.knows(*member)

    @property
    def _quiet(self) -> bool:
        """Whether every worker is awake and has what the group gave it."""
        group, names = self.group, {actor.name for actor in self.actors}
        awake = all(actor.paused_until_s <= self.seconds for actor in self.actors)
        settled = {member.generation for member in group.members.values()} == {group.generation}
        return awake and settled and not group.preparing and group.members.keys() == names

    @property
    def unheard_of(self) -> int:
        """How many records partitions have still to hear of each other."""
        exchange = parts(self.setting)[0].exchange()
        return sum(
            self.broker.to_come(place, recovery.progress.positions.get(place, 0))
            for partition, recovery in self.recoveries.items()
            for place in exchange.places(partition, PARTITIONS)
        )

    _last_heard: dict[str, float]

    def run(self, ticks: int, trouble: Callable[[], None]) -> None:
        """Let time pass, with trouble now and then."""
        self._last_heard = getattr(self, "_last_heard", {})
        for _ in range(ticks):
            self.tick()
            trouble()

    def settle(self, ticks: int) -> None:
        """Without any more trouble everything must be taken; then all workers stop."""
        self.calm()
        for _ in range(ticks):
            self.tick()
            if self.lag == 0 and self.unheard_of == 0 and self._quiet:
                break
        assert self.lag == 0, f"still {self.lag} records behind after {ticks} turns"
        assert self.unheard_of == 0, f"{self.unheard_of} records were not heard of"
        self.stopping = True
        for _ in range(ticks):
            if not self.actors:
                return
            self.tick()
        raise AssertionError(f"{len(self.actors)} workers do not stop")

    def live(self, name: str) -> None:
        """Be a worker."""
        config, decoders, codecs, control = parts(self.setting, self.exactly_once)

        def make(partition: int) -> Shard:
            tenure = Tenure(self.folder / f"partition-{partition}")
            snapshots = SnapshotFolder(tenure.folder, None, 3)
            recovery = Recovery(
                GroupJournal(self, partition, tenure),
                identity(self.setting, next(self.codes)),
                snapshots,
                SimWriter(self, snapshots),  # type: ignore[arg-type]
                SimReader(self),
                schedule=Schedule(0.3),
                tell=self.told.append,
                clock=lambda: self.seconds,
                now_ms=lambda: self.now_ms,
            )
            engine = engine_of(config, KEY)
            publisher = publisher_of(config, engine)
            self.recoveries[partition] = recovery
            return Shard(config, engine, *decoders, publisher, codecs, recovery, partition, control)

        shards = PartitionedShards(make, (IN, LABELS, CONTROL), config.exchange(), PARTITIONS)
        source = GroupSource(self, name)
        sink = self._sink(name, source)
        worker = Worker(config, shards, source, sink)  # type: ignore[arg-type]
        try:
            while not self.stopping:
                worker.turn(0)
            worker.finish(1.0)
        except FraudError:
            worker.close()
            raise
        for shard in shards:
            assert shard.partition is not None
            assert shard.recovery is not None
            if shard.recovery.over:
                continue  # It was paused, and has not polled since.
            state = pack(shard.engine.state()) + pack(shard.held.state())
            ours = shard.recovery.progress.step, state
            # Nothing is left to be taken: who took over from one that stopped is where it was.
            assert self.final.setdefault(shard.partition, ours) == ours
            self.observed[shard.partition] = shard.engine.features.arrived
            lineup = shard.engine.lineup
            models = zip(lineup.names, lineup.contenders, strict=True)
            self.models[shard.partition] = {n: pack(c.learner.state()) for n, c in models}
            self.learned[shard.partition] = shard.engine.learner.learned

    def _sink(self, name: str, source: GroupSource) -> SimSink | TransactionalSink:
        if self.exactly_once:
            return transactional_sink(self, f"fraudstream-sim-{name}", source.group_metadata)
        return SimSink(self)
