"""The states of a worker, and which record goes to which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from stream.kafka.source import RawBatch
from stream.partition import Partition
from stream.shards.shard import Shard, Step

Publish = Callable[[Step], None]
# Waits so many seconds until everything published is acknowledged, and tells whether it is.
Settle = Callable[[float], bool]
# Tells whether nobody has told the worker to stop.
GoingOn = Callable[[], bool]


class Shards(Protocol):
    """Shards that come and go with the partitions of their consumer."""

    def __iter__(self) -> Iterator[Shard]:
        """Give those that are there."""
        ...

    def resume(self, publish: Publish, settle: Settle) -> Iterator[None]:
        """Take up, before the group is joined, what does not depend on its partitions."""
        ...

    def split(self, raw: RawBatch) -> Iterator[tuple[Shard, RawBatch]]:
        """Give each shard its records of a batch."""
        ...

    def assigned(
        self,
        committed: Mapping[Partition, int],
        publish: Publish,
        settle: Settle,
        going_on: GoingOn = lambda: True,
    ) -> dict[Partition, int]:
        """Return where to go on in partitions that came; see `stream.kafka.source.Positions`."""
        ...

    def revoked(self) -> None:
        """Leave behind what the next owner needs; all partitions are to go."""
        ...

    def lost(self) -> None:
        """Write nothing for partitions that may be another's already."""
        ...

    def finish(self, timeout_s: float) -> None:
        """Leave behind what the next start needs."""
        ...

    def stop(self) -> None:
        """Write nothing any more."""
        ...

    def close(self) -> None:
        """Let others have the journals."""
        ...


class WholeTopic:
    """One shard for all partitions: what its entities do is seen whatever key a record has.

    Parameters
    ----------
    shard : Shard
    """

    def __init__(self, shard: Shard) -> None:
        self.shard = shard

    def __iter__(self) -> Iterator[Shard]:
        """Give the one."""
        return iter([self.shard])

    def resume(self, publish: Publish, settle: Settle) -> Iterator[None]:
        """Take up the whole state: however long it takes, nobody is evicted from the group."""
        for step in self.shard.resume(settle):
            publish(step)
            yield

    def split(self, raw: RawBatch) -> Iterator[tuple[Shard, RawBatch]]:
        """Give it all records."""
        yield self.shard, raw

    def assigned(
        self,
        committed: Mapping[Partition, int],
        publish: Publish,
        settle: Settle,
        going_on: GoingOn = lambda: True,
    ) -> dict[Partition, int]:
        """Go on behind what the state has seen."""
        return self.shard.assigned(committed)

    def revoked(self) -> None:
        """Write a snapshot, so that the state is not older than where the next owner goes on."""
        if self.shard.recovery is not None:
            self.shard.recovery.revoked()

    def lost(self) -> None:
        """Keep the state: what others took meanwhile is read when the partitions come back."""

    def finish(self, timeout_s: float) -> None:
        """Write a last snapshot."""
        if self.shard.recovery is not None:
            self.shard.recovery.finish(timeout_s)

    def stop(self) -> None:
        """Write nothing any more."""
        if self.shard.recovery is not None:
            self.shard.recovery.stop()

    def close(self) -> None:
        """Let the next worker have the folder."""
        if self.shard.recovery is not None:
            self.shard.recovery.close()
