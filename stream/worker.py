"""The loop of one worker: poll, decode, step, publish, commit.

Order of truth, for each poll:

1. note in the journal which records were taken, if there is one;
2. decode the transactions and the labels;
3. step the engine;
4. publish alerts, decisions and dead letters;
5. once the brokers have acknowledged all of a step's records, its input offsets
   may be committed, and are, at the commit interval.

A crash anywhere repeats work and loses none of it. With a `Recovery` the state is
what it was, and no alert comes twice; without one it begins empty, and labels that are
held until their payment comes are lost: their offsets are committed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from stream.config.configuration import Config
from stream.kafka.hold_back import HoldBack
from stream.kafka.sink import Offsets, Sink
from stream.kafka.source import Source
from stream.recovery.recovery import SETTLE_S
from stream.shards.shard import Shard, Step
from stream.shards.shards import Shards
from stream.store.online import OnlineFeatures
from stream.telemetry.tally import Tally

POLL_S = 0.1
_REPLAY_SETTLE_S = 10.0
# What a call costs is shared by so many batches, if so many records are there.
_BATCHES_A_POLL = 4


class Stop(Protocol):
    """Something that says when to stop, such as a `threading.Event`."""

    def is_set(self) -> bool:
        """Tell whether to stop."""
        ...


class Never:
    """Nobody says when to stop."""

    def is_set(self) -> bool:
        """Tell that nobody did."""
        return False


@dataclass
class WorkerStats:
    """What the loop did; shards and engines count the rest."""

    polls: int = 0
    records: int = 0
    pauses: int = 0


class Worker:
    """One consumer, one producer, and the shards between them.

    Parameters
    ----------
    config : Config
    shards : Shards
    source : Source
        Is told here to ask this worker where to go on.
    sink : Sink
    online : OnlineFeatures, optional
        To which the shards tell their features.
    tally : Tally, optional
        That of the shards; is told how long records took, and that the loop comes round.
    """

    def __init__(
        self,
        config: Config,
        shards: Shards,
        source: Source,
        sink: Sink,
        online: OnlineFeatures | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.config = config
        self.shards = shards
        self.source = source
        self.sink = sink
        self.online = online
        self.tally = tally
        self.stats = WorkerStats()
        self.unacknowledged = 0
        self._safe: Offsets = {}
        self._next_commit_s = 0.0
        self._stop: Stop = Never()
        topics = config.topics
        self._records_max = _BATCHES_A_POLL * config.worker.batch_rows_max
        self.labels = HoldBack(source, topics.transactions, topics.labels, 2 * self._records_max)
        source.follow(self)

    @property
    def shard(self) -> Shard:
        """The shard of a worker that has one."""
        (shard,) = self.shards
        return shard

    def run(self, stop: Stop, on_poll: Callable[[], None] | None = None) -> None:
        """Work until told to stop, then finish what was taken; first comes `recover`.

        Parameters
        ----------
        stop : Stop
        on_poll : callable, optional
            Called after every poll, for progress.

        Raises
        ------
        BrokerError, DeliveryError
            If input cannot be read or output cannot be delivered; nothing that was
            not acknowledged has been committed.
        RecoveryError
            If the journal cannot be written.
        """
        self._stop = stop
        while self._goes_on():
            self.turn(POLL_S)
            if on_poll is not None:
                on_poll()
        self.finish(self.config.worker.shutdown_deadline / 1e6 / 2)

    def recover(self, stop: Stop) -> None:
        """Become what the last worker was, and publish what it could not; before `run`.

        Told to stop, it leaves everything as it found it.

        Raises
        ------
        RecoveryError, SnapshotError, StorageError, BrokerError
            If what the last worker left cannot be taken up.
        """
        self._stop = stop
        for _ in self.shards.resume(self._replay, self._settle):
            if not self._goes_on():
                break

    def turn(self, timeout_s: float) -> int:
        """Poll once and do all that follows; return how many records were taken."""
        wait_s = min(timeout_s, self.sink.due_s)
        batches = self.source.poll(self._records_max, wait_s)
        polled_s = time.perf_counter()
        taken = 0
        for polled in batches:
            for shard, raw in self.shards.split(polled):
                step = shard.take(raw)
                if step is not None:
                    began_s = time.perf_counter()
                    # Here the engine works: records are made as they are published.
                    self.sink.publish(step.records, step.offsets)
                    ended_s = time.perf_counter()
                    shard.worked(ended_s - began_s)
                    taken += step.taken
                    if self.tally is not None:
                        arrivals_us = raw.arrival_time_us
                        self.tally.published(raw.topic, step.taken, arrivals_us, ended_s - polled_s)
        self.sink.poll(0)
        if self.sink.congested:
            self._wait_for_relief()
        self.labels.tend(max((shard.crowd for shard in self.shards), default=0.0))
        for shard in self.shards:
            if shard.recovery is not None:
                shard.recovery.tend()
        self._commit(force=False)
        self.stats.polls += 1
        self.stats.records += taken
        self._came_round()
        return taken

    def finish(self, timeout_s: float) -> None:
        """Flush, commit what was acknowledged, and wait for the answer, within a bound."""
        deadline = time.monotonic() + timeout_s
        for shard in self.shards:
            if shard.recovery is None:
                given_up = shard.give_up_held()
                self.sink.publish(given_up.records, given_up.offsets)
        self.unacknowledged = self.sink.flush(timeout_s / 2)
        self._commit(force=True)
        self.shards.finish(timeout_s / 4)
        self.source.pause()
        while self.source.commits_pending and time.monotonic() < deadline:
            self.source.poll(1, 0.05)

    def close(self) -> None:
        """Close both clients, and only then let another worker have the journal."""
        self.shards.stop()
        with ExitStack() as stack:
            # The last that is named is the first to be closed.
            if self.online is not None:
                stack.callback(self.online.close)
            stack.callback(self.shards.close)
            stack.callback(self.source.close)
            stack.callback(self.sink.close)

    def assigned(self, committed: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        """Return where to go on in partitions that the group has given."""
        self.sink.hear_offsets(dict(committed))
        starts = self.shards.assigned(committed, self._replay, self._settle, self._goes_on)
        # What was taken when the partitions went is not taken again, and may not be committed.
        ahead = {
            place: starts[place] for place in committed if starts[place] > max(committed[place], 0)
        }
        self.sink.publish([], ahead)
        return starts

    def revoked(self) -> None:
        """Bring to an end what was taken of partitions that are to go."""
        self.sink.flush(SETTLE_S)
        self.shards.revoked()
        self._commit(force=True)
        self._let_go()

    def lost(self) -> None:
        """Leave partitions alone that may be another's already."""
        self.shards.lost()
        self._let_go()

    def _came_round(self) -> None:
        """Let others know that the loop goes on."""
        if self.tally is not None:
            self.tally.turned()

    def _let_go(self) -> None:
        """Commit nothing any more for what was taken: whoever has the partitions now does."""
        self.sink.forget_offsets()
        self._safe = {}

    def _goes_on(self) -> bool:
        """Tell whether nobody has told it to stop."""
        return not self._stop.is_set()

    def _settle(self, timeout_s: float) -> bool:
        """Wait until all that was published is acknowledged; tell whether it is."""
        return self.sink.flush(timeout_s) == 0

    def _replay(self, step: Step) -> None:
        """Publish a step that is replayed, no faster than the brokers take it."""
        self._came_round()
        self.sink.publish(step.records, step.offsets)
        while not self.sink.relieved and self._goes_on():
            self.sink.poll(0.1)
        if self.sink.due_s < math.inf:
            # A transaction: reading on may take longer than it may stand open.
            self._settle(_REPLAY_SETTLE_S)

    def _wait_for_relief(self) -> None:
        """Take no input until the brokers have caught up; stay in the group meanwhile."""
        self.stats.pauses += 1
        self.source.pause()
        while not self.sink.relieved and self._goes_on():
            self.sink.poll(0.1)
            self.source.poll(1, 0)
            self._came_round()
        self.source.resume()

    def _commit(self, force: bool) -> None:
        self._safe.update(self.sink.safe_offsets())
        now = time.monotonic()
        if force or now >= self._next_commit_s:
            self.source.commit(self._safe)
            self._safe = {}
            self._next_commit_s = now + self.config.worker.commit_interval / 1e6
