"""Labels that came before their transaction, or whose transaction never comes.

They are held in order of arrival for a while of event time. One whose transaction is
admitted meanwhile is joined at the next barrier; one that nobody claimed, or that is
pushed out by younger ones, is handed back. Memory is bounded.
"""

from __future__ import annotations

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from models.states.restoring import array, count, require, require_kind
from models.states.snapshot import State
from schemas.columns import TRANSACTION_KEY, Transactions
from schemas.jit import kernel
from schemas.roles import LABEL_ROLES
from stream.event_time import BEGINNING_US, END_US
from stream.keytable import NOWHERE, find, insert, key_table, remove

_LAYOUT = LABEL_ROLES.layout
# Behind a label's own columns: the watermark when it came.
_SINCE_US = _LAYOUT.width
_KIND = "early_labels/1"
_NO_DATA = np.zeros(0, np.uint8)


@kernel
def count_keys(buckets, keys, change):
    """Count each key once more (1) or less (-1)."""
    for i in range(keys.shape[0]):
        count = find(buckets, 0, keys[i])
        if count == NOWHERE:
            count = 0
        else:
            remove(buckets, 0, keys[i])
        if count + change > 0:
            insert(buckets, 0, keys[i], count + change)


@kernel
def any_held(buckets, keys):
    """Tell whether a label of any of these transactions is held."""
    for i in range(keys.shape[0]):
        if keys[i] != uint64(0) and find(buckets, 0, keys[i]) != NOWHERE:
            return True
    return False


class EarlyLabels:
    """The labels that are held.

    Parameters
    ----------
    labels_max : int
        Beyond it the oldest leave; each takes about 120 bytes.
    hold_us : int
        How long one is held, event time.
    """

    def __init__(self, labels_max: int, hold_us: int) -> None:
        if labels_max < 0:
            raise ValueError(f"labels_max must not be negative, but is {labels_max}")
        self.labels_max = labels_max
        self.hold_us = hold_us
        self._counts = key_table(max(1, labels_max))
        # Twice the room, so that what remains is moved to the front only now and then.
        self._longs = np.zeros((_LAYOUT.width + 1, 2 * labels_max), np.int64)
        self._start = self._stop = 0
        self._claimed = False

    def __len__(self) -> int:
        return self._stop - self._start

    def hold(self, labels: Transactions, watermark_us: int) -> Transactions:
        """Hold labels; return those that had to leave for them, the oldest of all first."""
        longs = np.full((_LAYOUT.width + 1, len(labels)), watermark_us)
        longs[:_SINCE_US] = labels.longs
        over = max(0, len(self) + len(labels) - self.labels_max)
        gone = self._leave(min(over, len(self)))
        passed_by = longs[:, : over - gone.shape[1]]
        self._append(longs[:, passed_by.shape[1] :])
        return _batch(np.concatenate([gone, passed_by], axis=1))

    def expect(self, keys: NDArray[np.uint64]) -> None:
        """Note that transactions were admitted, whose labels may be here."""
        if len(self) and not self._claimed:
            self._claimed = bool(any_held(self._counts, keys))

    def waits_for_any(self, keys: NDArray[np.uint64]) -> bool:
        """Tell whether a transaction was admitted, or is among these, whose label is here."""
        return self._claimed or (len(self) > 0 and bool(any_held(self._counts, keys)))

    @property
    def due_us(self) -> int:
        """The least time at which `expire` has anything to do."""
        if not len(self):
            return END_US
        return int(self._longs[_SINCE_US, self._start]) + self.hold_us

    @property
    def claimed(self) -> bool:
        """Whether a transaction was admitted whose label is here."""
        return self._claimed

    def held(self) -> Transactions:
        """Return all that are held, in order of arrival; until the next change."""
        return _batch(self._longs[:, self._start : self._stop])

    def take(self, chosen: NDArray[np.bool_]) -> Transactions:
        """Take some of `held` out, and settle the claims that were made."""
        longs = self._longs[:, self._start : self._stop]
        taken, left = longs[:, chosen], longs[:, ~chosen]
        self._count(taken, -1)
        self._start, self._stop = 0, left.shape[1]
        self._longs[:, : self._stop] = left
        self._claimed = False
        return _batch(taken)

    def give_up(self, keys: NDArray[np.uint64]) -> Transactions:
        """Take the labels of some transactions out, which are erased."""
        claimed = self._claimed
        taken = self.take(np.isin(self.held().transaction_key, keys))
        self._claimed = claimed
        return taken

    def expire(self, now_us: int) -> Transactions:
        """Take those out that were held for long enough."""
        since_us = self._longs[_SINCE_US, self._start : self._stop]
        # Before the first transaction there was no event time: it begins now.
        since_us[since_us == BEGINNING_US] = now_us
        return _batch(self._leave(int(np.searchsorted(since_us, now_us - self.hold_us, "right"))))

    def state(self) -> State:
        """Return the labels that are held; a copy. Their table is made anew."""
        held = self._longs[:, self._start : self._stop].copy()
        return State(_KIND, {"claimed": self._claimed, "labels": held.shape[1]}, {"held": held})

    def restore(self, state: State) -> None:
        """Take over what another held.

        Raises
        ------
        SnapshotError
            It is more than may be held here, or damaged; nothing is changed then.
        """
        require_kind(state, _KIND)
        n, claimed = count(state, "labels", 0, self.labels_max), state.header.get("claimed")
        held = array(state, "held", np.int64, (_SINCE_US + 1, n))
        ordered = not (np.diff(held[_SINCE_US]) < 0).any()
        require(state, ordered and held[TRANSACTION_KEY].all(), "held: out of order, or of nobody")
        require(state, type(claimed) is bool, f"claimed is {claimed!r}, neither true nor false")
        self._leave(len(self))
        self._append(held)
        self._claimed = bool(claimed)

    def _leave(self, n: int) -> NDArray[np.int64]:
        gone = self._longs[:, self._start : self._start + n].copy()
        self._count(gone, -1)
        self._start += n
        return gone

    def _append(self, longs: NDArray[np.int64]) -> None:
        n = longs.shape[1]
        if self._stop + n > self._longs.shape[1]:
            left = self._longs[:, self._start : self._stop].copy()
            self._start, self._stop = 0, left.shape[1]
            self._longs[:, : self._stop] = left
        self._longs[:, self._stop : self._stop + n] = longs
        self._stop += n
        self._count(longs, 1)

    def _count(self, longs: NDArray[np.int64], change: int) -> None:
        count_keys(self._counts, longs[TRANSACTION_KEY].view(np.uint64).copy(), change)


def _batch(longs: NDArray[np.int64]) -> Transactions:
    return Transactions(_LAYOUT, np.ascontiguousarray(longs[:_SINCE_US]), _NO_DATA)
