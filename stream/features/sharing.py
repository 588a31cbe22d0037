"""What partitions tell each other of payments whose entities are spread over them.

Where messages have the card's key, a merchant's payments are in all partitions, and each partition
has windows of its own. So each tells the others what windows need of a payment: its time, the
columns that are summed, compared and told apart, and the keyed hashes of the entities. They run
it through their own windows as if it had come to them, and decide nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import require, require_kind
from models.states.snapshot import State
from schemas.siphash import hash_texts
from stream.features.feature_set import FeatureSet
from stream.features.plan import parts_of, plan_features
from stream.windows.words import TIME_US

OFFSET, TIME = 0, 1
_FIRST_COLUMN = 2
_KIND = "heard/1"
_OFFSET_MAX = 2**62


class SharedLayout:
    """Which words a shared payment has, and where they are in an event.

    Parameters
    ----------
    features : FeatureSet
    names : collection of str
        The entity types that are shared, such as ``merchant``.
    hash_key : bytes
        16 bytes, the key of ids' hashes.

    Attributes
    ----------
    digest : str
        The same where the words mean the same.
    width : int
        Words of a payment.
    """

    def __init__(self, features: FeatureSet, names: Collection[str], hash_key: bytes) -> None:
        (plans, every), inputs = plan_features(features), features.inputs
        # In an event its time comes first.
        at = {column: 1 + place for place, column in enumerate(every)}
        shared = [plan for plan in plans if plan.name in names]
        columns = [column for plan in shared for column in plan.columns(inputs.location)]
        columns = list(dict.fromkeys(columns))
        self._columns_at = np.array([at[column] for column in columns], np.int64)
        # Of each entity type its own key, and those of the parts of a pair.
        self._keys_at: dict[str, slice] = {}
        self.width = _FIRST_COLUMN + len(columns)
        for plan in shared:
            behind = self.width + 1 + len(parts_of(plan.entity, inputs))
            self._keys_at[plan.name] = slice(self.width, behind)
            self.width = behind
        (of_the_key,) = hash_texts(["the key of shared payments"], hash_key).tolist()
        meaning = [list(map(list, columns)), [plan.name for plan in shared], of_the_key]
        self.digest = hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:16]

    def __contains__(self, name: str) -> bool:
        """Tell whether an entity type is shared."""
        return name in self._keys_at

    def pack(
        self,
        offsets: NDArray[np.int64],
        block: NDArray[np.int64],
        keys: Mapping[str, NDArray[np.uint64]],
    ) -> NDArray[np.int64]:
        """Lay events out as others are told of them.

        Parameters
        ----------
        offsets : ndarray of int64, shape (n,)
        block : ndarray of int64, shape (columns, n or more)
            Time and columns of the events.
        keys : mapping of str to ndarray of uint64, shape (1 + parts, n)
            Of each shared entity type.

        Returns
        -------
        ndarray of int64, shape (width, n)
        """
        n = len(offsets)
        words = np.empty((self.width, n), np.int64)
        words[OFFSET], words[TIME] = offsets, block[TIME_US, :n]
        words[_FIRST_COLUMN : _FIRST_COLUMN + len(self._columns_at)] = block[self._columns_at, :n]
        for name, place in self._keys_at.items():
            words[place] = keys[name].view(np.int64)
        return words

    def unpack(self, words: NDArray[np.int64], block: NDArray[np.int64]) -> None:
        """Write time and columns of shared payments where those of events are."""
        n, behind = words.shape[1], _FIRST_COLUMN + len(self._columns_at)
        # Columns of entities that are not shared are nobody's here.
        block[:, :n] = 0
        block[TIME_US, :n] = words[TIME]
        block[self._columns_at, :n] = words[_FIRST_COLUMN:behind]

    def keys(
        self, name: str, n_parts: int, words: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Return an entity type's keys, and its parts'; nobody's of one that is not shared.

        Returns
        -------
        keys : ndarray of uint64, shape (n,)
        parts : ndarray of uint64, shape (n_parts, n)
        """
        n = words.shape[1]
        place = self._keys_at.get(name)
        if place is None:
            return np.zeros(n, np.uint64), np.zeros((n_parts, n), np.uint64)
        found = np.ascontiguousarray(words[place]).view(np.uint64)
        return found[0], np.ascontiguousarray(found[1:])


class HeardOffsets:
    """How far what other partitions tell has been taken.

    Attributes
    ----------
    positions : dict of int to int
        Of each partition the offset in the transactions topic behind the last payment.
    """

    def __init__(self) -> None:
        self.positions: dict[int, int] = {}

    def new(self, partition: int, words: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the payments that were not heard of yet, and note that they are now.

        An offset comes once: a partition that is taken up again tells some a second time, and one
        that begins anew cuts them otherwise.
        """
        offsets = words[OFFSET]
        new = offsets >= self.positions.get(partition, 0)
        if new.any():
            self.positions[partition] = int(offsets.max()) + 1
        return words if new.all() else np.ascontiguousarray(words[:, new])

    def state(self) -> State:
        """Return the positions."""
        pairs = sorted(self.positions.items())
        return State(_KIND, {}, {"positions": np.array(pairs, np.int64).reshape(-1, 2)})

    def restore(self, state: State) -> None:
        """Go on from a state.

        Raises
        ------
        SnapshotError
            It is damaged; then nothing was changed.
        """
        require_kind(state, _KIND)
        found: Any = state.arrays.get("positions")
        whole = isinstance(found, np.ndarray) and found.dtype == np.int64 and found.ndim == 2
        require(state, whole and found.shape[1] == 2, "positions are no pairs")
        inside = (found >= 0).all() and (found <= _OFFSET_MAX).all()
        require(state, bool(inside), "a position is out of bounds")
        self.positions = dict(found.tolist())
