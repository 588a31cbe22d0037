"""From the configuration to a learner."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from models.base import Learner
from models.blend import Blend
from models.compiler import compile as compile_model
from models.feedback_delayed import FeedbackAndDelayed
from models.onnx.learner import TrainedLearner
from models.onnx.model import BYTES_MAX
from models.sampling import SampledLearner
from schemas.errors import ConfigError
from stream.config.model import ChallengerSection, LearnerSection

Names = tuple[str, ...]


class _SourceError(Exception):
    """A source leads to no model; `learner_of` adds the key that has it."""


def learner_of(section: LearnerSection, names: Names, place: str = "model") -> Learner:
    """Build a configured model, untrained.

    Parameters
    ----------
    section : LearnerSection
    names : tuple of str
        Of the features, in the order of the matrix's columns.
    place : str
        The section's own name, for texts of errors.

    Raises
    ------
    ConfigError
        The source of a model leads nowhere.
    ModelError
        What is there is no model, or not one of these features.
    """
    try:
        if section.feedback == "mixed":
            return _on_one_clock(section, names)
        # Analysts see as many frauds as genuine payments, or nearly.
        few = section.model_copy(update={"genuine_min": section.frauds_min})
        feedback, delayed = _on_one_clock(few, names), _on_one_clock(section, names)
        return FeedbackAndDelayed(feedback, delayed, section.feedback_share)
    except _SourceError as error:
        raise ConfigError(f"{place}.source: {error}") from error.__cause__


def _on_one_clock(section: LearnerSection, names: Names) -> Learner:
    if section.kind == "blend":
        return Blend({str(kind): _BUILD[kind](section, names) for kind in section.members})
    return _BUILD[section.kind](section, names)


def challenger_of(section: ChallengerSection, names: Names, name: str) -> Learner:
    """Build the challenger of that name, untrained; see `learner_of`."""
    learner = learner_of(section, names, f"model.challengers.{name}")
    return learner if section.sample == 1 else SampledLearner(learner, section.sample)


def _compiled(model: Any, section: LearnerSection, names: Names) -> Learner:
    return compile_model(model, names, section.frauds_min, section.genuine_min)


def _logistic(section: LearnerSection, names: Names) -> Learner:
    from models.linear.estimators import LogisticRegression
    from models.scale.estimators import StandardScaler

    return _compiled(StandardScaler() | LogisticRegression(), section, names)


def _additive(section: LearnerSection, names: Names) -> Learner:
    from models.additive.estimators import AdditiveLogisticRegression

    return _compiled(AdditiveLogisticRegression(), section, names)


def _forest(section: LearnerSection, names: Names) -> Learner:
    from river import drift

    from models.trees.estimators import ARFClassifier

    # With none given the forest has River's own, ADWIN.
    no_drift: Any = drift.NoDrift
    detectors = () if section.drift else ("drift_detector", "warning_detector")
    forest = ARFClassifier(
        n_models=section.trees,
        max_features=None if section.max_features == "all" else section.max_features,
        seed=section.seed,
        **{name: no_drift() for name in detectors},
    )
    return _compiled(forest, section, names)


def _river(section: LearnerSection, names: Names) -> Learner:
    model = _named(section.source)
    if isinstance(model, type) or not hasattr(model, "learn_one"):
        try:
            model = model()
        except Exception as error:
            text = f"{section.source} gives no model: {type(error).__name__}: {error}"
            raise _SourceError(text) from error
    return _compiled(model, section, names)


def _onnx(section: LearnerSection, names: Names) -> Learner:
    try:
        with Path(section.source).open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise _SourceError(f"{section.source} cannot be read: {error.strerror}") from error
    return TrainedLearner(data, names, unknown_value=section.unknown_value)


_BUILD: dict[str, Callable[[LearnerSection, Names], Learner]] = {
    "logistic": _logistic,
    "additive": _additive,
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
        raise _SourceError(f"{place} has no {name!r}") from error


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        text = f"{name} cannot be imported: {type(error).__name__}: {error}"
        raise _SourceError(text) from error


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise _SourceError(f"there is no file {path}")
    # Files of the same name in two folders are two modules.
    digest = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    spec = importlib.util.spec_from_file_location(f"fraudstream_model_{path.stem}_{digest}", path)
    if spec is None or spec.loader is None:
        raise _SourceError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Its classes look for their module by name.
    sys.modules[module.__name__] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(module.__name__, None)
        raise _SourceError(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    return module
