"""From a River pipeline to the fastest learner that gives the same scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
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
    # A pipeline without steps is a model without a form.
    *scalers, last = list(_flat(model)) or [model]
    width = len(feature_names)
    # Every step is asked, also behind one without a form: it may have learned already.
    transformers = [_form(transformer_of, step, width) for step in scalers]
    compiled = _form(model_of, last, feature_names)
    reasons = [why for why in (*transformers, compiled) if isinstance(why, ModelError)]
    if reasons:
        learner = RiverLearner(model, feature_names, frauds_min, genuine_min)
        why = f"River's own objects will run, over dictionaries: {reasons[0]}"
        warnings.warn(why, UncompiledWarning, stacklevel=2)
        return learner
    return CompiledLearner(feature_names, transformers, compiled, frauds_min, genuine_min)


def _form(of: Callable[[Any, Any], Any], step: Any, about: Any) -> Any:
    """Return a step's compiled form, or why there is none; TrainedModelError is raised."""
    try:
        return of(step, about)
    except TrainedModelError:
        raise
    except ModelError as why:
        return why


def _flat(model: Any) -> Iterator[Any]:
    """Yield the steps of a pipeline, and of those in it; anything else is its own step."""
    if isinstance(model, compose.Pipeline):
        for step in model.steps.values():
            yield from _flat(step)
    else:
        yield model
