"""Labelled rows that wait for the next learning barrier, as they were when decided.

A row is copied here when its label comes, because it may leave the ring of waiting
rows before the barrier. A ring of fixed size; its places are numbered for ever, so
that a row knows by its example's number whether it was learned already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import array, require, require_kind, require_same, require_within
from models.states.snapshot import State
from stream.decide import DecisionScores
from stream.labels.label_kinds import DELAYED, FEEDBACK
from stream.labels.memory import Allocate, in_memory
from stream.rings import index_of, joined, put, ring_arrays, ring_rows

# What the learners were told of a row before; else 0 for genuine and 1 for fraud.
NEVER_TAUGHT = -1
# Places in the array of cursors: examples ever taken off, examples ever put on.
HEAD, TAIL = range(2)

_KIND = "examples/1"
_CHAMPIONS = "champions"


class Queue(NamedTuple):
    """The narrow arrays, as kernels want them."""

    verdicts: NDArray[np.int8]
    taught: NDArray[np.int8]
    kinds: NDArray[np.uint8]
    told: NDArray[np.uint8]
    cursors: NDArray[np.int64]


class Examples(NamedTuple):
    """Rows to learn, in the order in which their labels came or they became mature.

    Attributes
    ----------
    features : ndarray of float64, shape (n, n_features)
    scores : ndarray of float64, shape (n, n_scores)
        At decision time: the champion's, then each challenger's.
    is_fraud : ndarray of bool, shape (n,)
    corrects : ndarray of bool, shape (n,)
        Rows that were learned before, with the other verdict.
    news : ndarray of bool, shape (n,)
        Rows that were not learned before with this verdict: all, but for those of which only
        one kind of learner has not learned yet.
    kinds : ndarray of uint8, shape (n,)
        `stream.labels.label_kinds.LabelKind` of the learners that are to learn it.
    weights : ndarray of float64, shape (n,), or None
        What each weighs where it is learned, 0 where it is judged only; None: 1 each.
    champions : ndarray of uint8, shape (n,), or None
        Slot of the contender that decided each; None: 0.
    """

    features: NDArray[np.float64]
    scores: NDArray[np.float64]
    is_fraud: NDArray[np.bool_]
    corrects: NDArray[np.bool_]
    news: NDArray[np.bool_]
    kinds: NDArray[np.uint8]
    weights: NDArray[np.float64] | None = None
    champions: NDArray[np.uint8] | None = None

    def said(self, rows: NDArray[np.bool_]) -> DecisionScores:
        """Return what was said of some of them when they were decided."""
        champions = None if self.champions is None else self.champions[rows]
        return DecisionScores.unpacked(self.scores[rows], champions)


class ExampleQueue:
    """The queue of examples.

    Parameters
    ----------
    examples_max : int
    n_features, n_scores : int
    allocate : Allocate
        Makes the wide arrays.
    """

    def __init__(
        self, examples_max: int, n_features: int, n_scores: int, allocate: Allocate = in_memory
    ) -> None:
        if examples_max <= 0:
            raise ValueError(f"examples_max must be positive, not {examples_max}")
        self.examples_max = examples_max
        self.features = allocate("example-features", (examples_max, n_features))
        self.scores = allocate("example-scores", (examples_max, n_scores))
        self.champions = np.zeros(examples_max, np.uint8)
        self.verdicts = np.zeros(examples_max, np.int8)
        self.taught = np.zeros(examples_max, np.int8)
        self.kinds = np.zeros(examples_max, np.uint8)
        # Kinds that have learned the row before, of a correction.
        self.told = np.zeros(examples_max, np.uint8)
        self.cursors = np.zeros(2, np.int64)

    def __len__(self) -> int:
        return int(self.cursors[TAIL] - self.cursors[HEAD])

    @property
    def narrow(self) -> Queue:
        """What kernels need of it."""
        return Queue(self.verdicts, self.taught, self.kinds, self.told, self.cursors)

    def fill(
        self,
        numbers: NDArray[np.int64],
        features: NDArray[np.float64],
        scores: NDArray[np.float64],
        champions: NDArray[np.uint8] | int = 0,
    ) -> None:
        """Copy the rows of examples that were just put on, by their numbers."""
        places = index_of(numbers % self.examples_max)
        self.features[places] = features
        self.scores[places] = scores
        self.champions[places] = champions

    def erase(self, numbers: NDArray[np.int64]) -> None:
        """Leave nothing of examples that still wait, by their numbers: they teach nothing."""
        places = numbers[numbers >= self.cursors[HEAD]] % self.examples_max
        for ring in self._rings.values():
            ring[places] = 0

    def take(self, n_max: int) -> Examples:
        """Take the oldest examples off.

        A correction that was itself taken back in the meantime says nothing new, and
        is left out, but for a kind of learner that has learned nothing of the row before.
        """
        head = int(self.cursors[HEAD])
        stop = min(int(self.cursors[TAIL]), head + n_max)
        places = np.arange(head, stop) % self.examples_max
        self.cursors[HEAD] = stop
        news = self.verdicts[places] != self.taught[places]
        kinds = np.where(news, self.kinds[places], self.kinds[places] & ~self.told[places])
        says = news | (kinds != 0)
        places, news = places[says], news[says]
        rows = index_of(places)
        return Examples(
            # Whoever learns may keep them, and the ring is written over.
            self.features[rows].copy(),
            self.scores[rows].copy(),
            self.verdicts[rows] == 1,
            news & (self.taught[rows] != NEVER_TAUGHT),
            news,
            kinds[says],
            champions=self.champions[rows].copy(),
        )

    def arrays(self) -> list[NDArray[Any]]:
        """Return all that is held of examples."""
        return list(self._rings.values())

    def state(self) -> State:
        """Return the examples that wait; arrays are views, until the next label or barrier."""
        head, tail = self.cursors.tolist()
        rings = ring_arrays(self._rings, head, tail)
        header = {"examples_max": self.examples_max}
        return State(_KIND, header, {"cursors": self.cursors.copy(), **rings})

    def restore(self, state: State) -> None:
        """Take over the examples of a queue of the same size; SnapshotError, no change, else."""
        self.restorer(state)()

    def restorer(self, state: State) -> Callable[[], None]:
        """Return what takes over the examples, which are looked at here; see `restore`."""
        require_kind(state, _KIND)
        require_same(state, "examples_max", self.examples_max)
        cursors = array(state, "cursors", np.int64, (2,))
        head, tail = cursors.tolist()
        ordered = 0 <= head <= tail <= head + self.examples_max
        require(state, ordered, f"no queue of {self.examples_max} has the cursors {cursors}")
        rows = ring_rows(state, self._rings, head, tail)
        slots = max(1, DecisionScores.contenders(self.scores.shape[1]))
        require_within(state, _CHAMPIONS, joined(rows[_CHAMPIONS]), 0, slots - 1)
        require_within(state, "verdicts", joined(rows["verdicts"]), 0, 1)
        require_within(state, "taught", joined(rows["taught"]), NEVER_TAUGHT, 1)
        for name in ("kinds", "told"):
            require_within(state, name, joined(rows[name]), 0, FEEDBACK | DELAYED)

        def take_over() -> None:
            self.champions[:] = 0
            for name, ring in self._rings.items():
                put(ring, head, rows[name])
            self.cursors[:] = cursors

        return take_over

    @property
    def _rings(self) -> dict[str, NDArray[Any]]:
        return {
            "features": self.features,
            "scores": self.scores,
            _CHAMPIONS: self.champions,
            "verdicts": self.verdicts,
            "taught": self.taught,
            "kinds": self.kinds,
            "told": self.told,
        }
