"""All lists: who is on them at a payment, and how orders change them.

Two times decide. An order acts on the payments that arrive after it, as everything the
engine knows does; an entry holds for payments whose event time lies within its bounds. So
a payment that comes late is judged by the lists of when it came, and by the entry's own
bounds as of when it was made. Nothing here depends on a clock: the same payments and
orders in the same order give the same answers, however they are cut into batches.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import require_kind
from models.states.snapshot import State
from schemas.columns import Reason
from stream.keytable import NOWHERE
from stream.lists.declaration import ListDeclaration
from stream.lists.entries import NEVER_US, Entries, Entry
from stream.lists.orders import ListsOrder

_KIND = "lists/1"


class Lists:
    """The declared lists, empty at first.

    Parameters
    ----------
    declared : iterable of ListDeclaration
        Their names differ.
    """

    def __init__(self, declared: Iterable[ListDeclaration]) -> None:
        self.declared = {each.name: each for each in declared}
        self._lists = {
            name: Entries(each.of, each.entries_max) for name, each in self.declared.items()
        }

    def members(
        self, name: str, keys: NDArray[np.uint64], event_time_us: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which payments are of somebody on a list.

        Parameters
        ----------
        name : str
            Of a declared list.
        keys : ndarray of uint64, shape (n,)
            Of the column that the list is of; NO_KEY is on no list.
        event_time_us : ndarray of int64, shape (n,)
            When each payment was made, microseconds since 1970.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        entries = self._lists[name]
        if not len(entries):
            return np.zeros(len(keys), np.bool_)
        return entries.places(keys, event_time_us) != NOWHERE

    def entry(self, name: str, key: int, event_time_us: int) -> Entry | None:
        """Return what a list says of somebody at a time, None if nothing: for evidence."""
        entries = self._lists[name]
        place = int(entries.places(np.array([key], np.uint64), np.array([event_time_us]))[0])
        return None if place == NOWHERE else entries.entry(place)

    def entries(self, name: str) -> Entries:
        """Return the entries of a list, to be looked at."""
        return self._lists[name]

    def versions(self) -> dict[str, int]:
        """Return how often each list was changed: orders that were taken, and erasures."""
        return {name: each.version for name, each in self._lists.items()}

    def sizes(self) -> dict[str, int]:
        """Return how many entries each list has."""
        return {name: len(each) for name, each in self._lists.items()}

    def take(self, order: ListsOrder, now_us: int) -> Reason:
        """Carry out an order, as a whole or, for another `Reason` than OK, not at all.

        Parameters
        ----------
        order : ListsOrder
        now_us : int
            Event time before which no payment comes any more that counts: what has ended by
            then makes room, and is not put on a list at all.
        """
        entries = self._lists.get(order.name)
        if entries is None:
            return Reason.CONTROL_LIST_UNKNOWN
        entries.expire(now_us)
        lasts = order.until_us > now_us
        off = np.concatenate([order.removed, order.keys[~lasts]])
        keys = order.keys[lasts]
        grown = int((~entries.present(keys)).sum()) - int(entries.present(off).sum())
        if len(entries) + grown > entries.entries_max:
            return Reason.CONTROL_LIST_FULL
        entries.drop(off)
        entries.put(keys, order.since_us[lasts], order.until_us[lasts], order.reason)
        entries.version += 1
        return Reason.OK

    def erase(self, column: str, key: int) -> int:
        """Take somebody off every list of a column for good; return from how many."""
        erased = 0
        for entries in self._lists.values():
            if entries.of == column and entries.drop(np.array([key], np.uint64)):
                entries.version += 1
                erased += 1
        return erased

    @property
    def due_us(self) -> int:
        """The least time at which `expire` has anything to do."""
        return min((each.due_us for each in self._lists.values()), default=NEVER_US)

    def expire(self, now_us: int) -> None:
        """Forget what ended at an event time or before it; no version changes by that.

        Payments before that time must not come any more, or be of no account.
        """
        for entries in self._lists.values():
            entries.expire(now_us)

    def state(self) -> State:
        """Return all lists; a copy."""
        return State(_KIND, parts={name: each.state() for name, each in self._lists.items()})

    def restore(self, state: State) -> None:
        """Go on from what other lists held.

        A list that the state does not know begins empty; what it knows of a list that is
        declared no more is left.

        Raises
        ------
        SnapshotError
            A list is of another column, longer than it may be here, or damaged; then nothing is
            changed.
        """
        require_kind(state, _KIND)
        known = {name: each for name, each in self._lists.items() if name in state.parts}
        restorers = [each.restorer(state.parts[name]) for name, each in known.items()]
        for take_over in restorers:
            take_over()
        for name in self._lists.keys() - known.keys():
            self._lists[name].clear()
