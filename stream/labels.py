"""Decided transactions wait here for the truth about them.

A ring in order of arrival holds, for each transaction, the feature vector and the
score *as they were at decision time*. A label finds its row by the hash of the
transaction id; a row that nobody labelled within the maturity delay counts as
genuine. The same table recognises a transaction id that comes twice: the stored
verdict is repeated. Memory is fixed: a row that must leave early was not learned
from, and is counted.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from schemas.jit import kernel
from stream.keytable import NOWHERE, find, insert, key_table, remove


class Waiting(IntEnum):
    """What is known about a row."""

    FREE = 0
    UNLABELLED = 1
    LABELLED = 2


_FREE, _UNLABELLED, _LABELLED = (int(state) for state in Waiting)
# Places in the array of cursors: rows ever admitted, rows ever released, rows
# released without having been learned from.
_ADMITTED, _RELEASED, _LOST = range(3)


@kernel
def _release_oldest(buckets, keys, states, cursors):
    place = cursors[_RELEASED] % keys.shape[0]
    remove(buckets, 0, keys[place])
    states[place] = _FREE
    cursors[_RELEASED] += 1


@kernel
def admit_rows(
    buckets,
    keys,
    times_us,
    states,
    cursors,
    rows_max,
    new_keys,
    new_times_us,
    take,
    timely,
    places,
    repeated,
):
    """Give each timely row a place, or find the place of the row that it repeats."""
    for row in range(new_keys.shape[0]):
        if not take[row]:
            continue
        place = find(buckets, 0, new_keys[row])
        if place != NOWHERE:
            repeated[row] = True
            places[row] = place
            continue
        if not timely[row]:
            continue
        if cursors[_ADMITTED] - cursors[_RELEASED] == rows_max:
            if states[cursors[_RELEASED] % keys.shape[0]] == _UNLABELLED:
                cursors[_LOST] += 1
            _release_oldest(buckets, keys, states, cursors)
        place = cursors[_ADMITTED] % keys.shape[0]
        cursors[_ADMITTED] += 1
        insert(buckets, 0, new_keys[row], place)
        keys[place] = new_keys[row]
        times_us[place] = new_times_us[row]
        states[place] = _UNLABELLED
        places[row] = place


@kernel
def mature_rows(buckets, keys, times_us, states, cursors, before_us, out):
    """Release the oldest rows up to a time; write the unlabelled ones, return how many."""
    n = 0
    while cursors[_RELEASED] < cursors[_ADMITTED]:
        place = cursors[_RELEASED] % keys.shape[0]
        if times_us[place] > before_us:
            break
        if states[place] == _UNLABELLED:
            out[n] = place
            n += 1
        _release_oldest(buckets, keys, states, cursors)
    return n


@kernel
def look_up(buckets, keys, places):
    """Find the place of each key, or NOWHERE."""
    for i in range(keys.shape[0]):
        places[i] = NOWHERE if keys[i] == uint64(0) else find(buckets, 0, keys[i])


class WaitingRows:
    """The ring of rows that wait for a label.

    Parameters
    ----------
    rows_max : int
        Rows kept; a row takes about 60 bytes and 8 a feature and a score.
    n_features : int
    batch_rows_max : int
        Rows admitted at once.
    n_scores : int
        Scores of a row: the champion's, then each challenger's.
    """

    def __init__(
        self, rows_max: int, n_features: int, batch_rows_max: int = 1024, n_scores: int = 1
    ) -> None:
        if rows_max <= 0:
            raise ValueError(f"rows_max must be positive, not {rows_max}")
        self.rows_max = rows_max
        # A batch more than may wait: a row that leaves is not written over by the
        # batch that pushes it out, which may have repeated it just before.
        places = rows_max + batch_rows_max
        self.buckets = key_table(rows_max)
        self.keys = np.zeros(places, np.uint64)
        self.times_us = np.zeros(places, np.int64)
        self.states = np.zeros(places, np.uint8)
        self.features = np.zeros((places, n_features))
        self.scores = np.zeros((places, n_scores))
        self.outcomes = np.zeros(places, np.int8)
        self.cold = np.zeros(places, np.bool_)
        self.numbers = np.zeros(places, np.int64)
        self.cursors = np.zeros(3, np.int64)

    @property
    def waiting(self) -> int:
        """Rows in the ring."""
        return int(self.cursors[_ADMITTED] - self.cursors[_RELEASED])

    @property
    def lost(self) -> int:
        """Unlabelled rows that had to leave before they were mature."""
        return int(self.cursors[_LOST])

    def admit(
        self,
        keys: NDArray[np.uint64],
        times_us: NDArray[np.int64],
        take: NDArray[np.bool_],
        timely: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Give rows a place in the order of arrival; at most `batch_rows_max` rows at once.

        A row that is taken but not timely gets no place of its own; if it repeats one
        that waits, it is recognised all the same.

        Returns
        -------
        places : ndarray of int64, shape (n,)
            Where to `store` and recall; NOWHERE for rows not taken.
        repeated : ndarray of bool, shape (n,)
            Rows whose transaction waits already; `places` is then its place, readable
            until the next `admit` even if a later row of the batch pushed it out.
        """
        places = np.full(len(keys), NOWHERE, np.int64)
        repeated = np.zeros(len(keys), np.bool_)
        admit_rows(
            self.buckets,
            self.keys,
            self.times_us,
            self.states,
            self.cursors,
            self.rows_max,
            keys,
            times_us,
            take,
            take if timely is None else timely,
            places,
            repeated,
        )
        return places, repeated

    def store(
        self,
        places: NDArray[np.int64],
        features: NDArray[np.float64],
        scores: NDArray[np.float64],
        outcomes: NDArray[np.int8],
        numbers: NDArray[np.int64],
        cold: bool = False,
    ) -> None:
        """Remember rows as they were decided, with the numbers of their events.

        `scores` has shape (n, n_scores); `cold` says that the champion was not ready.
        """
        self.features[places] = features
        self.scores[places] = scores
        self.outcomes[places] = outcomes
        self.numbers[places] = numbers
        self.cold[places] = cold

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Find the rows of transactions; NOWHERE where none waits. Shape (n,)."""
        places = np.full(len(keys), NOWHERE, np.int64)
        look_up(self.buckets, keys, places)
        return places

    def mark_labelled(self, place: int) -> bool:
        """Note that a row has its label; False if it had one already."""
        fresh = bool(self.states[place] == _UNLABELLED)
        self.states[place] = _LABELLED
        return fresh

    def mature(self, before_us: int) -> NDArray[np.int64]:
        """Release every row not younger than a time, from the oldest arrival on.

        A younger row in front holds back the rows behind it until it is due.

        Returns
        -------
        ndarray of int64
            Places of the rows that nobody labelled. Their contents stay readable
            until the next `admit`.
        """
        out = np.empty(self.waiting, np.int64)
        n = mature_rows(
            self.buckets, self.keys, self.times_us, self.states, self.cursors, before_us, out
        )
        return out[:n]
