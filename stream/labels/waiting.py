"""Decided transactions wait here for the truth about them.

A ring in order of arrival holds, for each transaction, the feature vector and the
score *as they were at decision time*, and the label that stands. A label finds its
row by the hash of the transaction id; a row that nobody labelled within the maturity
delay counts as genuine, and may be kept longer for a label that comes later still.
The same table recognises a transaction id that comes twice: the stored decision is
repeated. Memory is fixed: a row that must leave early was not learned from, and is
counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import array, require, require_kind, require_same, require_within
from models.states.snapshot import State
from stream.decide import DecisionScores, Outcome
from stream.event_time import BEGINNING_US, END_US
from stream.keytable import NOWHERE, key_table
from stream.labels.fates import Source
from stream.labels.label_kinds import DELAYED, FEEDBACK
from stream.labels.memory import Allocate, in_memory
from stream.labels.places import (
    ADMITTED,
    ERASED,
    FREE,
    LOST,
    MATURE,
    RELEASED,
    UNLABELLED,
    admit_rows,
    enter_all,
    forget_keys,
    look_up,
    mature_rows,
)
from stream.rings import index_of, joined, pieces, places_of, put, ring_arrays, ring_rows
from stream.short_arrays import filled

# The number of the example of a row that has none.
NO_EXAMPLE = -1

_KIND = "waiting_rows/2"
# What a row that is kept may hold; what is not here steers nothing.
_RANGES = {
    "states": (UNLABELLED, ERASED),
    "outcomes": (0, max(Outcome)),
    "numbers": (-1, 2**62),
    "verdicts": (0, 1),
    "sources": (0, max(Source)),
    "examples": (NO_EXAMPLE, 2**62),
    "kinds": (0, FEEDBACK | DELAYED),
}
# What a snapshot from before it was kept does not have.
_NEW = ("subjects", "amounts", "champions")


class Ring(NamedTuple):
    """What kernels need of the ring to label its rows."""

    buckets: NDArray[np.void]
    times_us: NDArray[np.int64]
    states: NDArray[np.uint8]
    verdicts: NDArray[np.int8]
    label_times_us: NDArray[np.int64]
    sources: NDArray[np.int8]
    examples: NDArray[np.int64]
    entities: NDArray[np.uint64]
    kinds: NDArray[np.uint8]


class Mature(NamedTuple):
    """Places of rows that matured at once, in order of arrival.

    Attributes
    ----------
    unlabelled : ndarray of int64
        Those that nobody labelled.
    ripe : ndarray of int64
        All, but for those that a withheld label called fraud.
    untold : ndarray of int64
        Those of `ripe` that the delayed learner was not told of by a label.
    """

    unlabelled: NDArray[np.int64]
    ripe: NDArray[np.int64]
    untold: NDArray[np.int64]


class WaitingRows:
    """The ring of rows that wait for a label.

    Parameters
    ----------
    rows_max : int
        Rows kept; a row takes about 100 bytes and 8 a feature and a score.
    n_features : int
    batch_rows_max : int
        Rows admitted at once.
    n_scores : int
        Scores of a row: the champion's, then each challenger's.
    n_entities : int
        Entities of a row.
    allocate : Allocate
        Makes the wide arrays.

    Attributes
    ----------
    verdicts, label_times_us, sources : ndarray, shape (places,)
        The label that stands, of a LABELLED row; a MATURED one counts as genuine, by
        nobody's word.
    examples : ndarray of int64, shape (places,)
        Number of the row's last example, or NO_EXAMPLE.
    entities : ndarray of uint64, shape (places,)
        Key of the entity whose labels are capped together.
    subjects : ndarray of uint64, shape (places, n_entities)
        Keys of all its entities: whose payment it was, should one of them be erased.
    kinds : ndarray of uint8, shape (places,)
        Which kinds of learner (`stream.labels.label_kinds`) hear what else is said of the row.
    amounts : ndarray of int64, shape (places,)
        Minor units that were paid.
    champions : ndarray of uint8, shape (places,)
        Slot of the contender that decided.
    """

    def __init__(
        self,
        rows_max: int,
        n_features: int,
        batch_rows_max: int = 1024,
        n_scores: int = 1,
        allocate: Allocate = in_memory,
        n_entities: int = 0,
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
        self.features = allocate("waiting-features", (places, n_features))
        self.scores = allocate("waiting-scores", (places, n_scores))
        self.outcomes = np.zeros(places, np.int8)
        self.amounts = np.zeros(places, np.int64)
        self.champions = np.zeros(places, np.uint8)
        self.cold = np.zeros(places, np.bool_)
        self.numbers = np.zeros(places, np.int64)
        self.verdicts = np.zeros(places, np.int8)
        self.label_times_us = np.zeros(places, np.int64)
        self.sources = np.zeros(places, np.int8)
        self.examples = np.zeros(places, np.int64)
        self.entities = np.zeros(places, np.uint64)
        self.subjects = np.zeros((places, n_entities), np.uint64)
        self.kinds = np.zeros(places, np.uint8)
        self.cursors = np.zeros(4, np.int64)

    @property
    def waiting(self) -> int:
        """Rows that are not mature yet."""
        return int(self.cursors[ADMITTED] - self.cursors[MATURE])

    @property
    def admitted(self) -> int:
        """Rows that ever got a place."""
        return int(self.cursors[ADMITTED])

    @property
    def kept(self) -> int:
        """Rows in the ring, mature ones included."""
        return int(self.cursors[ADMITTED] - self.cursors[RELEASED])

    @property
    def narrow(self) -> Ring:
        """What kernels need of it to label rows."""
        return Ring(
            self.buckets,
            self.times_us,
            self.states,
            self.verdicts,
            self.label_times_us,
            self.sources,
            self.examples,
            self.entities,
            self.kinds,
        )

    def due_us(self, n: int, maturity_us: int, correctable_us: int) -> int:
        """Return before which time `mature` finds nothing to do, whenever n more rows come.

        What they are is not looked at: none of them may be due earlier than those that wait.

        Parameters
        ----------
        n : int
        maturity_us, correctable_us : int
            Age at which a row matures, and how much later it is released.
        """
        admitted, released, mature = self.cursors[[ADMITTED, RELEASED, MATURE]].tolist()
        # So many rows of those in front may be pushed out; what is behind them may be older.
        front = released + max(0, admitted - released + n - self.rows_max)
        ripe_us = self._least_us(mature, min(max(mature, front) + 1, admitted)) + maturity_us
        gone_us = self._least_us(released, min(max(released, front) + 1, mature))
        return min(ripe_us, gone_us + maturity_us + correctable_us)

    def _least_us(self, first: int, stop: int) -> int:
        """Return the least time of the rows of some numbers."""
        return min(
            int(piece.min(initial=END_US))
            for piece in pieces(self.times_us, first, max(first, stop))
        )

    @property
    def lost(self) -> int:
        """Unlabelled rows that had to leave before they were mature."""
        return int(self.cursors[LOST])

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
        places = filled(len(keys), NOWHERE, np.int64)
        repeated = np.zeros(len(keys), np.bool_)
        first = int(self.cursors[ADMITTED])
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
        new = places_of(first, int(self.cursors[ADMITTED]), len(self.keys))
        self.verdicts[new] = self.sources[new] = self.kinds[new] = 0
        self.label_times_us[new] = BEGINNING_US
        self.examples[new] = NO_EXAMPLE
        return places, repeated

    def store(
        self,
        places: NDArray[np.int64],
        features: NDArray[np.float64],
        scores: NDArray[np.float64],
        outcomes: NDArray[np.int8],
        numbers: NDArray[np.int64],
        cold: bool = False,
        champion: int = 0,
    ) -> None:
        """Remember rows as they were decided, with the numbers of their events.

        `scores` has shape (n, n_scores); `cold` says that the champion was not ready, and
        `champion` which slot it has.
        """
        rows = index_of(places)
        self.features[rows] = features
        self.scores[rows] = scores
        self.outcomes[rows] = outcomes
        self.numbers[rows] = numbers
        self.cold[rows] = cold
        self.champions[rows] = champion

    def latest(self, n_max: int) -> NDArray[np.float64]:
        """Return the features of the youngest rows that are kept, at most so many; copies."""
        admitted, released = self.cursors[[ADMITTED, RELEASED]].tolist()
        first = max(released, admitted - n_max)
        return self.features[np.arange(first, admitted) % len(self.keys)]

    def said(self, places: NDArray[np.int64]) -> DecisionScores:
        """Return what was said of rows when they were decided; copies."""
        return DecisionScores.unpacked(self.scores[places], self.champions[places])

    def arrays(self) -> list[NDArray[Any]]:
        """Return all that is held of rows."""
        return [self.buckets, *self._rings.values()]

    def state(self) -> State:
        """Return the rows that are kept; arrays are views, until the next `admit`.

        The table is made anew.
        """
        admitted, released = self.cursors[[ADMITTED, RELEASED]].tolist()
        rings = ring_arrays(self._rings, released, admitted)
        return State(_KIND, self._sizes, {"cursors": self.cursors.copy(), **rings})

    def restore(self, state: State) -> None:
        """Take over the rows of another ring of the same sizes.

        Raises
        ------
        SnapshotError
            They are of other sizes, or damaged; then nothing was changed.
        """
        self.restorer(state)()

    def restorer(self, state: State) -> Callable[[], None]:
        """Return what takes over the rows, which are looked at here; see above."""
        require_kind(state, _KIND)
        for name, own in self._sizes.items():
            require_same(state, name, own)
        cursors = array(state, "cursors", np.int64, (4,))
        admitted, released, lost, mature = cursors.tolist()
        ordered = 0 <= released <= mature <= admitted <= released + self.rows_max and lost >= 0
        require(state, ordered, f"no ring of {self.rows_max} rows has the cursors {cursors}")
        rings = self._rings
        for name in _NEW:
            if name not in state.arrays:
                del rings[name]
        rows = ring_rows(state, rings, released, admitted)
        for name, (low, high) in _RANGES.items():
            require_within(state, name, joined(rows[name]), low, high)
        if "champions" in rows:
            slots = max(1, DecisionScores.contenders(self.scores.shape[1]))
            require_within(state, "champions", joined(rows["champions"]), 0, slots - 1)
        keys = joined(rows["keys"])
        buckets = np.zeros_like(self.buckets)
        states = joined(rows["states"])
        once = enter_all(buckets, keys, states, released, len(self.keys))
        require(state, once, "keys: two rows are of one transaction, or one of nobody")

        def take_over() -> None:
            # Places that are free must say so.
            self.states[:] = FREE
            for name in _NEW:
                getattr(self, name)[...] = 0
            for name, ring in rings.items():
                put(ring, released, rows[name])
            self.cursors[:] = cursors
            self.buckets = buckets

        return take_over

    @property
    def _sizes(self) -> dict[str, int]:
        return {"rows_max": self.rows_max, "places": len(self.keys)}

    @property
    def _rings(self) -> dict[str, NDArray[Any]]:
        other = ("buckets", "cursors")
        arrays = {name: it for name, it in vars(self).items() if isinstance(it, np.ndarray)}
        return {name: it for name, it in arrays.items() if name not in other}

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Find the rows of transactions; NOWHERE where none waits. Shape (n,)."""
        places = np.full(len(keys), NOWHERE, np.int64)
        look_up(self.buckets, keys, places)
        return places

    def erase(
        self, entity: int, key: int, is_capped: bool
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Leave nothing of the rows of one entity but their places, which are released in turn.

        Parameters
        ----------
        entity : int
            Its place among the entities of a row.
        key : int
        is_capped : bool
            Whether it is the one whose labels are capped together.

        Returns
        -------
        keys : ndarray of uint64, shape (k,)
            Of the transactions that waited, or were kept for a correction.
        examples : ndarray of int64, shape (k,)
            Number of the last example of each, or NO_EXAMPLE.
        """
        found = self.subjects[:, entity] == key
        if is_capped:
            found |= self.entities == key
        places = np.flatnonzero(found)
        admitted, released = self.cursors[[ADMITTED, RELEASED]].tolist()
        kept = places[(places - released) % len(self.keys) < admitted - released]
        keys, examples = self.keys[kept], self.examples[kept]
        forget_keys(self.buckets, keys)
        # Those that were released lie there until they are written over.
        for ring in self._rings.values():
            ring[places] = 0
        self.states[kept] = ERASED
        # Nobody waits for the maturity of what is not there.
        self.times_us[kept] = self.label_times_us[kept] = BEGINNING_US
        self.numbers[kept] = self.examples[kept] = NO_EXAMPLE
        return keys, examples

    def mature(self, before_us: int, release_us: int | None = None) -> Mature:
        """Let every row not younger than a time mature, from the oldest arrival on.

        Those not younger than `release_us` are released, all if it is left out. A
        younger row in front holds back the rows behind it until it is due.

        The rows stay readable until the next `admit`.
        """
        out, ripe, untold = np.empty((3, self.waiting), np.int64)
        n, n_ripe, n_untold = mature_rows(
            self.buckets,
            self.keys,
            self.times_us,
            self.states,
            self.kinds,
            self.cursors,
            before_us,
            before_us if release_us is None else release_us,
            out,
            ripe,
            untold,
        )
        return Mature(out[:n], ripe[:n_ripe], untold[:n_untold])
