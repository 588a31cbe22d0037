"""A shard for each partition, which moves with it from worker to worker.

What a shard decides follows from its own partition's records, so it does not matter how many
workers there are, nor which of them has it. What was said of a partition's payments is on the
partition of the same number of the labels topic, and the group gives both to one worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import numpy as np

from schemas.errors import BrokerError, FraudError, RecoveryError, SnapshotError, StorageError
from stream.exchange.topics import NO_EXCHANGE, ExchangeTopics
from stream.kafka.source import RawBatch
from stream.partition import Partition
from stream.process_memory import collect
from stream.shards.shard import Shard
from stream.shards.shards import GoingOn, Publish, Settle

_SETTLE_S = 10.0
# Of the five minutes that a group waits for its slowest member.
_REVOKE_S = 10.0


class PartitionedShards:
    """The shards of the partitions that this worker has; see `stream.shards.shards.Shards`.

    Parameters
    ----------
    make : callable
        Makes the shard of a partition, which has seen nothing yet.
    topics : tuple of str
        Of which a shard has one partition each.
    exchange : ExchangeTopics
        Where partitions tell each other.
    partitions : int
        How many there are.
    """

    def __init__(
        self,
        make: Callable[[int], Shard],
        topics: tuple[str, ...],
        exchange: ExchangeTopics = NO_EXCHANGE,
        partitions: int = 0,
    ) -> None:
        self._make = make
        self._topics = topics
        self._exchange = exchange
        self._partitions = partitions
        self._shards: dict[int, Shard] = {}
        # Of partitions that went: the group may well give them back.
        self._parked: dict[int, Shard] = {}

    def __iter__(self) -> Iterator[Shard]:
        """Give those of the partitions that are here, by their numbers."""
        return (self._shards[partition] for partition in sorted(self._shards))

    def resume(self, publish: Publish, settle: Settle) -> Iterator[None]:
        """Do nothing: what is to be taken up is known once the group has given partitions."""
        return iter(())

    def split(self, raw: RawBatch) -> Iterator[tuple[Shard, RawBatch]]:
        """Give each shard the records of its partition, and those of others that it listens to."""
        if raw.topic in self._exchange.topics:
            for partition, shard in sorted(self._shards.items()):
                yield shard, raw.rows(self._exchange.heard(raw.topic, raw.partition, partition))
            return
        for partition in np.unique(raw.partition).tolist():
            # One that has gone is read by whoever has it.
            if partition in self._shards:
                yield self._shards[partition], raw.rows(raw.partition == partition)

    def assigned(
        self,
        committed: Mapping[Partition, int],
        publish: Publish,
        settle: Settle,
        going_on: GoingOn = lambda: True,
    ) -> dict[Partition, int]:
        """Take up the shards of partitions that came, and return where they go on.

        Told to stop, it takes up no more: what is not here is left to the next owner.

        Raises
        ------
        BrokerError
            If the group gave partitions of one number to different workers.
        RecoveryError, SnapshotError, StorageError, ConfigError
            If what the owner before left of a partition cannot be taken up; it names it.
        """
        together = self._together(committed)
        # Those of others first: their memory is needed.
        self._close({p: self._parked.pop(p) for p in self._parked.keys() - together.keys()})
        # All are ours before the first is taken up: what owners before say comes too late then,
        # and what is out of all partitions can be read at once.
        ours = []
        for partition in together:
            if going_on():
                with _named(partition):
                    self._parked[partition] = self._ours(partition)
                ours.append(partition)
        for partition in ours:
            shard = self._parked[partition]
            with _named(partition, shard):
                whole = self._take_up(shard, publish, settle, going_on)
            if whole:
                self._shards[partition] = self._parked.pop(partition)
        # Half taken up they are of no use.
        self._close(self._parked)
        starts = dict(committed)
        for partition, shard in self._shards.items():
            others = dict.fromkeys(self._exchange.places(partition, self._partitions), -1)
            found = shard.assigned(together[partition] | others)
            # What one of them has heard already it leaves out.
            for place, at in found.items():
                starts[place] = min(at, starts[place]) if place in others & starts.keys() else at
        return starts

    def _ours(self, partition: int) -> Shard:
        """Return the shard of a partition, of which nobody else has a newer state."""
        shard = self._parked.get(partition) or self._make(partition)
        if shard.recovery is not None and shard.recovery.over:
            # Others were at work meanwhile: what they left is what counts.
            shard.recovery.close()
            del self._parked[partition]
            shard = self._make(partition)
        return shard

    @staticmethod
    def _take_up(shard: Shard, publish: Publish, settle: Settle, going_on: GoingOn) -> bool:
        """Let a shard become what its owner before was; tell whether it has."""
        if shard.recovery is None or shard.recovery.live:
            return True
        if not going_on():
            return False
        for step in shard.resume(settle):
            publish(step)
            if not going_on():
                return False
        # Taking up the next one takes its time, and a transaction must not wait for it.
        settle(_SETTLE_S)
        return True

    def revoked(self) -> None:
        """Write a snapshot of each, for whoever gets the partition.

        The whole group waits for it. What is not reached in time leaves its journal.
        """
        deadline_s = time.monotonic() + _REVOKE_S
        for shard in self:
            late = time.monotonic() > deadline_s
            if shard.recovery is not None and not late and not shard.recovery.over:
                shard.recovery.revoked()
        self.lost()

    def lost(self) -> None:
        """Keep the shards, but for nothing else than to get their partitions back."""
        for shard in self:
            shard.leave()
        self._parked |= self._shards
        self._shards = {}

    def finish(self, timeout_s: float) -> None:
        """Write the last snapshots."""
        for shard in self:
            if shard.recovery is not None and not shard.recovery.over:
                shard.recovery.finish(timeout_s / len(self._shards))

    def stop(self) -> None:
        """Write nothing any more."""
        for shard in (*self, *self._parked.values()):
            if shard.recovery is not None:
                shard.recovery.stop()

    def close(self) -> None:
        """Let go of all folders."""
        self._close(self._shards)
        self._close(self._parked)

    def _together(self, committed: Mapping[Partition, int]) -> dict[int, dict[Partition, int]]:
        """Return the places of each partition."""
        found: dict[int, dict[Partition, int]] = {}
        for place, offset in committed.items():
            found.setdefault(place[1], {})[place] = offset
        for partition, places in found.items():
            missing = [topic for topic in self._topics if (topic, partition) not in places]
            if missing:
                raise BrokerError(
                    f"the group gave partition {partition} of {missing[0]} to another worker than "
                    f"that of {next(iter(places))[0]}: with worker.state = 'per_partition' leave "
                    "partition.assignment.strategy as it is, and give all input topics as many "
                    "partitions"
                )
        return found

    @staticmethod
    def _close(shards: dict[int, Shard]) -> None:
        """Let go of shards, all at the same time: each may wait for a copy of its snapshot."""
        if not shards:
            return
        with ThreadPoolExecutor(len(shards)) as pool:
            list(pool.map(_let_go, shards.values()))
        shards.clear()
        # Their arrays are large, and cycles would keep them until somebody looks.
        collect()


@contextmanager
def _named(partition: int, shard: Shard | None = None) -> Iterator[None]:
    """Say in an error of which partition it is, and that it is no other's."""
    try:
        yield
    except (RecoveryError, SnapshotError, StorageError, BrokerError) as error:
        if isinstance(error, BrokerError) and type(error) is not BrokerError:
            raise  # What is published fails, and not what is taken up.
        if shard is not None and shard.recovery is not None:
            # Paused meanwhile, it looks for files that its successor has deleted.
            shard.recovery.require()
        raise type(error)(
            f"partition {partition} cannot be taken up, and this worker ends: without what is "
            f"remembered of it decisions would be others. {error}. Whichever worker is given "
            f"partition {partition} ends so until that is mended; docs/workers.md says how to "
            "begin anew with this partition alone"
        ) from error


def _let_go(shard: Shard) -> None:
    if shard.recovery is not None:
        with suppress(FraudError):
            shard.recovery.stop()
            shard.recovery.close()
