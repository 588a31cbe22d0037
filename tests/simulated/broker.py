"""Topics and the committed offsets of a group, as one thread sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulated.coordinator import Coordinator, Fate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulated.coordinator import Transaction

    from stream.partition import Partition


@dataclass
class Record:
    """A record as a consumer gives it, and the transaction that it is of."""

    where: tuple[str, int, int]
    stamp_ms: int
    content: tuple[bytes | None, bytes | None, tuple[tuple[str, Any], ...]]
    transaction: Transaction | None = None

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
    """Topics, one group's committed offsets, and transactions; it never fails."""

    logs: dict[Partition, list[Record]] = field(default_factory=dict)
    committed: dict[Partition, int] = field(default_factory=dict)
    transactions: Coordinator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.transactions = Coordinator(self.commit)

    def log(self, topic: str, partition: int = 0) -> list[Record]:
        return self.logs.setdefault((topic, partition), [])

    def append(
        self,
        place: Partition,
        stamp_ms: int,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, Any]] = (),
        transaction: Transaction | None = None,
    ) -> None:
        log = self.log(*place)
        content = key, value, tuple(headers)
        log.append(Record((*place, len(log)), stamp_ms, content, transaction))

    def committed_records(self, place: Partition, begin: int = 0) -> list[Record]:
        """Return what a reader of committed records sees: up to the last stable offset."""
        found = []
        for record in self.log(*place)[begin:]:
            fate = Fate.COMMITTED
            if record.transaction is not None:
                fate = record.transaction.fate_in(place)
            if fate is Fate.OPEN:
                break
            if fate is Fate.COMMITTED:
                found.append(record)
        return found

    def to_come(self, place: Partition, begin: int) -> int:
        """Return how many records a reader of committed records may still see from there on."""
        transactions = (record.transaction for record in self.log(*place)[begin:])
        return sum(it is None or it.fate_in(place) is not Fate.ABORTED for it in transactions)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        for place, at in offsets.items():
            assert at >= self.committed.get(place, 0), "a commit goes back"
        self.committed.update(offsets)

    def ends(self, *topics: str) -> dict[Partition, int]:
        return {place: len(log) for place, log in self.logs.items() if place[0] in topics}

    def lag(self, *topics: str) -> int:
        """Return how many records of some topics nobody has committed."""
        ends = self.ends(*topics)
        return sum(end - self.committed.get(place, 0) for place, end in ends.items())
