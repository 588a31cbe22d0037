"""An additive logistic model, learned one row at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.additive.curve import SQUARES, WEIGHT
from models.additive.knots import PLACES
from models.additive.rows import INTERCEPT, USUAL_OVER, heights_of, learn_rows, predict_rows
from models.dense.examples import examples_of
from models.dense.matrix import rows_of
from models.linear.parameters import number
from models.states.restoring import array, numbers, require_header, require_kind, require_within
from models.states.snapshot import State

KIND = "additive_logistic/1"

# Far above any number of features, and far below what fills memory by mistake.
WIDTH_MAX = 10_000

# A longer step is beyond all log-odds that mean anything.
_LR_MAX = 1e3

# Every sum of squared gradients begins here, so that a first example is a small step.
_SQUARES_MIN = 1.0

# No weight that means anything is anywhere near; sums of them stay finite.
_WEIGHT_MAX = 1e30

# In the order of `models.additive.rows.INTERCEPT` and its neighbours, with their limits.
_SCALARS = {
    "intercept": (-_WEIGHT_MAX, _WEIGHT_MAX),
    "intercept_squares": (_SQUARES_MIN, math.inf),
    "genuine": (0.0, USUAL_OVER),
}


class AdditiveLogistic:
    """The log-odds of fraud as a sum of curves, one of each feature.

    Where a logistic regression has a weight, this has a curve in straight lines between
    fixed knots (`models.additive.knots`), so that it learns that both very small and very
    large amounts are odd. A NaN has a weight of its own: that a value is not known may be
    evidence. Features need no scaler; values beyond the outermost knots count as those.
    Implements `models.dense.model.DenseClassifier`.

    Memory is bounded: ``width * PLACES * 16`` bytes of curves, 27 kB a feature.

    Parameters
    ----------
    width : int
        Number of columns, at most `WIDTH_MAX`.
    lr : float
        Learning rate: the longest step of a weight. A row moves two weights of a feature
        at each of three distances, so that a first fraud moves its own log-odds by about
        twice the rate for every feature.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Hastie & Tibshirani (1986), Generalized additive models, Statistical Science 1(3), for
    the model; Duchi, Hazan & Singer (2011), Adaptive subgradient methods, JMLR 12, for how
    it is learned.
    """

    def __init__(self, width: int, lr: float = 0.05) -> None:
        self.lr = number("lr", lr, 0.0, _LR_MAX)
        self._curves = _flat(0)
        self._usual = np.zeros(0)
        self._scalars = np.array([0.0, _SQUARES_MIN, 0.0])
        self.widen(width)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._curves)

    @property
    def intercept(self) -> float:
        """The log-odds that are no feature's."""
        return float(self._scalars[INTERCEPT])

    def widen(self, width: int) -> None:
        """Add columns whose curves are flat; see `models.dense.model.Dense`.

        What an unknown value of a new column says is learned from here on.

        Raises
        ------
        ValueError
            There would be fewer columns, or more than `WIDTH_MAX`.
        """
        if not self.width <= width <= WIDTH_MAX:
            raise ValueError(f"width is {width!r}: give {self.width} to {WIDTH_MAX} columns")
        more = width - self.width
        self._curves = np.concatenate([self._curves, _flat(more)])
        self._usual = np.concatenate([self._usual, np.zeros(more)])

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows in order; see `models.dense.model.DenseClassifier`.

        Raises
        ------
        ValueError
            Another shape, or a weight that is neither 0 nor within `models.dense.examples`'s.
        """
        examples = examples_of(X, y, w, self.width)
        learn_rows(self._curves, self._usual, self._scalars, self.lr, *examples)

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,); changes nothing."""
        return predict_rows(self._curves, self._scalars, rows_of(X, self.width))

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what each feature of each row adds beyond what it usually adds.

        Curves are only known up to a constant that another could have instead. So what the
        curve of a feature was on average over the latest genuine rows is in the base: a
        contribution of 0 is that of a value as they have it. An unknown value has one too.
        """
        heights = heights_of(self._curves, rows_of(X, self.width))
        base = self.intercept + float(self._usual.sum())
        return np.full(len(X), base), heights - self._usual

    def state(self) -> State:
        """Return parameters, scalars and arrays, copied."""
        scalars = dict(zip(_SCALARS, self._scalars.tolist(), strict=True))
        arrays = {"curves": self._curves.copy(), "usual": self._usual.copy()}
        return State(KIND, {**self._parameters(), **scalars}, arrays)

    def restore(self, state: State) -> None:
        """Take a state; see `models.dense.model.Dense`.

        Raises
        ------
        SnapshotError
            It is not one of a model with these parameters, or a value is damaged.
        """
        require_kind(state, KIND)
        require_header(state, self._parameters())
        scalars = numbers(state, _SCALARS)
        curves = array(state, "curves", np.float64, self._curves.shape)
        usual = array(state, "usual", np.float64, self._usual.shape)
        for name, values in (("curves", curves[..., WEIGHT]), ("usual", usual)):
            require_within(state, name, values, -_WEIGHT_MAX, _WEIGHT_MAX)
        require_within(state, "curves", curves[..., SQUARES], _SQUARES_MIN, math.inf)
        self._curves, self._usual, self._scalars = curves, usual, scalars

    def _parameters(self) -> dict[str, Any]:
        return {"width": self.width, "lr": self.lr}


def _flat(width: int) -> NDArray[np.float64]:
    """Return curves that say nothing, as `models.additive.curve` lays them out."""
    curves = np.zeros((width, PLACES, 2))
    curves[..., SQUARES] = _SQUARES_MIN
    return curves
