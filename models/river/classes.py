"""What River's classes have learned, class by class, as names, numbers and arrays.

A form says of one class what its objects have learned and how to put it into another
object. It reads nothing else: caches and settings stay what they are.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river import compose, naive_bayes, preprocessing, stats

from models.states.restoring import array, names, require, require_within
from models.states.snapshot import State
from schemas.errors import ModelError

Header = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


class Form(NamedTuple):
    """How the objects of one class become a state and are put back.

    Attributes
    ----------
    kind : str
    parameters : callable
        Of an object: what it was built with, as a header takes it.
    children : callable
        Of an object: the objects with states of their own that it is made of.
    learned : callable
        Of an object: header and arrays of what it has learned.
    planned : callable
        Of an object and a state: checks the state, and returns what puts it into the
        object, which cannot fail.
    """

    kind: str
    parameters: Callable[[Any], Header]
    children: Callable[[Any], Mapping[str, Any]]
    learned: Callable[[Any], tuple[Header, Arrays]]
    planned: Callable[[Any, State], Callable[[], None]]


def described(model: Any) -> Header:
    """Return the parameters that a River object was built with, those of its parts included."""
    return {name: _plain(value, name) for name, value in model._get_params().items()}


def childless(_: Any) -> Mapping[str, Any]:
    """Return no parts."""
    return {}


def numbers_of(name: str, values: Mapping[Any, Any]) -> tuple[Header, Arrays]:
    """Return a dictionary of numbers, its order kept: names in the header, numbers as an array."""
    keys = list(values)
    if not all(type(key) is str for key in keys):
        wrong = next(key for key in keys if type(key) is not str)
        raise ModelError(f"the feature {wrong!r} has a name that is no text: rename it to text")
    # Not items(): dictionaries of River's own kind have numbers as values only.
    return {name: keys}, {name: np.array([values[key] for key in keys], np.float64)}


def numbers_from(state: State, name: str) -> dict[str, float]:
    """Return a dictionary of numbers of a state."""
    keys = names(state, name)
    values = array(state, name, np.float64, (len(keys),), finite=False)
    return dict(zip(keys, values.tolist(), strict=True))


def merged(*found: tuple[Header, Arrays]) -> tuple[Header, Arrays]:
    """Return several headers and arrays as one of each."""
    header: Header = {}
    arrays: Arrays = {}
    for more_header, more_arrays in found:
        header |= more_header
        arrays |= more_arrays
    return header, arrays


def _plain(value: Any, path: str) -> Any:
    """Return a parameter as a header takes it."""
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        # Whole and finite or not: as text it is always the same.
        return repr(value)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], type):
        inner = {name: _plain(each, f"{path}.{name}") for name, each in value[1].items()}
        return {"class": f"{value[0].__module__}.{value[0].__qualname__}", "parameters": inner}
    raise ModelError(f"the parameter {path} is {value!r}, which has no state of its own")


# Scalers


def _scaler_learned(scaler: Any) -> tuple[Header, Arrays]:
    _refuse_window(scaler)
    return merged(
        *(numbers_of(name, getattr(scaler, name)) for name in ("counts", "means", "vars"))
    )


def _scaler_planned(scaler: Any, state: State) -> Callable[[], None]:
    _refuse_window(scaler)
    found, means, variances = (numbers_from(state, name) for name in ("counts", "means", "vars"))
    whole = all(each >= 0 and each.is_integer() for each in found.values())
    require(state, whole, "counts holds what is no whole number from 0 on")
    counts = Counter({name: int(each) for name, each in found.items()})

    def put() -> None:
        scaler.counts = counts
        scaler.means = defaultdict(float, means)
        scaler.vars = defaultdict(float, variances)

    return put


def _min_max_learned(scaler: Any) -> tuple[Header, Arrays]:
    _refuse_window(scaler)
    lows = {name: each.min for name, each in scaler.min.items()}
    highs = {name: each.max for name, each in scaler.max.items()}
    return merged(numbers_of("min", lows), numbers_of("max", highs))


def _min_max_planned(scaler: Any, state: State) -> Callable[[], None]:
    _refuse_window(scaler)
    lows, highs = numbers_from(state, "min"), numbers_from(state, "max")

    def put() -> None:
        scaler.min, scaler.max = defaultdict(stats.Min), defaultdict(stats.Max)
        for name, low in lows.items():
            scaler.min[name].min = low
        for name, high in highs.items():
            scaler.max[name].max = high

    return put


def _refuse_window(scaler: Any) -> None:
    if scaler.window_size is not None:
        raise ModelError(
            f"window_size is {scaler.window_size}, and a window has no state of its own"
        )


# Naive Bayes


def _bayes_learned(model: Any) -> tuple[Header, Arrays]:
    labels = list(model.class_counts)
    for label in labels:
        if type(label) not in (bool, int, str):
            raise ModelError(f"the label {label!r} is neither bool, int nor str")
    features: list[list[str]] = []
    moments: list[tuple[float, float, float]] = []
    for label in labels:
        gaussians = model.gaussians.get(label, {})
        features.append(numbers_of("features", dict.fromkeys(gaussians, 0.0))[0]["features"])
        for gaussian in gaussians.values():
            moments.append((gaussian._var.mean.n, gaussian._var.mean._mean, gaussian._var._S))
    counts = [model.class_counts[label] for label in labels]
    return (
        {"labels": labels, "features": features},
        {
            "class_counts": np.array(counts, np.int64),
            # Of each label's features in turn: weight, mean, sum of squared deviations.
            "moments": np.array(moments, np.float64).reshape(-1, 3),
        },
    )


def _bayes_planned(model: Any, state: State) -> Callable[[], None]:
    labels, features = state.header.get("labels"), state.header.get("features")
    require(
        state,
        isinstance(labels, list)
        and all(type(label) in (bool, int, str) for label in labels)
        and isinstance(features, list)
        and len(features) == len(labels) == len(set(labels)),
        "labels and features do not fit together",
    )
    known = [names(state, "features", at) for at in range(len(state.header["labels"]))]
    counts = array(state, "class_counts", np.int64, (len(known),))
    require_within(state, "class_counts", counts, 0, 2**62)
    moments = array(state, "moments", np.float64, (sum(map(len, known)), 3), finite=False)

    def put() -> None:
        model.class_counts = Counter(
            dict(zip(state.header["labels"], counts.tolist(), strict=True))
        )
        model.gaussians = defaultdict(functools.partial(defaultdict, model._make_gaussian))
        rows = iter(moments.tolist())
        for label, of_label in zip(state.header["labels"], known, strict=True):
            for name in of_label:
                variable = model.gaussians[label][name]._var
                variable.mean.n, variable.mean._mean, variable._S = next(rows)

    return put


# Pipelines


def _steps(pipeline: Any) -> Header:
    return {"steps": list(map(str, pipeline.steps))}


def _nothing_learned(_: Any) -> tuple[Header, Arrays]:
    return {}, {}


def _nothing_planned(_: Any, __: State) -> Callable[[], None]:
    return lambda: None


FORMS: dict[type, Form] = {
    compose.Pipeline: Form(
        "river_pipeline/1",
        _steps,
        lambda pipeline: {str(name): step for name, step in pipeline.steps.items()},
        _nothing_learned,
        _nothing_planned,
    ),
    preprocessing.StandardScaler: Form(
        "river_standard_scaler/1", described, childless, _scaler_learned, _scaler_planned
    ),
    preprocessing.MinMaxScaler: Form(
        "river_min_max_scaler/1", described, childless, _min_max_learned, _min_max_planned
    ),
    naive_bayes.GaussianNB: Form(
        "river_gaussian_nb/1", described, childless, _bayes_learned, _bayes_planned
    ),
}
