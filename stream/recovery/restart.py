"""What the worker before this one left, and what of it is done and said already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from schemas.errors import RecoveryError
from stream.kafka.source import RawBatch, raw_batch
from stream.partition import Partition
from stream.recovery.identity import Identity
from stream.recovery.journal import Entry, Header
from stream.recovery.progress import Progress
from stream.recovery.published import Published
from stream.recovery.replaying import Replaying
from stream.recovery.runs import fingerprint
from stream.recovery.segments import Chain

# The brokers' clock, where a topic stamps records itself, may be behind the worker's.
SKEW_MS = 60_000

_BEGIN_ANEW = "begin with an empty recovery.folder, and an empty state"


class Reader(Protocol):
    """Reads of topics what is asked for, as no member of a group."""

    def committed(self, places: list[Partition]) -> dict[Partition, int]:
        """Return the group's next offsets; negative where there is none."""
        ...

    def read(
        self, first: Mapping[Partition, int], behind: Mapping[Partition, int]
    ) -> Iterator[list[Any]]:
        """Yield the records of offsets from `first` to before `behind`."""
        ...

    def alerts(self, since_ms: int) -> dict[str, tuple[Partition, int]]:
        """Return the ids of the alerts published since a time, and the payments they are of."""
        ...

    def close(self) -> None:
        """Let go of the brokers."""
        ...


def find_published(
    published: Published, progress: Progress, chain: Chain, identity: Identity, reader: Reader
) -> None:
    """Find out how far the output went before the last stop.

    What a snapshot has seen was acknowledged before it was taken. Behind it the group's
    offsets say what was; of what comes then alerts may be out.
    """
    if progress.since_ms is None:
        return  # Nobody was here before.
    places = {
        (identity.topics[entry.kind], run.partition)
        for entry in chain.entries
        for run in entry.runs
    }
    committed = reader.committed(sorted(places | progress.positions.keys()))
    published.acknowledge({place: at for place, at in committed.items() if at > 0})
    published.found(reader.alerts(progress.since_ms - SKEW_MS))


def replayed(
    progress: Progress, chain: Chain, identity: Identity, reader: Reader
) -> Iterator[tuple[Header, Entry, RawBatch]]:
    """Yield the batches of a chain, each with its entry and the header of its segment.

    Raises
    ------
    RecoveryError, BrokerError
        If records of it are gone, or are others.
    """
    replaying = Replaying(chain.entries, identity.topics)
    headers = [header for header, _ in chain.links]
    for records in reader.read(replaying.first, replaying.behind):
        replaying.feed(records)
        for entry, taken in replaying.ready():
            while len(headers) > 1 and headers[1].first_step <= entry.step:
                del headers[0]
            raw = _batch(entry, taken, identity)
            progress.take(raw, entry)
            yield headers[0], entry, raw
    if not replaying.done:
        raise RecoveryError(
            f"records of step {progress.step + 1} are no longer in their topic: {_BEGIN_ANEW}"
        )


def _batch(entry: Entry, records: list[Any], identity: Identity) -> RawBatch:
    """Make the batch that a step took."""
    raw = raw_batch(identity.topics[entry.kind], records, entry.now_ms)
    if fingerprint(raw.arrival_time_us) != entry.check:
        raise RecoveryError(
            f"the records of step {entry.step} in {raw.topic} are not those that were taken: "
            f"the topic was made anew. {_BEGIN_ANEW.capitalize()}"
        )
    return raw
