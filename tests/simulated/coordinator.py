"""The coordinator of transactions: who may write under an id, and what became of it.

A transaction is decided in one moment and known in each partition some time after, when its
marker is written there: until then readers of committed records of that partition wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from stream.partition import Partition

# Where a group's offsets are kept, which have a marker of their own.
OFFSETS: Partition = ("__consumer_offsets", 0)


class FencedOff(Exception):
    """Somebody else has the transactional id by now, or the transaction took too long."""


class Refused(Exception):
    """The transaction is not in a state in which this can be done."""


class Fate(Enum):
    """What became of a transaction."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(eq=False)
class Transaction:
    """Records and offsets that are seen together, or never."""

    began_s: float
    timeout_s: float
    fate: Fate = Fate.OPEN
    # Partitions that it wrote to, and of these the ones that do not know its fate yet.
    unmarked: set[Partition] = field(default_factory=set)
    offsets: dict[Partition, int] = field(default_factory=dict)

    def fate_in(self, place: Partition) -> Fate:
        return Fate.OPEN if place in self.unmarked else self.fate


class Coordinator:
    """Transactional ids, their epochs and the last transaction of each.

    Parameters
    ----------
    commit : callable
        Commits a group's offsets.
    """

    def __init__(self, commit: Callable[[Mapping[Partition, int]], None]) -> None:
        self._commit = commit
        self._epochs: dict[str, int] = {}
        self._last: dict[str, Transaction] = {}
        self.n_committed = self.n_aborted = self.n_expired = self.n_fenced = 0

    def begin_under(self, name: str) -> int:
        """Return a new epoch of an id: older ones are fenced off, and what they left is ended."""
        self._end(name, Fate.ABORTED)
        self.mark(name)
        self._epochs[name] = self._epochs.get(name, -1) + 1
        return self._epochs[name]

    def current(self, name: str, epoch: int, now_s: float, timeout_s: float) -> Transaction:
        """Return the open transaction of an id; begin one if there is none."""
        self._require(name, epoch)
        last = self._last.get(name)
        if last is None or last.fate is not Fate.OPEN:
            # A client asks again until the one before is known everywhere.
            self.mark(name)
            last = self._last[name] = Transaction(now_s, timeout_s)
        return last

    def end(self, name: str, epoch: int, fate: Fate) -> None:
        """Decide a transaction; what was decided before may be said again."""
        self._require(name, epoch)
        last = self._last.get(name)
        if last is None or last.fate not in (Fate.OPEN, fate):
            raise Refused(f"{name}: it is {last and last.fate}")
        self._end(name, fate)

    def expire(self, now_s: float) -> None:
        """Abort what stands open for too long, and fence its producer off."""
        for name, last in self._last.items():
            if last.fate is Fate.OPEN and now_s - last.began_s > last.timeout_s:
                self.n_expired += 1
                self._end(name, Fate.ABORTED)
                self._epochs[name] += 1

    def mark_some(self, rng: np.random.Generator) -> None:
        """Write some of the markers that are due."""
        for last in self._last.values():
            if last.fate is not Fate.OPEN:
                for place in sorted(last.unmarked):
                    if rng.random() < 0.5:
                        self._mark(last, place)

    def mark(self, name: str) -> None:
        """Write all markers of an id's last transaction that are due."""
        last = self._last.get(name)
        if last is not None and last.fate is not Fate.OPEN:
            for place in sorted(last.unmarked):
                self._mark(last, place)

    @property
    def settled(self) -> bool:
        """Whether none is open, and what became of each is known everywhere."""
        return not any(each.unmarked or each.fate is Fate.OPEN for each in self._last.values())

    def stable(self, place: Partition) -> bool:
        """Tell whether no transaction may still change a place's committed offset."""
        return not any(
            OFFSETS in each.unmarked and place in each.offsets for each in self._last.values()
        )

    def _require(self, name: str, epoch: int) -> None:
        if self._epochs[name] != epoch:
            self.n_fenced += 1
            raise FencedOff(name)

    def _end(self, name: str, fate: Fate) -> None:
        last = self._last.get(name)
        if last is not None and last.fate is Fate.OPEN:
            last.fate = fate
            self.n_committed += fate is Fate.COMMITTED
            self.n_aborted += fate is Fate.ABORTED

    def _mark(self, transaction: Transaction, place: Partition) -> None:
        transaction.unmarked.discard(place)
        if place == OFFSETS and transaction.fate is Fate.COMMITTED:
            self._commit(transaction.offsets)
