"""Caps: how many labels of a day may teach, for each source and each entity.

A source whose feed is poisoned, or an entity that is labelled without end, can then
move the learners only so far. Counted exactly, for as many entities as there is room;
those beyond it share one count. Days are of event time at arrival: the label's own
time is a claim.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from models.states.restoring import array, count, require, require_kind, require_same
from models.states.snapshot import State
from schemas.jit import kernel
from stream.keytable import NOWHERE, find, insert, key_table
from stream.labels.fates import Fate, Source

ENTITIES_MAX = 65_536
NO_CAP = int(np.iinfo(np.int64).max)
_NO_DAY = int(np.iinfo(np.int64).min)

_KIND = "label_caps/1"
_DAY_US = 86_400_000_000
_SOURCE_CAP, _ENTITY_CAP, _REFUSED = int(Fate.SOURCE_CAP), int(Fate.ENTITY_CAP), 0


class Counts(NamedTuple):
    """What has taught today.

    Attributes
    ----------
    limits : ndarray of int64, shape (2,)
        Of a source, of an entity; NO_CAP for none.
    sources : ndarray of int64, shape (n_sources,)
    buckets : ndarray of BUCKET, shape (1, buckets)
        Key of an entity to its place in `entities`.
    entities : ndarray of int64, shape (entities_max + 1,)
        The last is of all that had no room.
    used : ndarray of int64, shape (1,)
    """

    limits: NDArray[np.int64]
    sources: NDArray[np.int64]
    buckets: NDArray[np.void]
    entities: NDArray[np.int64]
    used: NDArray[np.int64]


@kernel
def over_cap(counts, source, entity):
    """Return which cap a label would go over, or REFUSED (0) for none."""
    if counts.sources[source] >= counts.limits[0]:
        return _SOURCE_CAP
    if counts.limits[1] == NO_CAP or entity == uint64(0):
        return _REFUSED
    if counts.entities[place_of(counts, entity)] >= counts.limits[1]:
        return _ENTITY_CAP
    return _REFUSED


@kernel
def count_in(counts, source, entity):
    """Count a label that teaches."""
    counts.sources[source] += 1
    if counts.limits[1] == NO_CAP or entity == uint64(0):
        return
    place = place_of(counts, entity)
    room = counts.entities.shape[0] - 1
    if place == room and counts.used[0] < room:
        place = counts.used[0]
        insert(counts.buckets, 0, entity, place)
        counts.used[0] += 1
    counts.entities[place] += 1


@kernel
def place_of(counts, entity):
    """Return where an entity is counted: the last place if it has none of its own."""
    place = find(counts.buckets, 0, entity)
    return counts.entities.shape[0] - 1 if place == NOWHERE else place


@kernel
def enter_keys(buckets, keys):
    """Fill an empty table: each key's place is its own."""
    for place in range(keys.shape[0]):
        insert(buckets, 0, keys[place], place)


class Caps:
    """Today's counts, and when today is.

    Parameters
    ----------
    source_max, entity_max : int
        Labels a day; 0 for no cap.
    entities_max : int
        Entities that are counted by themselves.
    """

    def __init__(self, source_max: int, entity_max: int, entities_max: int = ENTITIES_MAX) -> None:
        room = entities_max if entity_max else 0
        limits = [source_max or NO_CAP, entity_max or NO_CAP]
        self.counts = Counts(
            np.array(limits),
            np.zeros(len(Source), np.int64),
            key_table(max(1, room)),
            np.zeros(room + 1, np.int64),
            np.zeros(1, np.int64),
        )
        self._day = np.array([_NO_DAY])

    def today(self, now_us: int) -> Counts:
        """Return the counts of the day of an event time, which never goes back."""
        day = now_us // _DAY_US
        if day != self._day[0]:
            self._day[0] = day
            self._clear()
        return self.counts

    def erase(self, entity: int) -> None:
        """Forget what an entity has taught today, by its key."""
        counts, keys = self.counts, self._keys()
        left = keys != np.uint64(entity)
        taught, n = counts.entities[: len(keys)][left], int(left.sum())
        if n == len(keys):
            return
        counts.entities[: len(keys)] = 0
        counts.entities[:n], counts.used[0] = taught, n
        counts.buckets[:] = np.zeros((), counts.buckets.dtype)
        enter_keys(counts.buckets, keys[left])

    def state(self) -> State:
        """Return what has taught today; a copy, as large as the entities that were counted."""
        counts, used = self.counts, int(self.counts.used[0])
        arrays = {
            "sources": counts.sources.copy(),
            "keys": self._keys(),
            "entities": np.append(counts.entities[:used], counts.entities[-1]),
        }
        return State(_KIND, {**self._parameters, "day": int(self._day[0]), "used": used}, arrays)

    def restore(self, state: State) -> None:
        """Go on from the counts of caps of the same limits; SnapshotError, no change, else."""
        require_kind(state, _KIND)
        for name, own in self._parameters.items():
            require_same(state, name, own)
        counts, room = self.counts, len(self.counts.entities) - 1
        day, used = count(state, "day", _NO_DAY, NO_CAP), count(state, "used", 0, room)
        sources = array(state, "sources", np.int64, counts.sources.shape)
        keys = array(state, "keys", np.uint64, (used,))
        entities = array(state, "entities", np.int64, (used + 1,))
        require(state, min(sources.min(), entities.min()) >= 0, "its counts are below 0")
        distinct = len(np.unique(keys)) == used and bool(keys.all())
        require(state, distinct, "keys: an entity stands twice, or is nobody")
        self._clear()
        counts.sources[:], counts.used[0], self._day[0] = sources, used, day
        counts.entities[:used], counts.entities[-1] = entities[:-1], entities[-1]
        enter_keys(counts.buckets, keys)

    def _keys(self) -> NDArray[np.uint64]:
        """Return the entities that are counted by themselves, in the order of their places."""
        counts = self.counts
        entered = counts.buckets[counts.buckets["key"] != 0]
        keys = np.zeros(int(counts.used[0]), np.uint64)
        keys[entered["place"]] = entered["key"]
        return keys

    def _clear(self) -> None:
        for counted in self.counts[1:]:
            counted[:] = np.zeros((), counted.dtype)

    @property
    def _parameters(self) -> dict[str, list[int] | int]:
        return {"limits": self.counts.limits.tolist(), "room": len(self.counts.entities) - 1}
