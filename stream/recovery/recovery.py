"""How a worker becomes what the one before it was, and leaves behind what the next one needs.

Before a batch is worked on, which records it is made of goes into the journal. Now and then
a snapshot of all state is written. The next worker takes the newest whole snapshot, works
again on what the journal names behind it, publishes of that what nobody has seen, and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from models.states.snapshot import State
from schemas.errors import ConfigError, FraudError, ModelError, RecoveryError
from stream.engine.engine import Engine
from stream.kafka.source import RawBatch
from stream.partition import Partition
from stream.plurals import several
from stream.recovery.erasures import Erasures
from stream.recovery.identity import Identity
from stream.recovery.journal import Entry, Header
from stream.recovery.progress import AFTER_ERASURE, Progress, restored
from stream.recovery.published import Published
from stream.recovery.replay_check import ReplayCheck
from stream.recovery.restart import Reader, find_published, replayed
from stream.recovery.runs import fingerprint, runs_of
from stream.recovery.schedule import Schedule
from stream.recovery.segments import Journal
from stream.recovery.stats import RecoveryStats
from stream.shards.held_labels import HeldLabels
from stream.snapshots.background import BackgroundWriter, Result
from stream.snapshots.folder import SnapshotFolder
from stream.store.copier import Copier

# Waiting for acknowledgements holds up the loop, for as long as brokers take to answer.
SETTLE_S = 1.0


class Recovery:
    """The journal and the snapshots of one worker.

    Parameters
    ----------
    journal : Journal
        Of this worker's folder.
    identity : Identity
    snapshots : SnapshotFolder
    writer : BackgroundWriter
    reader : Reader
    schedule : Schedule
        When snapshots are due.
    tell : callable
        Told in words what an operator should know.
    clock : callable
        Seconds, never going back.
    now_ms : callable
        Milliseconds since the epoch.
    copier : Copier, optional
        Copies each snapshot elsewhere.

    Attributes
    ----------
    progress : Progress
    published : Published
        What of the replayed steps' output, and of the first live ones', is out.
    stats : RecoveryStats
    live : bool
        Whether everything was taken up, and nothing has stopped yet.
    """

    def __init__(
        self,
        journal: Journal,
        identity: Identity,
        snapshots: SnapshotFolder,
        writer: BackgroundWriter,
        reader: Reader,
        schedule: Schedule,
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        copier: Copier | None = None,
    ) -> None:
        self.progress = Progress()
        self.published = Published()
        self.stats = RecoveryStats()
        self._journal = journal
        self._identity = identity
        self._kinds = {topic: kind for kind, topic in identity.topics.items()}
        self._snapshots = snapshots
        self._writer = writer
        self._reader = reader
        self._schedule = schedule
        self._tell = tell
        self._clock = clock
        self._now_ms = now_ms
        self._copier = copier
        self._erasures = Erasures(snapshots, copier, tell)
        # Of a replay; None once all is taken up.
        self._check: ReplayCheck | None = None
        # What the last step came to; None: nothing was decided in it.
        self._outcome: int | None = None
        self.live = False
        # Of the last snapshot that was begun; -1: none was, or it failed.
        self._snapshot_step = -1
        self._snapshot_began_s = 0.0
        # Number and step of the newest that is whole.
        self._whole = 0, 0
        # What nobody needs any more and could not be deleted.
        self._undeleted: set[Path] = set()
        self._state_s: float | None = None
        self._state: Callable[[], State] = lambda: State("")
        self._settle: Callable[[float], bool] = lambda _: True

    @property
    def over(self) -> bool:
        """Whether another worker has taken over what is in the folder."""
        return self._journal.over

    def require(self) -> None:
        """Refuse to publish what another worker decides by now.

        Raises
        ------
        RecoveryError
            If another worker has taken over.
        """
        self._journal.require()

    def resume(
        self, engine: Engine, held: HeldLabels, settle: Callable[[float], bool]
    ) -> Iterator[tuple[Header, RawBatch]]:
        """Restore the newest snapshot, then yield each batch of the journal behind it.

        Parameters
        ----------
        engine : Engine
        held : HeldLabels
            Both as new.
        settle : callable
            Waits so many seconds until everything published is acknowledged, and tells
            whether it is.

        Yields
        ------
        header : Header
            Of the segment, which names the schemas of its time.
        raw : RawBatch
            To be worked on as any other, and published as far as `published` says.

        Raises
        ------
        RecoveryError, SnapshotError, StorageError, BrokerError
            If what is there cannot be taken up, or records of it are gone.
        ConfigError
            If a model has no state that can be kept.
        """
        began_s = self._clock()
        try:
            engine.state()
        except ModelError as error:
            raise ConfigError(
                f"recovery.folder: the state of a model cannot be kept: {error}; use a model whose "
                "state can be, or leave recovery.folder empty"
            ) from error
        found = self._snapshots.newest()
        if found is not None:
            for each in found.refused:
                self._tell(f"{each.path} was passed over: {each.why}")
            self.progress = restored(found.state, engine, held)
            self._snapshot_step = self.progress.step
            self._whole = found.number, self.progress.step
            if found.state.header.get(AFTER_ERASURE):
                # The last worker ended before it had deleted the others.
                self.note_erasure()
                self._forget_outdated()
        elif not self._journal.reaches_back():
            raise RecoveryError(
                f"recovery.folder: the snapshot behind which the journal in "
                f"{self._journal.folder} goes on is not there: bring it back, or begin with an "
                "empty folder, and an empty state"
            )
        chain = self._journal.chain(0 if found is None else found.number, self.progress.step)
        for header, _ in chain.links:
            self.progress.follow(header)
        for text in chain.broken:
            self._tell(f"the journal is damaged, what follows is decided anew: {text}")
        self._identity.require(chain.links)
        find_published(self.published, self.progress, chain, self._identity, self._reader)
        self._check = check = ReplayCheck(self._identity.code, self._tell)
        for header, entry, raw in replayed(self.progress, chain, self._identity, self._reader):
            self.stats.replayed += len(raw)
            check.begin(header, entry)
            self._outcome = None
            yield header, raw
        self._check = None
        self.stats.replayed_otherwise = check.otherwise
        self._state = lambda: self.progress.state(
            self._identity, engine, held, self._erasures.is_to_forget
        )
        self._settle = settle
        if self.progress.since_ms is None:
            self.progress.since_ms = self._now_ms()
        self._cut(self._next_number(), durable=True)
        now_s = self._clock()
        self._schedule.live(now_s, replayed=bool(chain.entries))
        self.stats.recovery_seconds = now_s - began_s
        self._reader.close()
        self.live = True

    def take(self, raw: RawBatch) -> RawBatch:
        """Note in the journal what is about to be worked on; return it.

        A record that comes again after a rebalance, though it was taken, is left out.

        Raises
        ------
        RecoveryError
            If the journal cannot be written.
        """
        raw = raw.rows(self.progress.new(raw))
        if len(raw):
            entry = Entry(
                self._kinds[raw.topic],
                self.progress.step + 1,
                raw.now_ms,
                fingerprint(raw.arrival_time_us),
                runs_of(raw.partition, raw.offset),
            )
            self._journal.append(entry)
            self._outcome = None
            self.progress.take(raw, entry)
        return raw

    def decided(self, outcome: int) -> None:
        """Note what the step at hand came to, before any of it is published.

        Raises
        ------
        RecoveryError
            If the journal cannot be written; or in a replay, if it is not what other code came to.
        """
        if self._check is None:
            # Whoever has the folder by now decides it too: there this raises.
            self._journal.append_outcome(self.progress.step, outcome)
        else:
            self._journal.require()
            self._check.require(outcome)
        self._outcome = outcome

    def worked(self, seconds: float) -> None:
        """Note how long steps took: a replay takes about as long."""
        self._schedule.worked(seconds)

    def note_erasure(self) -> None:
        """Note that the step at hand erased somebody: a snapshot follows, and older ones go."""
        self._erasures.note(self.progress.step)
        self.stats.erasures_pending = self._erasures.pending
        self._schedule.at_once(self._clock())

    def tend(self) -> None:
        """Begin a snapshot if it is time, and see what became of the last one."""
        result = self._writer.poll()
        if result is not None:
            self._note(result)
        now_s = self._clock()
        if not self._schedule.is_due(now_s) or self._writer.busy:
            return
        self._forget_outdated()
        self._schedule.again(now_s, soon=bool(self._erasures.pending))
        if self.progress.step == self._snapshot_step:
            return
        if not self._writer.has_room(self._state()):
            self._schedule.again(now_s, soon=True)
            return
        # A snapshot says that its steps are over and done with: nobody replays them again.
        if self._settle(SETTLE_S):
            self._begin_snapshot(background=True)
            self.stats.snapshot_held_up_seconds = self._clock() - now_s
        else:
            self.stats.snapshots_postponed += 1
            self._schedule.again(now_s, soon=True)

    def finish(self, timeout_s: float) -> None:
        """Write a last snapshot, if all output is acknowledged; the journal behind it is empty."""
        if not self.live:
            return
        result = self._writer.wait(timeout_s)
        if result is not None:
            self._note(result)
        changed = self.progress.step != self._snapshot_step
        if changed and not self._writer.busy and self._settle(0):
            self._begin_snapshot(background=False)

    def stop(self) -> None:
        """Write nothing any more."""
        self.live = False

    def close(self) -> None:
        """Let go of the folder, and of the state."""
        self._state, self._settle = lambda: State(""), lambda _: True
        self._writer.stop()
        if self._copier is not None:
            self._copier.close()
        self._reader.close()
        self._journal.close()

    def assigned(self, committed: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return where to go on: behind what the state has seen, else where the group is.

        Orders that the state has not seen it gets from the first one on: rules and lists are what
        they were ordered to be, whenever that was.

        Raises
        ------
        RecoveryError
            If the journal cannot be written.
        """
        known = self.progress.positions
        self.published.acknowledge({place: at for place, at in committed.items() if at > 0})
        new = {
            place: -1 if place[0] == self._identity.control else max(at, -1)
            for place, at in committed.items()
            if place not in known
        }
        bare = sorted(place for place, at in new.items() if at > 0)
        if bare:
            names = ", ".join(f"{topic}[{partition}]" for topic, partition in bare)
            self._tell(
                f"nothing is remembered of {names}: they go on at the group's committed offsets, "
                "and what came before is in no window"
            )
        if new:
            # Where they began must not be lost with the power: the group's offsets move on.
            known.update(new)
            self._cut(self._next_number(), durable=True)
        return {place: known[place] for place in committed}

    def revoked(self) -> None:
        """Write a snapshot before partitions go, so that the state is not older than they."""
        if self.live and self._settle(SETTLE_S):
            self.finish(SETTLE_S)

    def as_dict(self) -> dict[str, Any]:
        """Return what happened as plain values; the age is that of the state last written."""
        age = None if self._state_s is None else round(self._clock() - self._state_s, 3)
        said = {
            "snapshot_age_seconds": age,
            "replay_seconds": round(self._schedule.replay_s, 3),
            "alerts_suppressed": self.published.suppressed,
        }
        copies = {} if self._copier is None else self._copier.as_dict()
        return {**self.stats.as_dict(), **said, **copies}

    def _begin_snapshot(self, background: bool) -> None:
        """Cut the journal here and write the state of this moment."""
        number = self._next_number()
        self._snapshot_began_s = self._clock()
        self._snapshot_step = self.progress.step
        self._schedule.begun()
        if not self.published.is_ahead(self.progress.positions):
            self.progress.since_ms = self._now_ms()
        try:
            self._cut(number)
            if background:
                self._writer.start(self._state(), number)
            else:
                size = self._snapshots.write(self._state(), number).stat().st_size
                self._written(number, self._clock() - self._snapshot_began_s, size)
        except (FraudError, OSError, ValueError) as error:
            self._failed(str(error))

    def _cut(self, number: int, durable: bool = False) -> None:
        """Begin the journal's next segment here."""
        progress = self.progress
        header = self._identity.header(
            number, progress.step + 1, progress.since_ms or 0, progress.positions, self._outcome
        )
        self._journal.begin(header, durable)

    def _note(self, result: Result) -> None:
        self._journal.require()
        if result.error:
            self._failed(result.error)
        else:
            self._written(result.number, result.seconds, result.bytes)

    def _failed(self, error: str) -> None:
        self._snapshot_step = -1
        self.stats.snapshots_failed += 1
        self._tell(f"no snapshot was written, the journal grows until one is: {error}")

    def _written(self, number: int, seconds: float, size: int) -> None:
        self._whole = number, self._snapshot_step
        self._schedule.whole()
        self._state_s = self._snapshot_began_s
        self.stats.snapshots += 1
        self.stats.snapshot_seconds = seconds
        self.stats.snapshot_bytes = size
        if self._copier is not None:
            self._copier.copy(self._snapshots.path(number), number)
        self._forget_outdated()
        left = self._journal.prune(min(self._snapshots.numbers(), default=0))
        self._note_undeleted({*left, *self._snapshots.surplus()})

    def _note_undeleted(self, left: set[Path]) -> None:
        """Say what could not be deleted, each file once; it is tried again with each snapshot."""
        new = sorted(left - self._undeleted)
        if new:
            self._tell(
                f"{several(len(left), 'path')} that nobody needs any more cannot be deleted, such "
                f"as {new[0]}: see whose they are, or delete them by hand; the disk fills up, and "
                "they may still know who was erased"
            )
        self._undeleted = left
        self.stats.undeleted = len(left)

    def _forget_outdated(self) -> None:
        """Delete the snapshots that know somebody whom the newest does not, if there are any."""
        if self._erasures.forget(*self._whole):
            self._schedule.again(self._clock())
        self.stats.erasures_pending = self._erasures.pending

    def _next_number(self) -> int:
        self._journal.require()
        return 1 + max([0, *self._snapshots.numbers(), *self._journal.numbers()])
