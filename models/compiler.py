"""From a River pipeline to the fastest learner that gives the same scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from river import compose

from models.base import Learner
from models.compiled import CompiledLearner
from models.forms import model_of, transformer_of
from models.readiness import FRAUDS_MIN, GENUINE_MIN
from models.river.adapter import RiverLearner
from schemas.errors import ModelError, TrainedModelError


class UncompiledWarning(UserWarning):
    """A model runs as River's own object, over dictionaries, because it has no compiled form."""


@dataclass(frozen=True)
class Built:
    """A learner, and how it came to be.

    Attributes
    ----------
    learner : Learner
    uncompiled : str
        Why it is River's own object; "" where it is compiled.
    """

    learner: Learner
    uncompiled: str = ""


def compile(  # noqa: A001 - the name that users know from elsewhere, `models.compile`
    model: Any,
    feature_names: tuple[str, ...],
    frauds_min: int = FRAUDS_MIN,
    genuine_min: int = GENUINE_MIN,
) -> Learner:
    """Return a learner for a River model: compiled where all of it has a compiled form.

    Where some of it has none, River's own object is run through `RiverLearner`, and an
    `UncompiledWarning` says why.

    Parameters
    ----------
    model : river.base.Classifier or river.base.AnomalyDetector
        Or a pipeline that ends in one, untrained: what it has learned is not taken over. It
        stays as it is.
    feature_names : tuple of str
        Names of the columns of the matrices that it will be given.
    frauds_min, genuine_min : int
        Labels of each class before it is `ready`.

    Raises
    ------
    schemas.errors.ModelError
        It gives neither probabilities nor scores.
    schemas.errors.TrainedModelError
        Some of it has learned already. That is seen of whatever has a compiled form; of
        anything else a fresh clone is run.
    """
    built = build(model, feature_names, frauds_min, genuine_min)
    if built.uncompiled:
        warnings.warn(built.uncompiled, UncompiledWarning, stacklevel=2)
    return built.learner


def build(
    model: Any,
    feature_names: tuple[str, ...],
    frauds_min: int = FRAUDS_MIN,
    genuine_min: int = GENUINE_MIN,
) -> Built:
    """Do what `compile` does, and return the warning instead of giving it."""
    *scalers, last = _steps(model) or [model]
    width = len(feature_names)
    # Every step is asked, also behind one without a form: it may have learned already.
    transformers = [_form(transformer_of, step, width) for step in scalers]
    compiled = _form(model_of, last, feature_names)
    reasons = [why for why in (*transformers, compiled) if isinstance(why, ModelError)]
    if reasons:
        learner = RiverLearner(model, feature_names, frauds_min, genuine_min)
        return Built(learner, f"River's own objects will run, over dictionaries: {reasons[0]}")
    return Built(CompiledLearner(feature_names, transformers, compiled, frauds_min, genuine_min))


def _form(of: Callable[[Any, Any], Any], step: Any, about: Any) -> Any:
    """Return a step's compiled form, or why there is none; TrainedModelError is raised."""
    try:
        return of(step, about)
    except TrainedModelError:
        raise
    except ModelError as why:
        return why


def _steps(model: Any) -> list[Any]:
    """Return the steps of a pipeline, of those in it too; none of anything else."""
    return list(_flat(model)) if isinstance(model, compose.Pipeline) else []


def _flat(model: Any) -> Iterator[Any]:
    if isinstance(model, compose.Pipeline):
        for step in model.steps.values():
            yield from _flat(step)
    else:
        yield model
