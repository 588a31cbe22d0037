"""Reading a state that may be damaged, or another model's: checked before anything is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.snapshot import State
from schemas.errors import SnapshotError


def check_header(
    state: State, kind: str, parameters: Mapping[str, Any], scalars: tuple[str, ...] = ()
) -> None:
    """Check that a state is one of such a model.

    Parameters
    ----------
    state : State
    kind : str
    parameters : mapping
        What the header must say: the restoring model's own parameters.
    scalars : tuple of str
        What the header says besides; see `scalar_of`.

    Raises
    ------
    SnapshotError
        Another kind, another parameter, one too many or too few.
    """
    if state.kind != kind:
        raise SnapshotError(f"kind is {state.kind!r}, this model restores {kind!r}")
    _check_names("header", state.header, {*parameters, *scalars})
    for name, ours in parameters.items():
        if state.header[name] != ours:
            raise SnapshotError(
                f"{kind}: {name} is {state.header[name]!r} in the state and {ours!r} in the model: "
                "build the model with the parameters it was saved with"
            )


def check_arrays(state: State, names: tuple[str, ...]) -> None:
    """Check that a state has these arrays and no parts; SnapshotError otherwise."""
    _check_names("arrays", state.arrays, set(names))
    _check_names("parts", state.parts, set())


def scalar_of(state: State, name: str, low: float, high: float) -> float:
    """Return a finite number of the header within [low, high]; SnapshotError otherwise."""
    value = state.header[name]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise SnapshotError(
            f"{state.kind}: {name} is {value!r}, not a finite number from {low} to {high}"
        )
    return float(value)


def array_of(
    state: State, name: str, width: int, low: float = -math.inf, high: float = math.inf
) -> NDArray[np.float64]:
    """Return a copy of a float64 array of shape (width,), finite and within [low, high].

    Raises
    ------
    SnapshotError
        Another type or shape, or a value outside the range.
    """
    array = state.arrays[name]
    found = f"{state.kind}: {name} is {getattr(array, 'dtype', None)} {np.shape(array)}"
    if not isinstance(array, np.ndarray) or array.dtype != np.float64 or array.shape != (width,):
        raise SnapshotError(f"{found}, not float64 ({width},)")
    wrong = ~(np.isfinite(array) & (array >= low) & (array <= high))
    if wrong.any():
        at = int(wrong.argmax())
        raise SnapshotError(
            f"{state.kind}: {name}[{at}] is {array[at]}, not a finite number from {low} to {high}"
        )
    return array.copy()


def _check_names(where: str, found: Mapping[str, Any], wanted: set[str]) -> None:
    if set(found) != wanted:
        raise SnapshotError(
            f"{where}: {sorted(set(found) ^ wanted)} missing from the state or unknown to the model"
        )
