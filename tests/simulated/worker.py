"""A worker with one state, from its start to its end or death."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulated.consumer import SimReader, SimSource
from simulated.disk import SimCopier, SimJournal, SimWriter
from simulated.producer import SimSink
from simulated.setting import CONTROL, IN, KEY, LABELS, identity, parts
from simulated.transactional import transactional_sink

from models.states.snapshot import pack
from stream.app import engine_of, publisher_of
from stream.engine.parameters import Keep
from stream.kafka.source import raw_batch
from stream.recovery.recovery import Recovery
from stream.recovery.schedule import Schedule
from stream.recovery.setup import bring_back
from stream.shards.shard import Shard
from stream.shards.shards import WholeTopic
from stream.snapshots.folder import SnapshotFolder
from stream.worker import Worker

if TYPE_CHECKING:
    from simulated.world import World

    from stream.kafka.transactions import TransactionalSink
    from stream.recovery.journal import Entry
    from stream.store.copies import Copies
    from stream.store.online import OnlineFeatures

# More than the worst of lives takes; without trouble it is some tens.
TURNS_MAX, CALM_TURNS_MAX = 3000, 400


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
        self._closed = False
        config, decoders, codecs, control = parts(world.setting, world.exactly_once)
        engine = engine_of(config, KEY, Keep.NOTHING if online is None else Keep.VALUES)
        recovery = self._recovery() if recovers else None
        publisher = publisher_of(config, engine)
        more = recovery, None, control, online
        self.shard = Shard(config, engine, *decoders, publisher, codecs, *more)
        source = SimSource(world)
        try:
            sink = self._sink(source)
        except BaseException:
            if recovery is not None:
                recovery.close()
            raise
        shards = WholeTopic(self.shard)
        self.worker = Worker(config, shards, source, sink)  # type: ignore[arg-type]

    def _sink(self, source: SimSource) -> SimSink | TransactionalSink:
        if self.world.exactly_once:
            return transactional_sink(self.world, "fraudstream-sim", source.group_metadata)
        return SimSink(self.world)

    def _recovery(self) -> Recovery:
        world = self.world
        snapshots = SnapshotFolder(world.folder, None, world.keep)
        copier = None if self._copies is None else SimCopier(world, self._copies)
        journal = SimJournal(world)
        if copier is not None:
            bring_back(copier, snapshots, journal)
        return Recovery(
            journal,
            identity(code=next(world.codes)),
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
        """Recover, and work until everything was taken, or for so many turns.

        Once there is no trouble any more, all must be committed too, and soon.
        """
        self.worker.recover(_Never())
        most = TURNS_MAX if self.world.troubled else CALM_TURNS_MAX
        for _ in range(most if turns is None else turns):
            self.worker.turn(0)
            if turns is None and self._done:
                return
        if turns is None:
            raise AssertionError(f"{self.world.lag} records behind after {most} turns")

    @property
    def _done(self) -> bool:
        if not self.world.troubled and self.world.lag:
            return False
        recovery = self.worker.shard.recovery
        taken = {} if recovery is None else recovery.progress.positions
        ends = self.world.broker.ends(IN, LABELS, CONTROL)
        return all(max(taken.get(place, 0), 0) == end for place, end in ends.items())

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

    def close(self) -> None:
        """Close everything, as a process does that begins anew."""
        self.worker.close()
        self._closed = True

    def bury(self) -> None:
        """Give back what a dead process gives back by itself."""
        self.world.bury()
        if self.worker.shard.recovery is not None and not self._closed:
            self.worker.shard.recovery.close()


class _Never:
    def is_set(self) -> bool:
        return False
