"""Rings: things with numbers that only grow, each in the place of its number.

An array of n rows holds number i in row i % n. What is kept of a ring is the rows of the
numbers that live, as two pieces in order: up to the end of the array, and from its
beginning on. Both are views.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import view
from models.states.snapshot import State
from stream.short_arrays import every

# Behind an array's name: the rows that lie from the beginning of the ring on.
WRAPPED = "/wrapped"

Pieces = tuple[NDArray[Any], NDArray[Any]]


def index_of(places: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Return what picks some places of an array: a slice where they follow one another.

    A slice is a view, and is written at once; places are looked up one by one.
    """
    n = len(places)
    if n and places[-1] - places[0] + 1 == n and (n == 1 or every(places[1:] - places[:-1] == 1)):
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def places_of(first: int, stop: int, length: int) -> slice | NDArray[np.int64]:
    """Return what picks the rows of the numbers from `first` up to `stop` of a ring."""
    start, n = first % length, stop - first
    if start + n <= length:
        return slice(start, start + n)
    return np.arange(first, stop) % length


def pieces(array: NDArray[Any], first: int, stop: int) -> Pieces:
    """View the rows of the numbers from `first` up to `stop`; at most as many as there are."""
    start = first % len(array)
    older = array[start : start + stop - first]
    return older, array[: stop - first - len(older)]


def ring_arrays(
    arrays: Mapping[str, NDArray[Any]], first: int, stop: int
) -> dict[str, NDArray[Any]]:
    """Return the living rows of some rings as arrays of a state."""
    found = {}
    for name, array in arrays.items():
        found[name], found[name + WRAPPED] = pieces(array, first, stop)
    return found


def ring_rows(
    state: State, arrays: Mapping[str, NDArray[Any]], first: int, stop: int
) -> dict[str, Pieces]:
    """Return what `ring_arrays` kept of rings like these, as views of the state.

    Raises
    ------
    SnapshotError
        One is missing, or of another type or shape.
    """
    found = {}
    for name, array in arrays.items():
        older, younger = (
            view(state, each, array.dtype, piece.shape, finite=False)
            for each, piece in zip((name, name + WRAPPED), pieces(array, first, stop), strict=True)
        )
        found[name] = older, younger
    return found


def put(array: NDArray[Any], first: int, rows: Pieces) -> None:
    """Write rows into a ring, the first of them as number `first`."""
    stop = first + sum(map(len, rows))
    for place, given in zip(pieces(array, first, stop), rows, strict=True):
        place[...] = given


def joined(rows: Pieces) -> NDArray[Any]:
    """Copy both pieces into one array."""
    return np.concatenate(rows)
