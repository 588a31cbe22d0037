"""Who was on a list when: made anew from the orders, by the same rules as in the engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from schemas.columns import Reason
from stream.lists.declaration import ListDeclaration
from stream.lists.entries import Entry
from stream.lists.lists import Lists
from stream.lists.orders import ListsOrder


class Asked(NamedTuple):
    """Who asked for a change, and when.

    Attributes
    ----------
    arrived_us : int
        When the order was in the topic, microseconds since 1970.
    requested_us : int
        When it was asked for, by the clock of who did.
    request_id : str
    by, reason : str
        Empty for an erasure, which says neither.
    """

    arrived_us: int
    requested_us: int
    request_id: str
    by: str = ""
    reason: str = ""


class Change(NamedTuple):
    """What an order did to the keys that are followed, or to a list.

    Attributes
    ----------
    action : str
        ``add``, ``remove``, ``erase``; ``refuse`` for a whole order.
    asked : Asked
    since_us, until_us : int
        Of what was added; else 0.
    refusal : Reason
    """

    action: str
    asked: Asked
    since_us: int = 0
    until_us: int = 0
    refusal: Reason = Reason.OK


class History:
    """Lists as of the latest order that it was given, and who asked for each entry.

    Parameters
    ----------
    declared : iterable of ListDeclaration
    name : str
        The list of which refusals and the changes of `keys` are kept.
    keys : iterable of int
        Those that one value may have.
    """

    def __init__(
        self, declared: Iterable[ListDeclaration], name: str = "", keys: Iterable[int] = ()
    ) -> None:
        self.lists = Lists(declared)
        self.changes: list[Change] = []
        self.latest: dict[str, Asked] = {}
        self._name = name
        self._keys = frozenset(keys)
        self._asked: dict[tuple[str, int], Asked] = {}

    def take(self, order: ListsOrder, asked: Asked) -> Reason:
        """Carry out an order; what had expired when it arrived makes room."""
        refusal = self.lists.take(order, asked.arrived_us)
        followed = order.name == self._name
        if refusal != Reason.OK:
            if followed:
                self.changes.append(Change("refuse", asked, refusal=refusal))
            return refusal
        self.latest[order.name] = asked
        keys = order.keys.tolist()
        self._asked.update(dict.fromkeys(((order.name, key) for key in keys), asked))
        if followed:
            self._follow(order, asked)
        return refusal

    def _follow(self, order: ListsOrder, asked: Asked) -> None:
        """Keep what an order does to the followed keys, which are those of one value."""
        added = np.flatnonzero([key in self._keys for key in order.keys.tolist()])
        if len(added):
            bounds = int(order.since_us[added[0]]), int(order.until_us[added[0]])
            self.changes.append(Change("add", asked, *bounds))
        if self._keys.intersection(order.removed.tolist()):
            self.changes.append(Change("remove", asked))

    def erase(self, column: str, key: int, asked: Asked) -> None:
        """Carry out an order to erase somebody, who leaves the lists of that column."""
        for name, declared in self.lists.declared.items():
            on_it = self.lists.entries(name).present(np.array([key], np.uint64))[0]
            if declared.of == column and on_it:
                self.latest[name] = asked
                if name == self._name and key in self._keys:
                    self.changes.append(Change("erase", asked))
        self.lists.erase(column, key)

    def entries_at(self, name: str, at_us: int) -> list[tuple[Entry, Asked]]:
        """Return what a list says of payments made at a time, in the order it was asked for."""
        entries = [each for each in self.lists.entries(name) if each.since_us <= at_us]
        valid = [each for each in entries if at_us < each.until_us]
        told = [(each, self._asked[name, each.key]) for each in valid]
        return sorted(told, key=lambda pair: (pair[1].arrived_us, pair[0].key))
