"""Questions to a state before anything is taken from it.

Kernels do not check their indices, so an array that steers one is checked here, once.
Every question raises `schemas.errors.SnapshotError` that names what is wrong, and the
model that asked is still what it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from models.states.snapshot import State
from schemas.errors import SnapshotError


def require_kind(state: State, kind: str) -> None:
    """Refuse a state of another model or of another format."""
    if state.kind != kind:
        raise SnapshotError(f"the state is one of {state.kind!r}, and this model takes {kind!r}")


def require_header(state: State, expected: Mapping[str, Any]) -> None:
    """Refuse a state whose parameters are not the model's own."""
    for name, value in expected.items():
        found = state.header.get(name)
        if type(found) is not type(value) or found != value:
            raise SnapshotError(
                f"{state.kind}: {name} is {found!r} in the state and {value!r} in the model: "
                f"build the model with {name}={found!r}"
            )


def require_same(state: State, name: str, own: Any) -> None:
    """Refuse a state that was kept under another configuration, and name what differs.

    Parameters
    ----------
    state : State
    name : str
        In the header; what lies there may be made of lists and dictionaries.
    own : object
        What lies there if the configuration is the same.
    """
    differs = _difference(name, state.header.get(name), own)
    if differs is not None:
        raise SnapshotError(
            f"{state.kind}: {differs}: start with the configuration under which the state "
            "was kept, or without the state"
        )


def _difference(path: str, found: Any, own: Any) -> str | None:
    """Say where two values differ first; None where they do not."""
    if type(found) is dict and type(own) is dict and found.keys() == own.keys():
        pairs = [(f"{path}.{key}", found[key], own[key]) for key in own]
    elif type(found) is list and type(own) is list and len(found) == len(own):
        pairs = [(f"{path}[{at}]", found[at], own[at]) for at in range(len(own))]
    elif type(found) is type(own) and found == own:
        return None
    else:
        return f"{path} is {_short(found)} in the state and {_short(own)} here"
    return next(filter(None, (_difference(*pair) for pair in pairs)), None)


def _short(value: Any) -> str:
    if isinstance(value, list | dict):
        names = ", ".join(map(str, value))
        return f"{len(value)} of ({names if len(names) <= 60 else names[:60] + '...'})"
    return repr(value)


def count(state: State, name: str, low: int, high: int) -> int:
    """Return a whole number of the header that must be from `low` to `high`."""
    found = state.header.get(name)
    if type(found) is not int or not low <= found <= high:
        raise SnapshotError(f"{state.kind}: {name} is {found!r}, not a number from {low} to {high}")
    return found


def numbers(state: State, limits: Mapping[str, tuple[float, float]]) -> NDArray[np.float64]:
    """Return finite numbers of the header, in the order of their limits.

    Parameters
    ----------
    limits : mapping of str to (float, float)
        The least and the greatest that each can be; infinite: any finite number.
    """
    found = [state.header.get(name) for name in limits]
    for (name, (low, high)), value in zip(limits.items(), found, strict=True):
        is_number = type(value) is float and math.isfinite(value) and low <= value <= high
        require(state, is_number, f"{name} is {value!r}, which it cannot be")
    return np.array(found)


def names(state: State, name: str, at: int | None = None) -> list[str]:
    """Return a list of different names of the header, or number `at` of several such lists."""
    found = state.header.get(name)
    if at is not None and isinstance(found, list):
        found = found[at]
    if not isinstance(found, list) or not all(type(each) is str for each in found):
        raise SnapshotError(f"{state.kind}: {name} is no list of names")
    if len(set(found)) != len(found):
        raise SnapshotError(f"{state.kind}: a name stands twice in {name}")
    return list(found)


def array(
    state: State, name: str, dtype: DTypeLike, shape: tuple[int, ...], finite: bool = True
) -> NDArray[Any]:
    """Return a copy of an array that must have this dtype and shape.

    Parameters
    ----------
    finite : bool
        Refuse NaN and infinity.
    """
    return np.array(view(state, name, dtype, shape, finite), order="C")


def view(
    state: State, name: str, dtype: DTypeLike, shape: tuple[int, ...], finite: bool = True
) -> NDArray[Any]:
    """Return an array as `array` does, but the state's own: to be read only."""
    found = state.arrays.get(name)
    if found is None:
        raise SnapshotError(f"{state.kind}: the array {name!r} is missing")
    if found.dtype != np.dtype(dtype) or found.shape != shape:
        raise SnapshotError(
            f"{state.kind}: {name} is {found.dtype} of shape {found.shape}, "
            f"not {np.dtype(dtype)} of shape {shape}"
        )
    if finite and found.dtype.kind == "f" and not np.isfinite(found).all():
        raise SnapshotError(f"{state.kind}: {name} holds a value that is not finite")
    return found


def require_within(state: State, name: str, values: NDArray[Any], low: Any, high: Any) -> None:
    """Refuse values outside of [low, high]; both may be arrays."""
    wrong = ~((values >= low) & (values <= high))
    if wrong.any():
        raise SnapshotError(f"{state.kind}: {name} holds {values[wrong][0]}, which is out of range")


def require(state: State, holds: bool, what: str) -> None:
    """Refuse a state that contradicts itself."""
    if not holds:
        raise SnapshotError(f"{state.kind}: {what}")
