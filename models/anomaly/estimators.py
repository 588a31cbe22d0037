"""The compiled detector as River's: dictionaries and frames."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from models.anomaly.half_space import DenseHalfSpaceTrees, check_parameters
from models.anomaly.planting import check_limits
from models.dense.face import Columns, names_of


class HalfSpaceTrees(base.AnomalyDetector):
    """River's `anomaly.HalfSpaceTrees`, compiled; frames too, which River's has not.

    Equal to River event by event where both have the same seed. The features of the
    first event learned are those that the trees ask; later ones are left out, as in
    River. None and NaN are not known, the same as a key that is not there.

    Parameters
    ----------
    n_trees : int
        Number of trees.
    height : int
        Levels of branches, 1 to 20.
    window_size : int
        Events after which the masses that were counted become those that scores go by.
    limits : dict, optional
        The range (low, high) of features by name, 0 to 1 where left out.
    seed : int, optional
        Without one every detector has other trees.

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
        n_trees: int = 10,
        height: int = 8,
        window_size: int = 250,
        limits: dict[Hashable, tuple[float, float]] | None = None,
        seed: int | None = None,
    ) -> None:
        self.n_trees = n_trees
        self.height = height
        self.window_size = window_size
        self.limits = limits
        self.seed = seed
        self._columns = Columns()
        check_parameters(n_trees, height, window_size)
        for name, (low, high) in (limits or {}).items():
            check_limits(name, low, high)
        self._dense: DenseHalfSpaceTrees | None = None

    def learn_one(self, x: Mapping[Hashable, Any]) -> None:
        """Take an event in; the first one that has a feature plants the trees."""
        columns = self._columns_for(x)
        self._learn(columns, columns.row(x))

    def learn_many(self, X: Any) -> None:
        """Take a frame's rows in, one after the other: the same as `learn_one` of each."""
        columns = self._columns_for(names_of(X))
        self._learn(columns, columns.matrix(X))

    def score_one(self, x: Mapping[Hashable, Any]) -> float:
        """Return how strange an event is, 0 to 1; 0 before a window is full."""
        if self._dense is None:
            return 0.0
        return float(self._dense.score_many(self._columns.row(x))[0])

    def score_many(self, X: Any) -> NDArray[np.float64]:
        """Return how strange each row of a frame is, shape (n,); changes nothing."""
        matrix = self._columns.matrix(X)
        return np.zeros(len(matrix)) if self._dense is None else self._dense.score_many(matrix)

    def _columns_for(self, names: Iterable[Any]) -> Columns:
        # Sorted, as River does: the trees then do not depend on a dictionary's order.
        return self._columns if self._dense is not None else Columns(sorted(names))

    def _learn(self, columns: Columns, rows: NDArray[np.float64]) -> None:
        if self._dense is None:
            if len(columns) == 0 or len(rows) == 0:
                return
            self._dense = self._planted(columns)
            self._columns = columns
        self._dense.learn_many(rows)

    def _planted(self, columns: Columns) -> DenseHalfSpaceTrees:
        limits = self.limits or {}
        return DenseHalfSpaceTrees(
            len(columns),
            n_trees=self.n_trees,
            height=self.height,
            window_size=self.window_size,
            limits=[limits.get(name, (0.0, 1.0)) for name in columns.places],
            seed=random.SystemRandom().getrandbits(32) if self.seed is None else self.seed,
        )
