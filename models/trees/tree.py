"""A Hoeffding tree over matrices: River's classifier for two classes, in compiled form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.dense.examples import examples_of
from models.dense.matrix import rows_of
from models.states.restoring import require_header, require_kind
from models.states.snapshot import State
from models.trees.explain import log_odds_of_many
from models.trees.grow import grow, score
from models.trees.nodes import NODES_IN_USE, REFUSED, Trees, reserved, widened
from models.trees.rules import WIDTH_MAX, Rules, checked, require
from models.trees.saved import restore_trees, saved
from models.trees.shapley import add_shapley
from models.trees.twister import seeded
from models.trees.walk import descend
from schemas.jit import kernel, uncounted

KIND = "hoeffding_tree/1"

# Nodes of one tree; River's trees had about 10,000 after two million payments.
NODES_MAX = 1 << 15

_ROOT = np.zeros(1, np.int32)


class DenseTree:
    """A Hoeffding tree (VFDT) with Gaussian observers.

    It equals ``river.tree.HoeffdingTreeClassifier`` score by score, with these limits:
    features are numbers, classes are two, and memory is bounded by a number of nodes.
    Where features are missing, two things can differ from River: which of two features
    with exactly equal merit is split on, and the last bit of a naive Bayes score, since
    River goes by the order in which a leaf met its features and this one by column.

    Parameters
    ----------
    width : int
        Columns of the matrix; 0 for a tree that is yet to be widened.
    grace_period : int
        Weight that a leaf learns between two attempts to split it.
    max_depth : int, optional
        Leaves at this depth are not split.
    split_criterion : {"info_gain", "gini", "hellinger"}
    delta : float
        Probability that a split is not the best one.
    tau : float
        A Hoeffding bound below which the best candidate is taken in any case.
    leaf_prediction : {"mc", "nb", "nba"}
        Majority class, naive Bayes, or whichever was better in the leaf. The default is
        not River's: at one percent of fraud majority ranks better, and costs less.
    nb_threshold : int
        Weight of a leaf before "nb" applies.
    n_splits : int
        Candidates of a feature.
    min_branch_fraction : float
        The least share of weight on both sides of a split. River's default of 0.01 rules
        out most of the splits that single out frauds.
    max_share_to_split : float
        A leaf with a larger share of one class is wiped instead of split. River's default
        of 0.99 keeps wiping every leaf with less than one percent of fraud.
    merit_preprune : bool
        Whether no split at all is a candidate.
    nodes_max : int
        Bound of nodes. Leaves of a tree that has reached it go on learning, but are not
        split any more: `splits_refused` counts.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Domingos & Hulten (2000), "Mining high-speed data streams", KDD.
    """

    def __init__(
        self,
        width: int,
        *,
        grace_period: int = 200,
        max_depth: int | None = None,
        split_criterion: str = "info_gain",
        delta: float = 1e-7,
        tau: float = 0.05,
        leaf_prediction: str = "mc",
        nb_threshold: int = 0,
        n_splits: int = 10,
        min_branch_fraction: float = 1e-4,
        max_share_to_split: float = 1.0,
        merit_preprune: bool = True,
        nodes_max: int = NODES_MAX,
    ) -> None:
        self._parameters: dict[str, Any] = {
            "grace_period": grace_period,
            "max_depth": max_depth,
            "split_criterion": split_criterion,
            "delta": delta,
            "tau": tau,
            "leaf_prediction": leaf_prediction,
            "nb_threshold": nb_threshold,
            "n_splits": n_splits,
            "min_branch_fraction": min_branch_fraction,
            "max_share_to_split": max_share_to_split,
            "merit_preprune": merit_preprune,
        }
        self._rules: Rules = checked(**self._parameters)
        require(0 <= width <= WIDTH_MAX, "width", width, f"0 to {WIDTH_MAX}")
        require(1 <= nodes_max < 1 << 30, "nodes_max", nodes_max, "1 to 2**30 - 1")
        self._width = width
        self._nodes_max = nodes_max
        self._trees: Trees = reserved(nodes_max, 1, width, sampled=False)
        self._words, self._columns = seeded(0), np.zeros(1, np.int32)

    @property
    def width(self) -> int:
        """How many features it knows."""
        return self._width

    @property
    def n_nodes(self) -> int:
        """How many nodes the tree has."""
        return int(self._trees.counts[NODES_IN_USE])

    @property
    def splits_refused(self) -> int:
        """How often a leaf was not split because the bound of nodes was reached."""
        return int(self._trees.counts[REFUSED])

    def widen(self, width: int) -> None:
        """Know more features; see `models.dense.model.Dense`."""
        least = self._width
        require(least <= width <= WIDTH_MAX, "width", width, f"{least} to {WIDTH_MAX}")
        self._trees = widened(self._trees, width)
        self._width = width

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows in order; see `models.dense.model.DenseClassifier`.

        Raises
        ------
        ValueError
            The shapes do not fit, or a weight is negative or no number.
        """
        examples = examples_of(X, y, w, self._width)
        _learn_rows(self._trees, self._rules, *examples, self._words, self._columns)

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,)."""
        X = rows_of(X, self._width)
        scores = np.zeros(len(X))
        _score_rows(self._trees, self._rules, X, scores)
        return scores

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart; see `models.trees.explain`."""
        X = rows_of(X, self._width)
        changes = np.zeros(X.shape)
        add_shapley(self._trees, 0, X, 1.0, changes)
        return log_odds_of_many(self.predict_proba_many(X), changes)

    def state(self) -> State:
        """Return parameters and arrays; see `models.dense.model.Dense`."""
        return saved(KIND, self._header(), self._trees, _ROOT)

    def restore(self, state: State) -> None:
        """Take a state; see `models.dense.model.Dense`.

        Raises
        ------
        SnapshotError
            It is not one of a tree with these parameters, or an array is damaged.
        """
        require_kind(state, KIND)
        require_header(state, self._header())
        fresh = reserved(self._nodes_max, 1, self._width, sampled=False)
        restore_trees(state, fresh, _ROOT, self._width)
        self._trees = fresh

    def _header(self) -> dict[str, Any]:
        return {"width": self._width, "nodes_max": self._nodes_max, **self._parameters}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._header(), self.state())


def _rebuilt(header: dict[str, Any], state: State) -> DenseTree:
    tree = DenseTree(**header)
    tree.restore(state)
    return tree


@uncounted
@kernel
def _learn_rows(trees, rules, X, y, w, words, columns):
    for row in range(X.shape[0]):
        if w[row] > 0.0:
            node, sure = descend(trees, 0, X, row)
            verdict = 1 if y[row] else 0
            grow(trees, rules, node, sure, X, row, verdict, w[row], words, columns, columns)


@uncounted
@kernel
def _score_rows(trees, rules, X, scores):
    for row in range(X.shape[0]):
        scores[row] = score(trees, rules, 0, X, row)[1]
