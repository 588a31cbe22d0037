"""What River's logistic regression and its optimizers have learned, as arrays and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from river import linear_model, optim, utils

from models.river.classes import (
    Arrays,
    Form,
    Header,
    childless,
    described,
    merged,
    numbers_from,
    numbers_of,
)
from models.states.restoring import array, count, require
from models.states.snapshot import State
from schemas.errors import ModelError

# Of each optimizer: the dictionaries that it keeps, one number a feature.
_OPTIMIZERS: dict[type, tuple[str, ...]] = {
    optim.SGD: (),
    optim.Adam: ("m", "v"),
    optim.AdaGrad: ("g2",),
    optim.FTRLProximal: ("z", "n"),
}
_INITIALIZERS = (optim.initializers.Zeros, optim.initializers.Constant)


def _regression_learned(model: Any) -> tuple[Header, Arrays]:
    if type(model.initializer) not in _INITIALIZERS:
        name = type(model.initializer).__name__
        raise ModelError(f"the initializer {name} has no state of its own")
    found = [numbers_of("weights", model._weights)]
    scalars = {"intercept": np.array(model.intercept, np.float64)}
    if model.l1 != 0:
        found.append(numbers_of("cum_l1", model.cum_l1))
        scalars["max_cum_l1"] = np.array(model.max_cum_l1, np.float64)
    return merged(*found, ({}, scalars))


def _regression_planned(model: Any, state: State) -> Callable[[], None]:
    weights: Any = utils.VectorDict(numbers_from(state, "weights"))
    intercept = array(state, "intercept", np.float64, (), finite=False).item()
    penalties: dict[str, Any] = {}
    if model.l1 != 0:
        cumulated = numbers_from(state, "cum_l1")
        penalties["cum_l1"] = utils.VectorDict(cumulated, optim.initializers.Zeros())
        penalties["max_cum_l1"] = array(state, "max_cum_l1", np.float64, (), finite=False).item()

    def put() -> None:
        model._weights, model.intercept = weights, intercept
        vars(model).update(penalties)

    return put


def _optimizer_learned(optimizer: Any) -> tuple[Header, Arrays]:
    header: Header = {"n_iterations": int(optimizer.n_iterations), "forms": {}}
    arrays: Arrays = {}
    for name in _OPTIMIZERS[type(optimizer)]:
        values = getattr(optimizer, name)
        # Adam keeps nothing before its first step, then what the weights are kept in.
        form = _CONTAINERS.get(type(values))
        if form is None:
            raise ModelError(f"{name} is a {type(values).__name__}, which has no names")
        header["forms"][name] = form
        more_header, more_arrays = numbers_of(name, values or {})
        header |= more_header
        arrays |= more_arrays
    return header, arrays


_CONTAINERS = {type(None): "none", defaultdict: "dict", utils.VectorDict: "vector"}


def _optimizer_planned(optimizer: Any, state: State) -> Callable[[], None]:
    kept: dict[str, Any] = {"n_iterations": count(state, "n_iterations", 0, 2**62)}
    forms = state.header.get("forms")
    wanted = set(_OPTIMIZERS[type(optimizer)])
    require(state, isinstance(forms, dict) and set(forms) == wanted, f"forms are {forms!r}")
    for name in wanted:
        form, values = state.header["forms"][name], numbers_from(state, name)
        require(state, form in _CONTAINERS.values(), f"the form of {name} is {form!r}")
        require(state, form != "none" or not values, f"{name} has no form and is not empty")
        if form == "none":
            kept[name] = None
        else:
            kept[name] = (
                utils.VectorDict(values) if form == "vector" else defaultdict(float, values)
            )

    def put() -> None:
        vars(optimizer).update(kept)

    return put


REGRESSION_FORMS: dict[type, Form] = {
    linear_model.LogisticRegression: Form(
        "river_logistic_regression/1",
        described,
        lambda model: {"optimizer": model.optimizer},
        _regression_learned,
        _regression_planned,
    ),
    **{
        kind: Form(name, described, childless, _optimizer_learned, _optimizer_planned)
        for kind, name in (
            (optim.SGD, "river_sgd/1"),
            (optim.Adam, "river_adam/1"),
            (optim.AdaGrad, "river_ada_grad/1"),
            (optim.FTRLProximal, "river_ftrl_proximal/1"),
        )
    },
}
