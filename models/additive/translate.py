"""The additive estimator as the model that it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.additive import estimators
from models.additive.additive import AdditiveLogistic
from schemas.errors import ModelError, TrainedModelError


def dense_of(
    model: Any, width: int, feature_names: Sequence[str] | None = None
) -> AdditiveLogistic:
    """Return the model of an estimator that has learned nothing yet.

    Parameters
    ----------
    model : models.additive.estimators.AdditiveLogisticRegression
        Of exactly this class: what a subclass changes cannot be seen.
    width : int
        Number of columns.
    feature_names : sequence of str, optional
        Of no effect: columns are as good in any order.

    Raises
    ------
    ModelError
        Another class, or more columns than it can have.
    TrainedModelError
        It has learned already.
    """
    kind = type(model)
    if kind is not estimators.AdditiveLogisticRegression:
        raise ModelError(
            f"{kind.__module__}.{kind.__qualname__} has no compiled form here: "
            "use models.additive.estimators.AdditiveLogisticRegression"
        )
    if model.n_learned:
        raise TrainedModelError(
            f"{kind.__name__} has already learned {model.n_learned} rows, which would be lost: "
            "give a fresh one, for instance its clone()"
        )
    try:
        return AdditiveLogistic(width, model.lr)
    except ValueError as why:
        raise ModelError(f"{kind.__name__}: {why}") from why
