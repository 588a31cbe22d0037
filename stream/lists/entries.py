"""The entries of one list: who is on it, from when, until when and why; in bounded memory.

Entries lie side by side without gaps, and a hash table leads from a key to its place. Whoever
leaves makes room for the last, so looking somebody up never takes longer with age.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numba import int64
from numpy.typing import NDArray

from models.states.restoring import array, count, require, require_kind, require_same
from models.states.snapshot import State
from schemas.jit import kernel
from stream.keytable import NOWHERE, find, insert, key_table, remove
from stream.lists.texts import Texts, packed, unpacked

# When an entry begins that acts on all that comes after its order, and when one without end ends.
ALWAYS_US = int(np.iinfo(np.int64).min)
NEVER_US = int(np.iinfo(np.int64).max)
REASON_CHARACTERS_MAX = 200

ENTRY = np.dtype(
    [("key", np.uint64), ("since_us", np.int64), ("until_us", np.int64), ("reason", np.int64)]
)
_KIND = "list/1"
_COUNT_MAX = 2**62
_NOTHING = np.zeros(0, ENTRY)


class Entry(NamedTuple):
    """What a list says of somebody.

    Attributes
    ----------
    key : int
        The keyed hash.
    since_us, until_us : int
        It is of payments from the one until before the other, microseconds since 1970;
        ALWAYS_US and NEVER_US where there is no bound.
    reason : str
    """

    key: int
    since_us: int
    until_us: int
    reason: str


@kernel
def find_keys(buckets, keys, places):
    """Write the place of each key, NOWHERE where it has none; nobody's never has."""
    for i in range(keys.shape[0]):
        places[i] = find(buckets, 0, keys[i])


@kernel
def find_valid(buckets, entries, keys, event_time_us, places):
    """Write the place of each key's entry, NOWHERE where none holds at its time."""
    for i in range(keys.shape[0]):
        place = find(buckets, 0, keys[i])
        if place != NOWHERE:
            entry = entries[place]
            if not entry["since_us"] <= event_time_us[i] < entry["until_us"]:
                place = int64(NOWHERE)
        places[i] = place


@kernel
def put_entries(buckets, entries, used, new, replaced):
    """Put entries on a list that has room; return how many it then has.

    Parameters
    ----------
    buckets : ndarray of BUCKET, shape (1, buckets)
    entries : ndarray of ENTRY, shape (entries_max,)
    used : int
    new : ndarray of ENTRY, shape (n,)
    replaced : ndarray of int64, shape (n,)
        Receives the reason of the entry that each takes the place of, NOWHERE if of none.
    """
    for i in range(new.shape[0]):
        place = find(buckets, 0, new[i]["key"])
        if place == NOWHERE:
            place = used
            used += 1
            insert(buckets, 0, new[i]["key"], place)
            replaced[i] = NOWHERE
        else:
            replaced[i] = entries[place]["reason"]
        entries[place] = new[i]
    return used


@kernel
def take_out(buckets, entries, used, keys, reasons):
    """Take keys that are on a list off it; return how many are left.

    `reasons`, shape (n,), receives the reason of each.
    """
    for i in range(keys.shape[0]):
        place = find(buckets, 0, keys[i])
        reasons[i] = entries[place]["reason"]
        remove(buckets, 0, keys[i])
        used -= 1
        if place != used:
            entries[place] = entries[used]
            remove(buckets, 0, entries[used]["key"])
            insert(buckets, 0, entries[used]["key"], place)
    return used


class Entries:
    """The entries.

    Parameters
    ----------
    of : str
        The column whose values are on it.
    entries_max : int
        Each takes 64 to 96 bytes, allocated at once.

    Attributes
    ----------
    version : int
        How often it was changed.
    """

    def __init__(self, of: str, entries_max: int) -> None:
        if entries_max < 1:
            raise ValueError(f"entries_max must be 1 or more, but is {entries_max}")
        self.of = of
        self.entries_max = entries_max
        self.version = 0
        self._used = 0
        self._begin(_NOTHING, [])

    def __len__(self) -> int:
        return self._used

    def __iter__(self) -> Iterator[Entry]:
        """Yield every `Entry`, in no order that means anything."""
        return map(self.entry, range(self._used))

    def entry(self, place: int) -> Entry:
        """Return what lies at a place."""
        key, since_us, until_us, reason = self._entries[place].item()
        return Entry(key, since_us, until_us, self._reasons[reason])

    def places(
        self, keys: NDArray[np.uint64], event_time_us: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the place of the entry that holds for each payment, NOWHERE for none.

        Parameters
        ----------
        keys : ndarray of uint64, shape (n,)
        event_time_us : ndarray of int64, shape (n,)
        """
        places = np.empty(len(keys), np.int64)
        find_valid(self._buckets, self._entries, keys, event_time_us, places)
        return places

    def present(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tell which keys have an entry, whenever it holds; shape (n,)."""
        places = np.empty(len(keys), np.int64)
        find_keys(self._buckets, keys, places)
        return places != NOWHERE

    def put(
        self,
        keys: NDArray[np.uint64],
        since_us: NDArray[np.int64],
        until_us: NDArray[np.int64],
        reason: str,
    ) -> None:
        """Put different keys on the list, in place of what it says of them; there is room."""
        if not len(keys):
            return
        new = np.empty(len(keys), ENTRY)
        new["key"], new["since_us"], new["until_us"] = keys, since_us, until_us
        new["reason"] = self._reasons.hold(reason, len(keys))
        replaced = np.empty(len(keys), np.int64)
        self._used = put_entries(self._buckets, self._entries, self._used, new, replaced)
        self._reasons.release(replaced[replaced != NOWHERE])
        self.due_us = self._least_until()

    def drop(self, keys: NDArray[np.uint64]) -> int:
        """Take different keys off the list, those that are on it; return how many were."""
        found = keys[self.present(keys)]
        if len(found):
            reasons = np.empty(len(found), np.int64)
            self._used = take_out(self._buckets, self._entries, self._used, found, reasons)
            # What lay there must be nowhere any more: it may be of somebody who is erased.
            self._entries[self._used : self._used + len(found)] = np.zeros((), ENTRY)
            self._reasons.release(reasons)
            self.due_us = self._least_until()
        return len(found)

    def expire(self, now_us: int) -> None:
        """Take off what ends at a time or before it."""
        if now_us >= self.due_us:
            entries = self._entries[: self._used]
            self.drop(entries["key"][entries["until_us"] <= now_us])

    def state(self) -> State:
        """Return the entries; a copy. Equal entries in equal places are equal states."""
        entries = self._entries[: self._used]
        numbers, first, reasons = np.unique(
            entries["reason"], return_index=True, return_inverse=True
        )
        # In the order in which they are first had, whatever their numbers have come to.
        order = np.argsort(first)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        texts, stops = packed(self._reasons[number] for number in numbers[order].tolist())
        arrays = {
            "keys": entries["key"].copy(),
            "since_us": entries["since_us"].copy(),
            "until_us": entries["until_us"].copy(),
            "reasons": rank[reasons],
            "texts": texts,
            "text_stops": stops,
        }
        header = {
            "of": self.of,
            "version": self.version,
            "entries": self._used,
            "texts": len(stops),
            "text_bytes": len(texts),
        }
        return State(_KIND, header, arrays)

    def restorer(self, state: State) -> Callable[[], None]:
        """Look a state over; return what takes it over.

        Raises
        ------
        SnapshotError
            It is of another column, of more entries than there is room for, or damaged.
        """
        require_kind(state, _KIND)
        require_same(state, "of", self.of)
        version = count(state, "version", 0, _COUNT_MAX)
        n = count(state, "entries", 0, _COUNT_MAX)
        room = f"it has {n} entries, and entries_max is {self.entries_max}: raise that"
        require(state, n <= self.entries_max, room)
        kept = np.empty(n, ENTRY)
        kept["key"] = array(state, "keys", np.uint64, (n,))
        kept["since_us"] = array(state, "since_us", np.int64, (n,))
        kept["until_us"] = array(state, "until_us", np.int64, (n,))
        kept["reason"] = array(state, "reasons", np.int64, (n,))
        ordered = np.sort(kept["key"])
        distinct = bool(kept["key"].all() and (ordered[1:] != ordered[:-1]).all())
        require(state, distinct, "keys: somebody stands twice, or is nobody")
        lasting = bool((kept["since_us"] < kept["until_us"]).all())
        require(state, lasting, "an entry ends before it begins")
        texts = _texts_of(state, kept["reason"])

        def take_over() -> None:
            self.version = version
            self._begin(kept, texts)

        return take_over

    def clear(self) -> None:
        """Be as if nothing had ever been on the list."""
        self.version = 0
        self._begin(_NOTHING, [])

    def _begin(self, kept: NDArray[np.void], texts: list[str]) -> None:
        """Have these entries and no others; their reasons are numbers of texts."""
        self._buckets = key_table(self.entries_max)
        self._entries = np.zeros(self.entries_max, ENTRY)
        self._reasons = Texts()
        new, replaced = kept.copy(), np.empty(len(kept), np.int64)
        times = np.bincount(kept["reason"], minlength=len(texts)).tolist()
        numbers = [self._reasons.hold(*each) for each in zip(texts, times, strict=True)]
        new["reason"] = np.array(numbers, np.int64)[kept["reason"]]
        self._used = int(put_entries(self._buckets, self._entries, 0, new, replaced))
        self.due_us = self._least_until()

    def _least_until(self) -> int:
        """Return when the first of the entries ends; NEVER_US if none does."""
        return int(self._entries["until_us"][: self._used].min(initial=NEVER_US))


def _texts_of(state: State, reasons: NDArray[np.int64]) -> list[str]:
    """Return the reasons of a state, each of which an entry has, in the order of the first."""
    n, size = (count(state, name, 0, _COUNT_MAX) for name in ("texts", "text_bytes"))
    data = array(state, "texts", np.uint8, (size,))
    stops = array(state, "text_stops", np.int64, (n,))
    numbers, first = np.unique(reasons, return_index=True)
    ordered = np.array_equal(numbers, np.arange(n)) and not (np.diff(first) < 0).any()
    require(state, ordered, "reasons: they are not those of the entries")
    try:
        texts = unpacked(data, stops)
    except ValueError as why:
        require(state, False, f"texts: {why}")
    fit = all(0 < len(text) <= REASON_CHARACTERS_MAX for text in texts)
    require(
        state, fit and len(set(texts)) == n, "texts: a reason stands twice, is empty or too long"
    )
    return texts
