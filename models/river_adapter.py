"""River's own objects behind the learner protocol, dictionaries and all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import compose, linear_model, preprocessing

# Squares and products of features must stay finite inside a model; no real
# feature is anywhere near.
VALUE_MAX = 1e12

# Before it saw this many of each class a classifier's score is an artefact of its
# initial weights.
FRAUDS_MIN = 5
GENUINE_MIN = 50


def logistic_pipeline() -> Any:
    """Build the default model: ``StandardScaler | LogisticRegression``."""
    return compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())


class RiverLearner:
    """Any River classifier as a learner.

    Parameters
    ----------
    model : river.base.Classifier
        A classifier or pipeline with `learn_one` and `predict_proba_one`; it is
        cloned, so the object given stays as it is.
    feature_names : tuple of str
        Names of the matrix's columns: the keys of River's dictionaries.
    frauds_min, genuine_min : int
        Labels of each class before `ready`.
    """

    def __init__(
        self,
        model: Any,
        feature_names: tuple[str, ...],
        frauds_min: int = FRAUDS_MIN,
        genuine_min: int = GENUINE_MIN,
    ) -> None:
        self.model = model.clone()
        self.feature_names = feature_names
        self.frauds = 0
        self.genuine = 0
        self._frauds_min = frauds_min
        self._genuine_min = genuine_min
        self._take_apart = _take_apart(self.model)

    @property
    def learned(self) -> int:
        """How many labels were learned from."""
        return self.frauds + self.genuine

    @property
    def ready(self) -> bool:
        """Whether enough of both classes was seen for a score to mean anything."""
        return self.frauds >= self._frauds_min and self.genuine >= self._genuine_min

    def learn_many(self, X: NDArray[np.float64], y: NDArray[np.bool_]) -> None:
        """Learn rows one after the other, in order; see `models.base.Learner`."""
        learn_one = self.model.learn_one
        for x, label in zip(self._dicts(X), y.tolist(), strict=True):
            learn_one(x, label)
        frauds = int(y.sum())
        self.frauds += frauds
        self.genuine += len(y) - frauds

    def predict_proba_many(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of fraud of each row, shape (n,)."""
        predict = self.model.predict_proba_one
        return np.array([predict(x).get(True, 0.0) for x in self._dicts(X)], np.float64)

    def contributions(self, x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Take one score apart.

        For the default pipeline each feature's part is its weight times its scaled
        value. A model of another kind is not taken apart: all of its log-odds are
        in the base.
        """
        row = next(self._dicts(x[np.newaxis]))
        return self._take_apart(row, self.feature_names)

    def _dicts(self, X: NDArray[np.float64]) -> Iterator[dict[str, float]]:
        """Yield River's dictionaries: unknown values are absent, wild ones clipped."""
        names = self.feature_names
        unknown = [np.flatnonzero(mask) for mask in np.isnan(X)]
        for i, row in enumerate(np.clip(X, -VALUE_MAX, VALUE_MAX).tolist()):
            x = dict(zip(names, row, strict=True))
            for absent in unknown[i]:
                del x[names[absent]]
            yield x


TakeApart = Callable[[dict[str, float], tuple[str, ...]], tuple[float, NDArray[np.float64]]]


def _take_apart(model: Any) -> TakeApart:
    """Choose how this model's scores are taken apart."""

    def whole(x: dict[str, float], names: tuple[str, ...]) -> tuple[float, NDArray[np.float64]]:
        p = min(max(model.predict_proba_one(x).get(True, 0.0), 1e-15), 1 - 1e-15)
        return math.log(p / (1 - p)), np.zeros(len(names))

    steps = list(model.steps.values()) if isinstance(model, compose.Pipeline) else []
    kinds = [type(step) for step in steps]
    if kinds != [preprocessing.StandardScaler, linear_model.LogisticRegression]:
        return whole
    scaler, regression = steps

    def linear(x: dict[str, float], names: tuple[str, ...]) -> tuple[float, NDArray[np.float64]]:
        scaled = scaler.transform_one(x)
        weights = regression.weights
        parts = [weights.get(name, 0.0) * scaled.get(name, 0.0) for name in names]
        return float(regression.intercept), np.array(parts, np.float64)

    return linear
