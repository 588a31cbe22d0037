"""Which of River's objects have a compiled form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from river import anomaly, forest, linear_model, preprocessing, tree

import models.anomaly.estimators as our_anomaly
import models.anomaly.translate as detectors
import models.linear.estimators as our_linear
import models.linear.translate as regressions
import models.scale.estimators as our_scale
import models.scale.translate as scalers
import models.trees.estimators as our_trees
import models.trees.translate as trees
from models.dense import DenseClassifier, DenseDetector, DenseTransformer
from schemas.errors import ModelError

Names = tuple[str, ...]
Model = DenseClassifier | DenseDetector


def _tree(model: Any, names: Names) -> Model:
    return trees.dense_of(model, len(names), names)


_SCALERS: Mapping[type, Callable[[Any, int], DenseTransformer]] = {
    preprocessing.StandardScaler: scalers.dense_of,
    preprocessing.MinMaxScaler: scalers.dense_of,
}
_MODELS: Mapping[type, Callable[[Any, Names], Model]] = {
    linear_model.LogisticRegression: lambda model, names: regressions.dense_of(model, len(names)),
    anomaly.HalfSpaceTrees: lambda model, names: detectors.dense_of(model, len(names), names),
    tree.HoeffdingTreeClassifier: _tree,
    forest.ARFClassifier: _tree,
    our_trees.HoeffdingTreeClassifier: _tree,
    our_trees.ARFClassifier: _tree,
}

# These estimators of this package have River's parameters, and no other.
_OURS: Mapping[type, type] = {
    our_scale.StandardScaler: preprocessing.StandardScaler,
    our_scale.MinMaxScaler: preprocessing.MinMaxScaler,
    our_linear.LogisticRegression: linear_model.LogisticRegression,
    our_anomaly.HalfSpaceTrees: anomaly.HalfSpaceTrees,
}


def transformer_of(step: Any, width: int) -> DenseTransformer:
    """Return the compiled form of a transformer.

    Raises
    ------
    ModelError
        It has none; the text says what about it.
    """
    step = _as_river(step)
    if type(step) not in _SCALERS:
        raise _formless(step, "transformer", _SCALERS)
    return _SCALERS[type(step)](step, width)


def model_of(step: Any, feature_names: Names) -> Model:
    """Return the compiled form of a classifier or an anomaly detector.

    Raises
    ------
    ModelError
        It has none; the text says what about it.
    """
    step = _as_river(step)
    if type(step) not in _MODELS:
        raise _formless(step, "model", _MODELS)
    return _MODELS[type(step)](step, feature_names)


def _as_river(step: Any) -> Any:
    """Return River's own object for an estimator of this package."""
    river = _OURS.get(type(step))
    if river is None:
        return step
    return river(**{name: getattr(step, name) for name in step._get_params()})


def _formless(step: Any, what: str, known: Mapping[type, Any]) -> ModelError:
    kind = type(step)
    names = ", ".join(dict.fromkeys(each.__name__ for each in known))
    return ModelError(
        f"{kind.__module__}.{kind.__qualname__} is no {what} with a compiled form; these have "
        f"one: {names}"
    )
