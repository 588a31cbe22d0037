"""Which River estimators have a compiled form."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from models.dense.model import DenseClassifier, DenseDetector, DenseTransformer
from schemas.errors import ModelError

Names = tuple[str, ...]

# Package of River -> package of the compiled forms. Both are imported when an object of
# theirs is met: some of River's packages take a second.
_SCALERS = {"river.preprocessing": "models.scale"}
_MODELS = {
    "river.linear_model": "models.linear",
    "river.anomaly": "models.anomaly",
    "river.tree": "models.trees",
    "river.forest": "models.trees",
}
_RIVERS = {ours: river for river, ours in (_SCALERS | _MODELS).items()}
# These packages translate their own estimators: they have parameters of their own, or River
# has no such model.
_OWN_FORMS = ("models.trees", "models.additive")


def transformer_of(step: Any, width: int) -> DenseTransformer:
    """Return the compiled form of a transformer.

    Raises
    ------
    ModelError
        It has none; the text says what about it.
    TrainedModelError
        It has one, and has learned already.
    """
    step = _as_river(step)
    ours = _SCALERS.get(_package(step))
    if ours is None:
        raise _formless(step, "transformer", "StandardScaler, MinMaxScaler")
    return import_module(f"{ours}.translate").dense_of(step, width)


def model_of(step: Any, feature_names: Names) -> DenseClassifier | DenseDetector:
    """Return the compiled form of a classifier or an anomaly detector.

    Raises
    ------
    ModelError
        It has none; the text says what about it.
    TrainedModelError
        It has one, and has learned already.
    """
    step = _as_river(step)
    package = _package(step)
    ours = package if package in _OWN_FORMS else _MODELS.get(package)
    if ours is None:
        known = (
            "LogisticRegression, AdditiveLogisticRegression, HoeffdingTreeClassifier, "
            "ARFClassifier, HalfSpaceTrees"
        )
        raise _formless(step, "model", known)
    return import_module(f"{ours}.translate").dense_of(step, len(feature_names), feature_names)


def _as_river(step: Any) -> Any:
    """Return River's own object, untrained, for an estimator of this package.

    Raises
    ------
    TrainedModelError
        The estimator has learned already.
    """
    package = _package(step)
    if package not in _RIVERS or package in _OWN_FORMS:
        return step
    import_module(f"{package}.translate").refuse_trained(step)
    river = getattr(import_module(_RIVERS[package]), type(step).__name__)
    return river(**{name: getattr(step, name) for name in step._get_params()})


def _package(step: Any) -> str:
    """Return the first two names of where a class is defined."""
    return ".".join(type(step).__module__.split(".")[:2])


def _formless(step: Any, what: str, known: str) -> ModelError:
    kind = type(step)
    return ModelError(
        f"{kind.__module__}.{kind.__qualname__} is no {what} with a compiled form; these have "
        f"one: {known}"
    )
