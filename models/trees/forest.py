"""An adaptive random forest over matrices: River's classifier for two classes, compiled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dense.examples import examples_of
from models.dense.matrix import rows_of
from models.states.snapshot import State
from models.trees.explain import log_odds_of_many
from models.trees.forest_state import restored_forest, saved_forest
from models.trees.nodes import NODES_IN_USE, REFUSED
from models.trees.planting import MaxFeatures, planted
from models.trees.rules import WIDTH_MAX, Rules, checked, require
from models.trees.shapley import add_shapley
from models.trees.votes import (
    DRIFTS,
    WARNINGS,
    Bagging,
    learn_rows,
    score_rows,
    vote_weight,
)

# Nodes of all trees together; River's ten had about 100,000 after two million payments.
NODES_MAX = 1 << 17


class DenseForest:
    """An adaptive random forest (ARF) of Hoeffding trees.

    It equals ``river.forest.ARFClassifier`` score by score, with the limits of
    `models.trees.tree.DenseTree`.

    Parameters
    ----------
    width : int
        Columns of the matrix; 0 for a forest that is yet to be widened.
    n_models : int
        Trees.
    max_features : {"sqrt", "log2"}, int, float or None
        Columns that a leaf observes: a number, a share, or None for all.
    lambda_value : int
        Mean of the Poisson number that says how often a tree learns an event.
    disable_weighted_vote : bool
        Whether all trees have the same vote; otherwise it weighs as much as the tree's
        share of right predictions.
    warning, drift : mapping, optional
        Parameters of `models.drift.adwin.new` for detectors of warnings and drifts; None
        for no detectors. They watch whether trees are right, which says little where one
        event in a hundred is fraud: the default is none, where River's is both.
    seed : int
        Of all randomness.
    by_name : sequence of int, optional
        The columns in the order of their features' names, in which River draws from them;
        as they come if None.
    nodes_max : int
        Bound of nodes of all trees together.
    **tree
        Parameters of `models.trees.tree.DenseTree`, `nodes_max` aside.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Gomes et al. (2017), "Adaptive random forests for evolving data stream
    classification", Machine Learning 106.
    """

    def __init__(
        self,
        width: int,
        *,
        n_models: int = 10,
        max_features: MaxFeatures = "sqrt",
        lambda_value: int = 6,
        disable_weighted_vote: bool = False,
        warning: Mapping[str, float] | None = None,
        drift: Mapping[str, float] | None = None,
        seed: int = 0,
        by_name: Sequence[int] | None = None,
        nodes_max: int = NODES_MAX,
        grace_period: int = 50,
        delta: float = 0.01,
        **tree: Any,
    ) -> None:
        require(0 <= width <= WIDTH_MAX, "width", width, f"0 to {WIDTH_MAX}")
        require(1 <= n_models <= 1000, "n_models", n_models, "1 to 1000")
        require(0 < lambda_value <= 100, "lambda_value", lambda_value, "above 0, to 100")
        require(
            2 * n_models <= nodes_max < 1 << 30,
            "nodes_max",
            nodes_max,
            f"{2 * n_models} (two for each tree) to 2**30 - 1",
        )
        tree = {**_TREE, "grace_period": grace_period, "delta": delta, **tree}
        self._rules: Rules = checked(**tree)
        self._parameters: dict[str, Any] = {
            "n_models": n_models,
            "max_features": max_features,
            "lambda_value": lambda_value,
            "disable_weighted_vote": disable_weighted_vote,
            "warning": None if warning is None else dict(warning),
            "drift": None if drift is None else dict(drift),
            "seed": seed,
            "nodes_max": nodes_max,
            **tree,
        }
        self._bagging = Bagging(
            math.exp(-lambda_value),
            not disable_weighted_vote,
            warning is not None,
            drift is not None,
        )
        self._plant(width)
        if by_name is not None:
            self.order_by_name(by_name)

    def _plant(self, width: int) -> None:
        self._width = width
        self._taught = False
        self._trees, self._forest = planted(self._parameters, width, None)

    @property
    def width(self) -> int:
        """How many features it knows."""
        return self._width

    @property
    def n_nodes(self) -> int:
        """How many nodes the trees have, those in the background included."""
        # Of a tree's two roots one is idle unless a tree grows behind it.
        return int(self._trees.counts[NODES_IN_USE] - (~self._forest.waits).sum())

    @property
    def splits_refused(self) -> int:
        """How often a leaf was not split because the bound of nodes was reached."""
        return int(self._trees.counts[REFUSED])

    @property
    def warnings(self) -> NDArray[np.int64]:
        """How many warnings of drift each tree had, shape (n_models,)."""
        return self._forest.alarms[:, WARNINGS].copy()

    @property
    def drifts(self) -> NDArray[np.int64]:
        """How often each tree was replaced, shape (n_models,)."""
        return self._forest.alarms[:, DRIFTS].copy()

    def widen(self, width: int) -> None:
        """Know more features; see `models.dense.model.Dense`.

        They come last by name too, until `order_by_name` says otherwise. How many columns
        a leaf observes goes by the width when the first row is learned, as in River.
        """
        least = self._width
        require(least <= width <= WIDTH_MAX, "width", width, f"{least} to {WIDTH_MAX}")
        if not self._taught:
            self._plant(width)
            return
        later = np.arange(self._width, width, dtype=np.int32)
        by_name = np.concatenate([self._forest.by_name, later])
        self._forest = self._forest._replace(by_name=by_name, pool=np.zeros_like(by_name))
        self._width = width

    def order_by_name(self, by_name: Sequence[int]) -> None:
        """Say which order the columns have by their features' names.

        Raises
        ------
        ValueError
            It does not name every column once.
        """
        if sorted(by_name) != list(range(self._width)):
            raise ValueError(f"by_name is {by_name!r}: name each of {self._width} columns once")
        self._forest.by_name[:] = by_name

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows in order; see `models.dense.model.DenseClassifier`.

        A weight multiplies how often each tree learns the row; River knows none here.

        Raises
        ------
        ValueError
            The shapes do not fit, or a weight is out of its range.
        """
        examples = examples_of(X, y, w, self._width)
        self._taught = self._taught or len(X) > 0
        learn_rows(self._trees, self._rules, self._forest, self._bagging, *examples)

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,); 0 before any was learned."""
        X = rows_of(X, self._width)
        scores, others = np.zeros((2, len(X)))
        roots, hits, weighted = self._forest.roots, self._forest.hits, self._bagging.weighted
        score_rows(self._trees, self._rules, roots, hits, weighted, X, scores, others)
        return scores

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart; see `models.trees.explain`."""
        X = rows_of(X, self._width)
        changes = np.zeros(X.shape)
        forest = self._forest
        votes = [
            vote_weight(forest.hits, tree, self._bagging.weighted) if forest.classes[root] else 0.0
            for tree, root in enumerate(forest.roots)
        ]
        for root, vote in zip(forest.roots, votes, strict=True):
            if vote > 0.0:
                add_shapley(self._trees, root, X, vote / sum(votes), changes)
        return log_odds_of_many(self.predict_proba_many(X), changes)

    def state(self) -> State:
        """Return parameters and arrays; see `models.dense.model.Dense`."""
        header = {"width": self._width, "taught": self._taught, **self._parameters}
        return saved_forest(header, self._trees, self._forest)

    def restore(self, state: State) -> None:
        """Take a state; see `models.dense.model.Dense`.

        Raises
        ------
        SnapshotError
            It is not one of a forest with these parameters, or an array is damaged.
        """
        grow = partial(planted, self._parameters, self._width)
        header = {"width": self._width, **self._parameters}
        self._trees, self._forest = restored_forest(state, header, grow)
        self._taught = bool(state.header["taught"])

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._width, self._parameters, self.state())


def _rebuilt(width: int, parameters: dict[str, Any], state: State) -> DenseForest:
    forest = DenseForest(width, **parameters)
    forest.restore(state)
    return forest


_TREE: dict[str, Any] = {
    "max_depth": None,
    "split_criterion": "info_gain",
    "tau": 0.05,
    "leaf_prediction": "mc",
    "nb_threshold": 0,
    "n_splits": 10,
    "min_branch_fraction": 1e-4,
    "max_share_to_split": 1.0,
    "merit_preprune": True,
}
