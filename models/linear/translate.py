"""River's logistic regression as the compiled one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from river import linear_model, optim

from models.dense.untrained import named, require_class, trained
from models.linear import optimizers
from models.linear.logistic import DenseLogisticRegression
from schemas.errors import TrainedModelError


def dense_of(
    regression: Any, width: int, feature_names: Sequence[str] | None = None
) -> DenseLogisticRegression:
    """Return the compiled form of a River regression that has learned nothing yet.

    Parameters
    ----------
    regression : river.linear_model.LogisticRegression
        Of exactly this class: what a subclass changes cannot be seen.
    width : int
        Number of columns.
    feature_names : sequence of str, optional
        Of no effect: columns are as good in any order.

    Raises
    ------
    ModelError
        Another class, or a parameter that has no compiled form.
    TrainedModelError
        It or its optimizer has learned already.
    """
    require_class(
        regression,
        linear_model.LogisticRegression,
        instead="River's own linear_model.LogisticRegression",
    )
    refuse_trained(regression)
    with named(regression):
        return dense_from(regression, width)


def refuse_trained(regression: Any) -> None:
    """Raise TrainedModelError where a regression, River's or compiled, has learned."""
    if regression.weights or regression.intercept != regression.intercept_init:
        raise trained(regression, "learned weights")
    try:
        _refuse_used(regression.optimizer)
    except ValueError as why:
        raise TrainedModelError(f"LogisticRegression: {why}") from why


def dense_from(regression: Any, width: int) -> DenseLogisticRegression:
    """Return a compiled regression with the parameters that are `regression`'s attributes.

    Raises
    ------
    ValueError
        A parameter has no compiled form; the text names it and what has one.
    """
    loss, initializer = regression.loss, regression.initializer
    if type(loss) is not optim.losses.Log:
        raise ValueError(f"loss={_name(loss)} has no compiled form: use optim.losses.Log")
    if type(initializer) is not optim.initializers.Zeros:
        raise ValueError(
            f"initializer={_name(initializer)} has no compiled form: use optim.initializers.Zeros"
        )
    return DenseLogisticRegression(
        width,
        _optimizer_of(regression.optimizer),
        l2=regression.l2,
        l1=regression.l1,
        intercept_init=regression.intercept_init,
        intercept_lr=_constant("intercept_lr", regression.intercept_lr),
        clip_gradient=regression.clip_gradient,
        weight_pos=loss.weight_pos,
        weight_neg=loss.weight_neg,
    )


def _optimizer_of(given: Any) -> optimizers.Optimizer:
    _refuse_used(given)
    try:
        return _BUILD[type(given)](given)
    except KeyError:
        raise ValueError(
            f"optimizer={_name(given)} has no compiled form: "
            "use optim.SGD, optim.AdaGrad, optim.Adam or optim.FTRLProximal"
        ) from None


def _refuse_used(optimizer: Any) -> None:
    if isinstance(optimizer, optim.base.Optimizer) and optimizer.n_iterations:
        raise ValueError(
            f"optimizer={_name(optimizer)} has already taken {optimizer.n_iterations} steps: "
            "give a fresh one, for instance its clone()"
        )


# Exactly these classes: what a subclass changes cannot be seen.
_BUILD = {
    optim.SGD: lambda o: optimizers.sgd(_rate(o)),
    optim.AdaGrad: lambda o: optimizers.ada_grad(_rate(o), o.eps),
    optim.Adam: lambda o: optimizers.adam(_rate(o), o.beta_1, o.beta_2, o.eps),
    optim.FTRLProximal: lambda o: optimizers.ftrl(o.alpha, o.beta, o.l1, o.l2),
}


def _rate(optimizer: Any) -> Any:
    return _constant("the optimizer's lr", optimizer.lr)


def _constant(name: str, scheduler: Any) -> Any:
    if type(scheduler) is optim.schedulers.Constant:
        return scheduler.learning_rate
    if isinstance(scheduler, optim.base.Scheduler):
        raise ValueError(
            f"{name}={_name(scheduler)} has no compiled form: "
            "use a number or optim.schedulers.Constant"
        )
    return scheduler


def _name(value: Any) -> str:
    return type(value).__qualname__
