"""How a worker becomes what the one before it was, and leaves behind what the next one needs.

Before a batch is worked on, which records it is made of goes into the journal. Now and then
a snapshot of all state is written. The next worker takes the newest whole snapshot, works
again on what the journal names behind it, publishes of that what nobody has seen, and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from models.states.restoring import count, require_kind
from models.states.snapshot import State
from schemas.errors import RecoveryError, SnapshotError
from stream.engine import Engine
from stream.held_labels import HeldLabels
from stream.kafka.source import RawBatch, raw_batch
from stream.recovery.code_version import release
from stream.recovery.identity import Identity
from stream.recovery.journal import Entry, Header, Kind
from stream.recovery.published import Published
from stream.recovery.replaying import Place, Replaying
from stream.recovery.runs import fingerprint, runs_of
from stream.recovery.segments import Chain, Journal
from stream.snapshots.background import BackgroundWriter, Result
from stream.snapshots.folder import SnapshotFolder

_KIND = "worker/1"
# The brokers' clock, where a topic stamps records itself, may be behind the worker's.
SKEW_MS = 60_000
# Waiting for acknowledgements holds up the loop, for as long as brokers take to answer.
SETTLE_S = 1.0
_RETRY_S = 1.0


class Reader(Protocol):
    """Reads of topics what is asked for, as no member of a group."""

    def committed(self, places: list[Place]) -> dict[Place, int]:
        """Return the group's next offsets; negative where there is none."""
        ...

    def read(self, first: Mapping[Place, int], behind: Mapping[Place, int]) -> Iterator[list[Any]]:
        """Yield the records of offsets from `first` to before `behind`."""
        ...

    def alert_ids(self, since_ms: int) -> set[str]:
        """Return the ids of the alerts published since a time."""
        ...

    def close(self) -> None:
        """Let go of the brokers."""
        ...


@dataclass
class RecoveryStats:
    """What recovery cost and did.

    Attributes
    ----------
    recovery_seconds : float
        From the start of reading the snapshot to the end of the replay.
    replayed : int
        Records taken again.
    snapshots, snapshots_failed, snapshots_postponed : int
        Written; not written for an error; put off because brokers did not acknowledge.
    snapshot_seconds : float
        What the last one took, beside the loop.
    snapshot_bytes : int
    """

    recovery_seconds: float = 0.0
    replayed: int = 0
    snapshots: int = 0
    snapshots_failed: int = 0
    snapshots_postponed: int = 0
    snapshot_seconds: float = 0.0
    snapshot_bytes: int = 0


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
    interval_s : float
        Between snapshots.
    tell : callable
        Told in words what an operator should know.
    clock : callable
        Seconds, never going back.
    now_ms : callable
        Milliseconds since the epoch.
    """

    def __init__(
        self,
        journal: Journal,
        identity: Identity,
        snapshots: SnapshotFolder,
        writer: BackgroundWriter,
        reader: Reader,
        interval_s: float,
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._journal = journal
        self._identity = identity
        self._kinds = {topic: kind for kind, topic in identity.topics.items()}
        self._snapshots = snapshots
        self._writer = writer
        self._reader = reader
        self._interval_s = interval_s
        self._tell = tell
        self._clock = clock
        self._wall_ms = now_ms
        self.published = Published()
        self.stats = RecoveryStats()
        self.step = 0
        self.positions: dict[Place, int] = {}
        self._now_ms: int | None = None
        self._live = False
        # Of the last snapshot that was begun; -1: none was, or it failed.
        self._snapshot_step = -1
        self._snapshot_began_s = 0.0
        self._state_s: float | None = None
        self._writing = False
        self._next_s = 0.0
        self._subject: Callable[[], State] | None = None
        self._settle: Callable[[float], bool] = lambda _: True

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
        RecoveryError, SnapshotError, BrokerError
            If what is there cannot be taken up, or records of it are gone.
        """
        began_s = self._clock()
        number = self._restore(engine, held)
        chain = self._journal.chain(number, self.step)
        for text in chain.broken:
            self._tell(f"the journal is damaged, what follows is decided anew: {text}")
        if number == 0 and not chain.links:
            self._require_nothing_lost()
        self._identity.require(chain.links)
        replaying = Replaying(chain.entries, self._identity.topics)
        self._look_for_published(chain, replaying)
        headers = [header for header, _ in chain.links]
        for records in self._reader.read(replaying.first, replaying.behind):
            replaying.feed(records)
            for entry, taken in replaying.ready():
                while len(headers) > 1 and headers[1].first_step <= entry.step:
                    del headers[0]
                yield headers[0], self._again(entry, taken)
        if not replaying.done:
            raise RecoveryError(
                f"the records of step {self.step + 1} are no longer in their topic: begin with "
                "an empty recovery.folder, and an empty state"
            )
        self._settle = settle
        self._subject = lambda: self._state(engine, held)
        self._cut(self._next_number(), durable=True)
        now_s = self._clock()
        # What was replayed once should not be replayed again.
        self._next_s = now_s if chain.links else now_s + self._interval_s
        self.stats.recovery_seconds = now_s - began_s
        self._live = True

    def take(self, raw: RawBatch) -> RawBatch:
        """Note in the journal what is about to be worked on; return it.

        A record that comes again after a rebalance, though it was taken, is left out.

        Raises
        ------
        RecoveryError
            If the journal cannot be written.
        """
        behind = [self.positions.get((raw.topic, p), 0) for p in raw.partition.tolist()]
        raw = raw.rows(raw.offset >= behind)
        if len(raw):
            entry = Entry(
                self._kinds[raw.topic],
                self.step + 1,
                raw.now_ms,
                fingerprint(raw.arrival_time_us),
                runs_of(raw.partition, raw.offset),
            )
            self._journal.append(entry)
            self._taken(raw, entry)
        return raw

    def tend(self) -> None:
        """Begin a snapshot if it is time, and see what became of the last one."""
        result = self._writer.poll()
        if result is not None:
            self._note(result)
        now_s = self._clock()
        if now_s < self._next_s or self._writing:
            return
        self._next_s = now_s + self._interval_s
        if self.step == self._snapshot_step:
            return
        # A snapshot says that its steps are over and done with: nobody replays them again.
        if not self._settle(SETTLE_S):
            self.stats.snapshots_postponed += 1
            self._next_s = now_s + _RETRY_S
            return
        self._begin_snapshot(background=True)

    def finish(self, timeout_s: float) -> None:
        """Write a last snapshot, if all output is acknowledged; the journal behind it is empty."""
        if not self._live:
            return
        if self._writing:
            result = self._writer.wait(timeout_s)
            if result is not None:
                self._note(result)
        if not self._writing and self.step != self._snapshot_step and self._settle(0):
            self._begin_snapshot(background=False)

    def stop(self) -> None:
        """Write nothing any more."""
        self._live = False

    def close(self) -> None:
        """Let go of the folder."""
        self._journal.close()
        self._reader.close()

    def assigned(self, committed: Mapping[Place, int]) -> dict[Place, int]:
        """Return where to go on: behind what the state has seen, else where the group is."""
        self.published.acknowledge({place: at for place, at in committed.items() if at > 0})
        bare = [place for place, at in committed.items() if at > 0 and place not in self.positions]
        if bare:
            names = ", ".join(f"{topic}[{partition}]" for topic, partition in sorted(bare))
            self._tell(
                f"nothing is remembered of {names}: they go on at the group's committed offsets, "
                "and what came before is in no window"
            )
        return {place: self.positions.get(place, at) for place, at in committed.items()}

    def revoked(self) -> None:
        """Write a snapshot before partitions go, so that the state is not older than they."""
        if self._live and self._settle(SETTLE_S):
            self.finish(SETTLE_S)

    def as_dict(self) -> dict[str, Any]:
        """Return what happened as plain values; the age is that of the state last written."""
        age = None if self._state_s is None else round(self._clock() - self._state_s, 3)
        numbers = {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in asdict(self.stats).items()
        }
        return {**numbers, "snapshot_age_seconds": age, "suppressed": self.published.suppressed}

    def _restore(self, engine: Engine, held: HeldLabels) -> int:
        """Take the newest whole snapshot; return its number, 0 if there is none."""
        found = self._snapshots.newest()
        if found is None:
            return 0
        for text in found.refused:
            self._tell(f"a snapshot was passed over: {text}")
        state = found.state
        require_kind(state, _KIND)
        version = str(state.header.get("code_version", ""))
        if version.partition("+")[0] != release():
            raise SnapshotError(
                f"the snapshot in {self._journal.folder} is of release {version or 'unknown'}, and this "
                f"is {release()}: go on with that one, or begin with an empty recovery.folder"
            )
        step = count(state, "step", 0, 2**63 - 1)
        now_ms = count(state, "now_ms", -(2**62), 2**62)
        positions = _positions(state)
        if not {"engine", "held"} <= state.parts.keys():
            raise SnapshotError(f"{_KIND}: the state of the engine or of held labels is missing")
        engine.restore(state.parts["engine"])
        held.restore(state.parts["held"])
        self.step, self.positions, self._now_ms = step, positions, now_ms
        self._snapshot_step = step
        return found.number

    def _require_nothing_lost(self) -> None:
        """Refuse to begin anew in a folder that is not: somebody should know."""
        if self._snapshots.listed() or not self._journal.reaches_back():
            raise RecoveryError(
                f"no snapshot in {self._journal.folder} is whole, and the journal does not reach back to "
                "the beginning: begin with an empty recovery.folder, and an empty state"
            )

    def _look_for_published(self, chain: Chain, replaying: Replaying) -> None:
        """Find out how far the output went before the last stop."""
        since_ms = self._now_ms if chain.now_ms is None else chain.now_ms
        if since_ms is None:
            return  # Nobody was here before.
        self.published.acknowledge(self.positions)
        committed = self._reader.committed([*self.positions.keys() | replaying.behind.keys()])
        self.published.acknowledge({place: at for place, at in committed.items() if at > 0})
        out = {place: max(at, self.positions.get(place, 0)) for place, at in committed.items()}
        topics = self._identity.topics
        for entry in chain.entries:
            if any(run.behind > out[topics[entry.kind], run.partition] for run in entry.runs):
                since_ms = entry.now_ms
                break
        self.published.found(self._reader.alert_ids(since_ms - SKEW_MS))

    def _again(self, entry: Entry, records: list[Any]) -> RawBatch:
        """Make the batch that a step took."""
        raw = raw_batch(self._identity.topics[entry.kind], records, entry.now_ms)
        if fingerprint(raw.arrival_time_us) != entry.check:
            raise RecoveryError(
                f"the records of step {entry.step} in {raw.topic} are not those that were taken: "
                "the topic was made anew. Begin with an empty recovery.folder, and an empty state"
            )
        self._taken(raw, entry)
        self.stats.replayed += len(raw)
        return raw

    def _taken(self, raw: RawBatch, entry: Entry) -> None:
        self.step = entry.step
        self._now_ms = entry.now_ms
        self.positions.update(raw.next_offsets())

    def _state(self, engine: Engine, held: HeldLabels) -> State:
        offsets = [[topic, p, at] for (topic, p), at in sorted(self.positions.items())]
        header = {
            "code_version": self._identity.code,
            "configuration": self._identity.configuration,
            "step": self.step,
            "now_ms": self._now_ms or 0,
            "offsets": offsets,
        }
        return State(_KIND, header, {}, {"engine": engine.state(), "held": held.state()})

    def _begin_snapshot(self, background: bool) -> None:
        """Cut the journal here and write the state of this moment."""
        assert self._subject is not None
        number = self._next_number()
        self._snapshot_began_s = self._clock()
        self._snapshot_step = self.step
        try:
            self._cut(number)
            state = self._subject()
            if background:
                self._writing = self._writer.start(state, number)
                return
            size = self._snapshots.write(state, number).stat().st_size
        except (RecoveryError, SnapshotError, OSError) as error:
            self._failed(str(error))
            return
        self._written(self._clock() - self._snapshot_began_s, size)

    def _cut(self, number: int, durable: bool = False) -> None:
        """Begin the journal's next segment here."""
        header = self._identity.header(number, self.step + 1, self._wall_ms())
        self._journal.begin(header, durable)

    def _note(self, result: Result) -> None:
        self._writing = False
        if result.error:
            self._failed(result.error)
        else:
            self._written(result.seconds, result.bytes)

    def _failed(self, error: str) -> None:
        self._snapshot_step = -1
        self.stats.snapshots_failed += 1
        self._tell(f"no snapshot was written, the journal grows until one is: {error}")

    def _written(self, seconds: float, size: int) -> None:
        self._state_s = self._snapshot_began_s
        self.stats.snapshots += 1
        self.stats.snapshot_seconds = seconds
        self.stats.snapshot_bytes = size
        numbers = [each.number for each in self._snapshots.listed()]
        self._journal.prune(min(numbers, default=0))

    def _next_number(self) -> int:
        snapshots = [each.number for each in self._snapshots.listed()]
        return 1 + max([0, *snapshots, *self._journal.numbers()])


def _positions(state: State) -> dict[Place, int]:
    """Return the offsets of a snapshot's header."""
    positions: dict[Place, int] = {}
    offsets = state.header.get("offsets")
    for each in offsets if isinstance(offsets, list) else [None]:
        match each:
            case [str(topic), int(partition), int(offset)] if partition >= 0 and offset >= 0:
                positions[topic, partition] = offset
            case _:
                raise SnapshotError(f"{_KIND}: offsets holds {each!r}, which is no place")
    return positions
