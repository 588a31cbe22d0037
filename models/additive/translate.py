"""The additive estimator as the model that it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.additive import estimators
from models.additive.additive import AdditiveLogistic
from models.dense.untrained import named, require_class, trained


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
    require_class(
        model,
        estimators.AdditiveLogisticRegression,
        instead="models.additive.estimators.AdditiveLogisticRegression",
    )
    if model.n_learned:
        raise trained(model, f"learned {model.n_learned} rows")
    with named(model):
        return AdditiveLogistic(width, model.lr)
