"""A journal's batches again, from records as any consumer gives them.

Kafka promises an order within a partition only, so what is read again comes in other batches
and in another order between partitions. Here records wait until the batch that they once were
part of is complete, and all batches before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from schemas.errors import RecoveryError
from stream.partition import Partition
from stream.recovery.journal import Entry, Kind

# Topic and partition.


class Record(Protocol):
    """What must be known of a record to find its batch."""

    def topic(self) -> str | None:
        """Return its topic."""
        ...

    def partition(self) -> int | None:
        """Return its partition."""
        ...

    def offset(self) -> int | None:
        """Return its offset."""
        ...


class Replaying:
    """Records in, the batches of a journal out.

    Parameters
    ----------
    entries : sequence of Entry
    topics : mapping of Kind to str

    Attributes
    ----------
    first, behind : dict of Partition to int
        Of each partition that the entries name, the first offset that is needed, and the one
        behind the last.
    """

    def __init__(self, entries: Sequence[Entry], topics: Mapping[Kind, str]) -> None:
        self._entries = deque(entries)
        self._topics = topics
        self._waiting: dict[Partition, deque[Record]] = {}
        self.first: dict[Partition, int] = {}
        self.behind: dict[Partition, int] = {}
        for entry in entries:
            for run in entry.runs:
                place = topics[entry.kind], run.partition
                self.first.setdefault(place, run.first)
                self.behind[place] = run.behind

    @property
    def done(self) -> bool:
        """Whether every batch has come out."""
        return not self._entries

    def feed(self, records: Iterable[Record]) -> None:
        """Take records; those of a partition in the order of their offsets."""
        for record in records:
            place = record.topic(), record.partition()
            if record.offset() < self.behind.get(place, 0):  # type: ignore[arg-type, operator]
                self._waiting.setdefault(place, deque()).append(record)  # type: ignore[arg-type]

    def ready(self) -> Iterator[tuple[Entry, list[Record]]]:
        """Yield the batches that are complete, in the journal's order, as far as they are.

        Raises
        ------
        RecoveryError
            If a record that was taken once is no longer in its topic.
        """
        while self._entries and self._is_complete(self._entries[0]):
            entry = self._entries.popleft()
            yield entry, self._take(entry)

    def _is_complete(self, entry: Entry) -> bool:
        needed: dict[Partition, int] = {}
        for run in entry.runs:
            needed[self._topics[entry.kind], run.partition] = run.behind
        for place, behind in needed.items():
            waiting = self._waiting.get(place)
            # In order of offsets: the youngest says how far they have come.
            if not waiting or waiting[-1].offset() < behind - 1:  # type: ignore[operator]
                return False
        return True

    def _take(self, entry: Entry) -> list[Record]:
        records = []
        for run in entry.runs:
            waiting = self._waiting[self._topics[entry.kind], run.partition]
            # What another worker took while the partition was its.
            while waiting and waiting[0].offset() < run.first:  # type: ignore[operator]
                waiting.popleft()
            for offset in range(run.first, run.behind):
                if not waiting or waiting[0].offset() != offset:
                    topic = self._topics[entry.kind]
                    raise RecoveryError(
                        f"record {offset} of {topic}[{run.partition}] was taken before the last "
                        "stop and is no longer there: the topic was compacted or made anew. "
                        "Begin with an empty recovery.folder"
                    )
                records.append(waiting.popleft())
        return records
