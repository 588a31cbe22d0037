"""Logistic regression, learned one row at a time."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dense.matrix import labels_of, rows_of
from models.dense.model import VALUE_MAX
from models.linear.optimizers import FTRL, RULES, Optimizer, sgd
from models.linear.parameters import number
from models.linear.rows import INTERCEPT, LEARN, STEPS, predict_rows
from models.linear.steps import WEIGHT_MAX
from models.states.restoring import array, numbers, require_header, require_kind, require_within
from models.states.snapshot import State

KIND = "logistic_regression/1"

# In the order of `models.linear.rows.INTERCEPT` and its neighbours, with their limits.
_SCALARS = {
    "intercept": (-math.inf, math.inf),
    "steps": (0.0, math.inf),
    "owed": (0.0, math.inf),
}


class Settings(NamedTuple):
    """The parameters that are not the optimizer's; their order is `models.linear.parameters`'s."""

    l2: float
    l1: float
    intercept_lr: float
    clip_gradient: float
    weight_pos: float
    weight_neg: float


class Weights(NamedTuple):
    """What is learned of each column; float64, shape (width,).

    Attributes
    ----------
    weights
    first, second
        What the optimizer remembers of each weight: AdaGrad its sum of squared
        gradients (second); Adam the averages of its gradient and of its square; FTRL
        z and n.
    paid
        What the l1 penalty has taken so far.
    """

    weights: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    paid: NDArray[np.float64]


class DenseLogisticRegression:
    """The log-odds of fraud as a weighted sum of features.

    A NaN adds nothing, and its weight is not touched. Scale the features first: see
    `models.scale.standard`. Implements `models.dense.model.DenseClassifier`.

    Parameters
    ----------
    width : int
        Number of columns.
    optimizer : Optimizer
        From `models.linear.optimizers`.
    l2, l1 : float
        Penalties on weights; not both, and no `l1` with FTRL, which has its own.
    intercept_init, intercept_lr : float
        First value and learning rate of the intercept; it is not penalised.
    clip_gradient : float
        The slope of the loss is kept within this of 0.
    weight_pos, weight_neg : float
        What a fraud, and a genuine row, weighs.

    Raises
    ------
    ValueError
        A parameter is out of its range, or two do not go together.
    """

    def __init__(
        self,
        width: int,
        optimizer: Optimizer | None = None,
        *,
        l2: float = 0.0,
        l1: float = 0.0,
        intercept_init: float = 0.0,
        intercept_lr: float = 0.01,
        clip_gradient: float = VALUE_MAX,
        weight_pos: float = 1.0,
        weight_neg: float = 1.0,
    ) -> None:
        self.optimizer = sgd() if optimizer is None else optimizer
        self.settings = Settings(
            l2=number("l2", l2),
            l1=number("l1", l1),
            intercept_lr=number("intercept_lr", intercept_lr),
            clip_gradient=number("clip_gradient", clip_gradient),
            weight_pos=number("weight_pos", weight_pos),
            weight_neg=number("weight_neg", weight_neg),
        )
        if l1 and l2:
            raise ValueError(f"l1 is {l1!r} and l2 is {l2!r}: only one of them can be above 0")
        if l1 and self.optimizer.rule == FTRL:
            raise ValueError(f"l1 is {l1!r}: FTRL has an l1 of its own, give it there")
        self._rates = np.array([*self.optimizer[1:], *self.settings])
        self.intercept_init = number("intercept_init", intercept_init, -VALUE_MAX)
        self._weights = Weights(*(np.zeros(width) for _ in Weights._fields))
        self._scalars = np.array([self.intercept_init, 0.0, 0.0])

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.weights)

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weight of each column, shape (width,)."""
        return self._weights.weights

    @property
    def intercept(self) -> float:
        """The log-odds of a row without features."""
        return float(self._scalars[INTERCEPT])

    def widen(self, width: int) -> None:
        """Add columns of weight 0; see `models.dense.model.Dense`."""
        new = np.zeros(max(0, width - self.width))
        self._weights = Weights(*(np.concatenate([array, new]) for array in self._weights))

    def retune(self, other: DenseLogisticRegression, *, afresh: bool) -> None:
        """Take another model's optimizer and settings, and keep what was learned.

        Parameters
        ----------
        other : DenseLogisticRegression
        afresh : bool
            Whether the optimizer begins with nothing remembered and no steps taken.
        """
        self.optimizer, self.settings = other.optimizer, other.settings
        self._rates = other._rates
        if afresh:
            new = np.zeros(self.width)
            self._weights = self._weights._replace(first=new, second=new.copy())
            self._scalars[STEPS] = 0.0

    def learn_many(
        self, X: NDArray[np.float64], y: NDArray[np.bool_], w: NDArray[np.float64] | None = None
    ) -> None:
        """Learn rows in order; see `models.dense.model.DenseClassifier`.

        Raises
        ------
        ValueError
            Another shape, or a weight that is negative or not finite.
        """
        X = rows_of(X, self.width)
        labels, row_weights = labels_of(y, len(X)), _row_weights(w, len(X))
        learn = LEARN[self.optimizer.rule]
        learn(*self._weights, self._scalars, self._rates, X, labels, row_weights)

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,); changes nothing."""
        return predict_rows(self.weights, self._scalars, rows_of(X, self.width))

    def contributions_many(
        self, X: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intercept for each row, and weight times value of each column."""
        values = np.clip(rows_of(X, self.width), -VALUE_MAX, VALUE_MAX)
        bases = np.full(len(X), self.intercept)
        return bases, np.where(np.isnan(values), 0.0, self.weights * values)

    def state(self) -> State:
        """Return parameters, scalars and arrays, copied."""
        scalars = dict(zip(_SCALARS, self._scalars.tolist(), strict=True))
        arrays = {name: array.copy() for name, array in self._weights._asdict().items()}
        return State(KIND, {**self._parameters(), **scalars}, arrays)

    def restore(self, state: State) -> None:
        """Take a state; see `models.dense.model.Dense`.

        Raises
        ------
        SnapshotError
            It is not one of a regression with these parameters, or a value is damaged.
        """
        require_kind(state, KIND)
        require_header(state, self._parameters())
        scalars = numbers(state, _SCALARS)
        names = Weights._fields
        found = Weights(*(array(state, name, np.float64, (self.width,)) for name in names))
        require_within(state, "weights", found.weights, -WEIGHT_MAX, WEIGHT_MAX)
        require_within(state, "second", found.second, 0.0, math.inf)
        self._weights, self._scalars = found, scalars

    def _parameters(self) -> dict[str, Any]:
        optimizer = self.optimizer._asdict()
        return {
            "width": self.width,
            "optimizer": {**optimizer, "rule": RULES[self.optimizer.rule]},
            **self.settings._asdict(),
            "intercept_init": self.intercept_init,
        }


_ONE_EACH = np.empty(0)


def _row_weights(w: NDArray[np.float64] | None, n: int) -> NDArray[np.float64]:
    if w is None:
        return _ONE_EACH
    weights = np.array(w, np.float64, order="C")
    if weights.shape != (n,):
        raise ValueError(f"w has shape {weights.shape}, X {n} rows: give one weight a row")
    wrong = ~((weights >= 0.0) & (weights <= VALUE_MAX))
    if wrong.any():
        raise ValueError(
            f"w has {weights[wrong][0]} in it: give numbers from 0 to {VALUE_MAX:g}, or no w"
        )
    return weights
