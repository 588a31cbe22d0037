"""Half-space trees over a dense matrix."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.anomaly.masses import MASS_BITS, Trees, learn_rows, score_rows
from models.anomaly.planting import planted
from models.dense.matrix import rows_of
from models.dense.model import VALUE_MAX
from models.states.restoring import (
    array,
    count,
    require,
    require_header,
    require_kind,
    require_within,
)
from models.states.snapshot import State

KIND = "half_space_trees/1"
HEIGHT_MAX = 20
WINDOW_MAX = 10_000_000
NODES_MAX = 2**27

# Where a path ends early, as a share of the window; Tan, Ting & Liu (2011), section 4.
SIZE_LIMIT = 0.1


class DenseHalfSpaceTrees:
    """Half-space trees: rows are strange where few of the last window's rows came.

    The same as ``river.anomaly.HalfSpaceTrees`` whose first event had all features. A
    NaN is not known: a row goes where more of the present window's rows went. See
    `models.dense.model.DenseDetector`.

    Parameters
    ----------
    width : int
        Number of columns.
    n_trees : int
    height : int
        Levels of branches, 1 to 20; a tree has ``2**(height + 1) - 1`` nodes of 16 bytes.
    window_size : int
        Rows after which the masses that were counted become those that scores go by.
    limits : array_like of float64, shape (width, 2), optional
        The range of each column, 0 to 1 where left out.
    order : sequence of int, optional
        The columns in the order in which they are drawn from: River's is that of the
        sorted names. All of them, from the first, where left out.
    seed : int

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Tan, Ting & Liu (2011), "Fast anomaly detection for streaming data", IJCAI.
    """

    def __init__(
        self,
        width: int,
        n_trees: int = 10,
        height: int = 8,
        window_size: int = 250,
        limits: ArrayLike | None = None,
        order: Sequence[int] | None = None,
        seed: int = 0,
    ) -> None:
        check_parameters(n_trees, height, window_size)
        ranges = _ranges(limits, width)
        drawn = range(width) if order is None else order
        if sorted(drawn) != list(range(width)):
            raise ValueError(f"order is {list(drawn)}: give each column of {width} once")
        self._width = width
        self._height = height
        self._window_size = window_size
        self._window = 0
        self._count = 0
        features, thresholds = planted(random.Random(seed), n_trees, height, ranges, drawn)  # noqa: S311
        nodes = (n_trees, 2 ** (height + 1) - 1, 2)
        self._trees = Trees(features, thresholds, np.zeros(nodes, np.int64))

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self._width

    @property
    def ready(self) -> bool:
        """Whether a window has been full: until then every score is 0."""
        return self._window > 0

    def widen(self, width: int) -> None:
        """Take rows with more columns; no tree asks them, as in River."""
        self._width = max(width, self._width)

    def learn_many(self, X: NDArray[np.float64]) -> None:
        """Learn rows in order, shape (n, width)."""
        rows = rows_of(X, self._width)
        learn_rows(self._trees, rows, self._count, self._window, self._window_size, self._height)
        full, self._count = divmod(self._count + len(rows), self._window_size)
        self._window += full

    def score_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how strange each row is, 0 to 1, shape (n,); 0 before a window is full."""
        rows = rows_of(X, self._width)
        mass_min = math.ceil(SIZE_LIMIT * self._window_size)
        if self._window == 0:
            # No row; but the kernel is loaded now, and not when the first window is full.
            score_rows(self._trees, rows[:0], 1, mass_min, self._height)
            return np.zeros(len(rows))
        totals = score_rows(self._trees, rows, self._window, mass_min, self._height)
        n_trees, n_nodes, _ = self._trees.words.shape
        return 1.0 - totals / float(n_trees * self._window_size * n_nodes)

    def state(self) -> State:
        """Return parameters, trees and the masses of this window and of the one before."""
        return State(
            KIND,
            {**self._parameters(), "count": self._count, "window": self._window},
            {
                "features": self._trees.features.copy(),
                "thresholds": self._trees.thresholds.copy(),
                "masses": _masses(self._trees.words, self._window),
                "masses_before": _masses(self._trees.words, self._window - 1),
            },
        )

    def restore(self, state: State) -> None:
        """Take a state, its trees included; see `models.dense.model.Dense`.

        Raises
        ------
        SnapshotError
            It is not one of such trees, or an array is damaged.
        """
        require_kind(state, KIND)
        require_header(state, self._parameters())
        reached = count(state, "count", 0, self._window_size - 1)
        window = count(state, "window", 0, 2 ** (62 - MASS_BITS))
        n_trees, n_nodes, _ = self._trees.words.shape
        branches, nodes = self._trees.features.shape, (n_trees, n_nodes)
        features = array(state, "features", np.int32, branches)
        require_within(state, "features", features, 0, self._width - 1)
        thresholds = array(state, "thresholds", np.float64, branches)
        require_within(state, "thresholds", thresholds, -VALUE_MAX, VALUE_MAX)
        words = np.zeros(self._trees.words.shape, np.int64)
        windows = {"masses": (window, reached), "masses_before": (window - 1, self._window_size)}
        for name, (number, at_root) in windows.items():
            masses = array(state, name, np.int32, nodes)
            _check_masses(state, name, masses, at_root if number >= 0 else 0)
            words[:, :, number & 1] = np.where(
                masses > 0, (max(number, 0) << MASS_BITS) + masses, 0
            )
        self._trees = Trees(features, thresholds, words)
        self._count, self._window = reached, window

    def _parameters(self) -> dict[str, int]:
        return {
            "width": self._width,
            "n_trees": len(self._trees.words),
            "height": self._height,
            "window_size": self._window_size,
        }


def check_parameters(n_trees: int, height: int, window_size: int) -> None:
    """Raise ValueError where one of them is out of its range."""
    for name, value, high in (
        ("n_trees", n_trees, NODES_MAX),
        ("height", height, HEIGHT_MAX),
        ("window_size", window_size, WINDOW_MAX),
    ):
        if not 1 <= value <= high:
            raise ValueError(f"{name} is {value!r}: give a number from 1 to {high}")
    if n_trees * 2 ** (height + 1) > NODES_MAX:
        raise ValueError(
            f"n_trees is {n_trees} and height {height}, more than {NODES_MAX} nodes in all: "
            "give fewer or lower trees"
        )


def _ranges(limits: ArrayLike | None, width: int) -> NDArray[np.float64]:
    if limits is None:
        return np.tile([0.0, 1.0], (width, 1))
    ranges = np.array(limits, np.float64)
    if ranges.shape != (width, 2):
        raise ValueError(
            f"limits have shape {ranges.shape}: give a lower and an upper one for each of "
            f"{width} columns"
        )
    return ranges


def _masses(words: NDArray[np.int64], window: int) -> NDArray[np.int32]:
    """Return the masses of a window, shape (n_trees, nodes); none before the first."""
    if window < 0:
        return np.zeros(words.shape[:2], np.int32)
    return np.maximum(words[:, :, window & 1] - (window << MASS_BITS), 0).astype(np.int32)


def _check_masses(state: State, name: str, masses: NDArray[np.int32], at_root: int) -> None:
    require_within(state, name, masses, 0, at_root)
    wide = masses.astype(np.int64)
    adds_up = wide[:, : masses.shape[1] // 2] == wide[:, 1::2] + wide[:, 2::2]
    require(
        state,
        bool((masses[:, 0] == at_root).all() and adds_up.all()),
        f"{name} do not add up from the leaves to the {at_root} rows of a root",
    )
