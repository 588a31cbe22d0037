"""The compiled logistic regression as River's classifier: dictionaries and frames."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Any

from river import base, optim

from models.dense.classifier import NamedClassifier
from models.dense.named import Named
from models.linear.translate import dense_from


class LogisticRegression(NamedClassifier):
    """River's `linear_model.LogisticRegression`, compiled.

    Equal to River row by row, up to rounding. Where an optimizer is itself unstable (Adam
    at its default rate of 0.1, over ten thousand rows of rare fraud), roundings grow, as
    they do between two of River's that are given the features in another order. A frame is
    learned one row after the
    other, as by `learn_one` of each, where River takes one step along the mean gradient.
    A value that is not there (None, NaN) adds nothing, and its weight stays what it is.

    Parameters
    ----------
    optimizer : river.optim.SGD, AdaGrad, Adam or FTRLProximal
        With a constant learning rate; SGD(0.01) where it is None.
    loss : river.optim.losses.Log
        With the weights of both classes; 1 and 1 where it is None.
    l2, l1 : float
        Penalties on the weights; not both, and no `l1` with FTRLProximal.
    intercept_init : float
        Log-odds before anything was learned.
    intercept_lr : float or river.optim.schedulers.Constant
        Learning rate of the intercept.
    clip_gradient : float
        The slope of the loss is kept within this of 0.
    initializer : river.optim.initializers.Zeros
        Weights begin at 0, also where it is None.

    Attributes
    ----------
    weights : dict
        Of each feature.
    intercept : float

    Raises
    ------
    ValueError
        A parameter has no compiled form or is out of its range.
    """

    def __init__(
        self,
        optimizer: optim.base.Optimizer | None = None,
        loss: optim.losses.BinaryLoss | None = None,
        l2: float = 0.0,
        l1: float = 0.0,
        intercept_init: float = 0.0,
        intercept_lr: float | optim.base.Scheduler = 0.01,
        clip_gradient: float = 1e12,
        initializer: optim.base.Initializer | None = None,
    ) -> None:
        self.optimizer = optim.SGD(0.01) if optimizer is None else optimizer
        self.loss = optim.losses.Log() if loss is None else loss
        self.l2 = l2
        self.l1 = l1
        self.intercept_init = intercept_init
        self.intercept_lr = (
            intercept_lr
            if isinstance(intercept_lr, optim.base.Scheduler)
            else optim.schedulers.Constant(intercept_lr)
        )
        self.clip_gradient = clip_gradient
        self.initializer = optim.initializers.Zeros() if initializer is None else initializer
        self._named = Named(dense_from(self, 0))

    @property
    def weights(self) -> dict[Hashable, float]:
        """The weight of each feature."""
        return self._named.by_name(self._named.dense.weights)

    @property
    def intercept(self) -> float:
        """The log-odds of a row without features."""
        return self._named.dense.intercept

    def mutate(self, new_attrs: dict[str, Any]) -> None:
        """Change parameters and go on, as River's `mutate`.

        A new optimizer begins with nothing remembered; a new number of the one there is
        (``{"optimizer": {"lr": ...}}``) keeps what it remembers.

        Raises
        ------
        ValueError
            A parameter has no compiled form; then none is changed.
        """
        trial = self.clone()
        base.Base.mutate(trial, copy.deepcopy(new_attrs))
        settings = dense_from(trial, 0)
        before = self.optimizer
        super().mutate(new_attrs)
        self._named.dense.retune(settings, afresh=self.optimizer is not before)

    @property
    def _mutable_attributes(self) -> set[str]:
        return {"optimizer", "loss", "l2", "l1", "intercept_lr", "clip_gradient", "initializer"}
