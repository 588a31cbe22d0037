"""A fixed share of all rows, chosen by what is in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import uint64
from numpy.typing import NDArray

from models.base import Learner
from models.feedback_delayed import has_feedback_learner
from models.states.restoring import require, require_header, require_kind
from models.states.snapshot import State
from models.weights import check_weights
from schemas.jit import kernel

_KIND = "sampled/1"
_Learn = Callable[..., None]

_WORDS = 2.0**64


def chosen(X: NDArray[np.float64], share: float, seed: int = 0) -> NDArray[np.bool_]:
    """Choose about `share` of the rows.

    A row's 64-bit words are mixed into one number and compared with the share. So the
    choice is the same when a row is scored, when it is learned weeks later and when the
    log is replayed, however rows are cut into batches, and looking changes nothing. A
    counter would need to move with every score. Equal rows are chosen together or not
    at all.

    Parameters
    ----------
    X : ndarray of float64, shape (n, n_features)
    share : float
        From 0, none, to 1, all.
    seed : int
        Another seed chooses another share.

    Returns
    -------
    ndarray of bool, shape (n,)

    Notes
    -----
    The mixing steps are those of SplitMix64 (Steele, Lea & Flood 2014, figure 15).
    """
    if share >= 1.0:
        return np.ones(len(X), np.bool_)
    if share <= 0.0:
        return np.zeros(len(X), np.bool_)
    # One pattern for both zeros, and one for every NaN.
    words = np.where(np.isnan(X), np.nan, X + 0.0).view(np.uint64)
    limit = np.uint64(share * _WORDS)
    return _below(np.ascontiguousarray(words), np.uint64(seed % 2**64), limit)


@kernel
def _below(words: NDArray[np.uint64], seed: np.uint64, limit: np.uint64) -> NDArray[np.bool_]:
    below = np.empty(len(words), np.bool_)
    for row in range(len(words)):
        mixed = seed
        for column in range(words.shape[1]):
            mixed = (mixed ^ words[row, column]) + uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> uint64(27))) * uint64(0x94D049BB133111EB)
            mixed = mixed ^ (mixed >> uint64(31))
        below[row] = mixed < limit
    return below


class SampledLearner:
    """A learner that sees a share of the rows: for one that is tried beside another.

    The rows that were not chosen teach it nothing and have no score: NaN.

    Parameters
    ----------
    learner : Learner
    share : float
        Above 0 to 1.
    seed : int
        Which share; see `chosen`.

    Attributes
    ----------
    learner : Learner

    Raises
    ------
    ValueError
        `share` is out of its range.
    """

    def __init__(self, learner: Learner, share: float, seed: int = 0) -> None:
        if not 0.0 < share <= 1.0:
            raise ValueError(f"share is {share}: give the share of rows, above 0 to 1")
        self.learner = learner
        self.share = float(share)
        self.seed = seed

    @property
    def learned(self) -> int:
        """How many labels were learned from."""
        return self.learner.learned

    @property
    def ready(self) -> bool:
        """Whether the learner is."""
        return self.learner.ready

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn the chosen rows in order; see `models.base.Learner`."""
        check_weights(w, len(X))
        if w is None:
            self._learn(self.learner.learn_many, X, y)
        else:
            self._learn(self.learner.learn_many, X, y, w)

    def learn_feedback(self, X: NDArray[np.float64], y: NDArray[np.bool_]) -> None:
        """Learn the chosen ones of alerted rows; see `models.feedback_delayed`."""
        if has_feedback_learner(self.learner):
            self._learn(self.learner.learn_feedback, X, y)

    def _learn(
        self, learn: _Learn, X: NDArray[np.float64], y: NDArray[np.bool_], *w: NDArray[np.float64]
    ) -> None:
        if len(X) != len(y):
            raise ValueError(f"X has {len(X)} rows and y {len(y)}: give each row its label")
        rows = chosen(X, self.share, self.seed)
        if rows.any():
            learn(X[rows], y[rows], *(each[rows] for each in w))

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of each chosen row, NaN for the others, shape (n,)."""
        rows = chosen(X, self.share, self.seed)
        scores = np.full(len(X), np.nan)
        if rows.any():
            scores[rows] = self.learner.predict_proba_many(X[rows])
        return scores

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the score of each row apart; all is 0 where there is none."""
        rows = chosen(X, self.share, self.seed)
        bases, parts = np.zeros(len(X)), np.zeros(X.shape)
        if rows.any():
            bases[rows], parts[rows] = self.learner.contributions_many(X[rows])
        return bases, parts

    def state(self) -> State:
        """Return the share and the learner's state; see `models.base.Learner`."""
        return State(_KIND, self._parameters(), {}, {"learner": self.learner.state()})

    def restore(self, state: State) -> None:
        """Go on from a state of a learner that was built alike; see `models.base.Learner`."""
        require_kind(state, _KIND)
        require_header(state, self._parameters())
        require(state, set(state.parts) == {"learner"}, "its one part is the learner")
        self.learner.restore(state.parts["learner"])

    def _parameters(self) -> dict[str, float | int]:
        return {"share": self.share, "seed": self.seed}
