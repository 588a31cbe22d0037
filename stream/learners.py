"""From the configuration to a learner."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from models.base import Learner
from models.blend import Blend
from models.compiler import compile as compile_model
from models.onnx_model import BYTES_MAX
from models.sampling import SampledLearner
from models.trained import TrainedLearner
from schemas.errors import ConfigError
from stream.sections import ChallengerSection, LearnerSection

Names = tuple[str, ...]


def learner_of(section: LearnerSection, names: Names) -> Learner:
    """Build a configured model, untrained.

    Parameters
    ----------
    section : LearnerSection
    names : tuple of str
        Of the features, in the order of the matrix's columns.

    Raises
    ------
    ConfigError
        The place of a model leads nowhere.
    ModelError
        What is there is no model, or not one of these features.
    """
    if section.kind == "blend":
        return Blend({str(kind): _BUILD[kind](section, names) for kind in section.members})
    return _BUILD[section.kind](section, names)


def challenger_of(section: ChallengerSection, names: Names) -> Learner:
    """Build a challenger, untrained; see `learner_of`."""
    learner = learner_of(section, names)
    return learner if section.sample == 1 else SampledLearner(learner, section.sample)


def _compiled(model: Any, section: LearnerSection, names: Names) -> Learner:
    return compile_model(model, names, section.frauds_min, section.genuine_min)


def _logistic(section: LearnerSection, names: Names) -> Learner:
    from models.linear.estimators import LogisticRegression
    from models.scale.estimators import StandardScaler

    return _compiled(StandardScaler() | LogisticRegression(), section, names)


def _forest(section: LearnerSection, names: Names) -> Learner:
    from river import drift

    from models.trees.estimators import ARFClassifier

    no_drift: Any = drift.NoDrift
    # Every leaf looks at all features, and no tree is planted anew: the detectors watch the
    # error rate, which moves little where one payment in a hundred is fraud.
    forest = ARFClassifier(
        n_models=section.trees,
        max_features=None,
        drift_detector=no_drift(),
        warning_detector=no_drift(),
        seed=section.seed,
    )
    return _compiled(forest, section, names)


def _river(section: LearnerSection, names: Names) -> Learner:
    model = _named(section.source)
    if isinstance(model, type) or not hasattr(model, "learn_one"):
        try:
            model = model()
        except Exception as error:
            raise ConfigError(
                f"model.source: {section.source} gives no model: {type(error).__name__}: {error}"
            ) from error
    return _compiled(model, section, names)


def _onnx(section: LearnerSection, names: Names) -> Learner:
    try:
        with Path(section.source).open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(
            f"model.source: {section.source} cannot be read: {error.strerror}"
        ) from error
    return TrainedLearner(data, names, unknown_value=section.unknown_value)


_BUILD: dict[str, Callable[[LearnerSection, Names], Learner]] = {
    "logistic": _logistic,
    "forest": _forest,
    "river": _river,
    "onnx": _onnx,
}


def _named(source: str) -> Any:
    """Return what ``file.py:name`` or ``package.module:name`` names."""
    place, _, name = source.rpartition(":")
    module = _file(Path(place)) if place.endswith(".py") else _module(place)
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise ConfigError(f"model.source: {place} has no {name!r}") from error


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"model.source: {name} cannot be imported: {error}") from error


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"model.source: there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"fraudstream_model_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"model.source: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Its classes look for their module by name.
    sys.modules[module.__name__] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(
            f"model.source: {path} cannot be run: {type(error).__name__}: {error}"
        ) from error
    return module
