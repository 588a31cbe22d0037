"""The state of a learner: parameters, named arrays and the states of its parts; and its bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.states.packing import Envelope, aligned, unseal
from schemas.errors import SnapshotError

DEPTH_MAX = 16

_INTEGERS = (f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_DTYPES = {
    name: np.dtype(name).newbyteorder("<") for name in ("bool", "float32", "float64", *_INTEGERS)
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
# A shape that no memory holds, in an array without elements too.
_SIZE_MAX = 2**48
_DIMENSIONS_MAX = 8


@dataclass(frozen=True)
class State:
    """What a learner is at one moment.

    Attributes
    ----------
    kind : str
        Name of the model and number of its format: "logistic_regression/1".
    header : mapping
        Parameters and single numbers: None, bool, int, float, str, and lists and
        dictionaries of them.
    arrays : mapping of str to ndarray
    parts : mapping of str to State
        The learners and transformers that it is made of.
    """

    kind: str
    header: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    parts: Mapping[str, State] = field(default_factory=dict)


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Where an array lies, from the first one on, and what its bytes mean."""

    dtype: str
    shape: list[int]
    offset: int


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    """A state without the contents of its arrays."""

    kind: str
    header: dict[str, Any]
    arrays: dict[str, _Place]
    parts: dict[str, _Table]


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(_Table)


def pack(state: State, key: bytes | None = None) -> bytes:
    """Return a state as bytes: equal states are equal bytes, on every machine.

    Parameters
    ----------
    state : State
    key : bytes, optional
        A secret of at least 16 bytes; only who has it can make bytes that `unpack` takes
        with it.

    Raises
    ------
    ValueError
        The state holds what has no bytes: objects, text in arrays, NaN in a header, whole
        numbers beyond 64 bits.
    """
    return envelope_of(state, key).to_bytes()


def envelope_of(state: State, key: bytes | None = None) -> Envelope:
    """Return the bytes of `pack` yet to be written: for states that memory holds only once.

    Arrays that are contiguous and little-endian are not copied, and must not change until then.
    """
    arrays: list[NDArray[Any]] = []
    table = _table_of(state, arrays, _Cursor(), "state", DEPTH_MAX)
    try:
        header = _encoder.encode(table)
    except UnicodeEncodeError as why:
        raise ValueError(f"the state holds text that is no Unicode: {why.reason}") from why
    return Envelope(header, arrays, key)


def unpack(
    data: bytes | bytearray | memoryview, key: bytes | None = None, copy: bool = True
) -> State:
    """Return the state that `pack` was given; all arrays are copies, and writable.

    Nothing is read before the digest was found to be that of the bytes, nothing is
    allocated before its size was found to be there, and nothing is ever run: bytes that
    are not a state cannot become one. Whether the state is one of a certain model is
    that model's to check.

    Parameters
    ----------
    data : bytes-like
    key : bytes, optional
    copy : bool
        False lets arrays be views of the bytes, which must then neither change nor go.

    Raises
    ------
    SnapshotError
        The bytes are damaged, cut short, of another format, or not of this key.
    """
    header, arrays = unseal(memoryview(data).cast("B"), key)
    try:
        table = _decoder.decode(header)
    except (msgspec.MsgspecError, RecursionError, ValueError) as why:
        raise SnapshotError(f"the state's header cannot be read: {why}") from why
    cursor = _Cursor()
    state = _state_of(table, _Payload(arrays, copy), cursor, "state", DEPTH_MAX)
    if cursor.at != len(arrays):
        raise SnapshotError(f"the state has {len(arrays) - cursor.at} bytes that are no array's")
    # There is one way to write a state: what reads differently than it was written, such
    # as a name that stands twice, was not written by `pack`.
    if _encoder.encode(table) != bytes(header):
        raise SnapshotError("the state's header is not as it would have been written")
    return state


class _Payload(NamedTuple):
    """The bytes of all arrays, and whether arrays are copied out of them."""

    content: memoryview
    copy: bool


class _Cursor:
    """Where the next array begins."""

    def __init__(self) -> None:
        self.at = 0

    def pass_over(self, length: int) -> int:
        """Return where it begins, and go on to the one after."""
        start, self.at = self.at, aligned(self.at + length)
        return start


def _table_of(
    state: State, arrays: list[NDArray[Any]], cursor: _Cursor, path: str, depth: int
) -> _Table:
    _require(depth > 0, f"{path} lies too deep: at most {DEPTH_MAX} parts within parts")
    places: dict[str, _Place] = {}
    for name, given in _sorted(state.arrays, path):
        dtype = given.dtype.newbyteorder("<")
        _require(dtype in _NAMES, f"{path}.{name} is {given.dtype}: give {', '.join(_DTYPES)}")
        _require(
            given.ndim <= _DIMENSIONS_MAX and _extent(given.shape) <= _SIZE_MAX,
            f"{path}.{name} has shape {given.shape}: give at most {_DIMENSIONS_MAX} dimensions",
        )
        values = np.ascontiguousarray(given, dtype)
        arrays.append(values)
        places[name] = _Place(_NAMES[dtype], list(given.shape), cursor.pass_over(values.nbytes))
    header = {
        name: _plain(value, f"{path}.{name}", DEPTH_MAX)
        for name, value in _sorted(state.header, path)
    }
    parts = {
        name: _table_of(part, arrays, cursor, f"{path}.{name}", depth - 1)
        for name, part in _sorted(state.parts, path)
    }
    return _Table(state.kind, header, places, parts)


def _sorted(named: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    for name in named:
        _require(type(name) is str, f"{path} has the name {name!r}: give text")
    return sorted(named.items())


def _plain(value: Any, path: str, depth: int) -> Any:
    """Return a value of the header as it is, if bytes give back the same."""
    _require(depth > 0, f"{path} lies too deep: at most {DEPTH_MAX} levels")
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is int:
        holds = -(2**63) <= value < 2**64
        _require(holds, f"{path} is beyond 64 bits: give -2**63 to 2**64 - 1")
        return value
    if type(value) is float:
        _require(math.isfinite(value), f"{path} is {value}: give a finite number")
        return value
    if type(value) is list:
        return [_plain(item, f"{path}[{i}]", depth - 1) for i, item in enumerate(value)]
    _require(
        type(value) is dict and all(type(name) is str for name in value),
        f"{path} is a {type(value).__name__}: give None, bool, int, float, str, or lists and "
        "dictionaries of them by name",
    )
    return {name: _plain(item, f"{path}.{name}", depth - 1) for name, item in value.items()}


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _extent(shape: tuple[int, ...] | list[int]) -> int:
    """Return the elements of a shape, as if no dimension were zero."""
    return math.prod(max(length, 1) for length in shape)


def _state_of(table: _Table, payload: _Payload, cursor: _Cursor, path: str, depth: int) -> State:
    if depth == 0:
        raise SnapshotError(f"{path} lies too deep: at most {DEPTH_MAX} parts within parts")
    arrays = {
        name: _array_at(place, payload, cursor, f"{path}.{name}")
        for name, place in sorted(table.arrays.items())
    }
    try:
        for name, value in table.header.items():
            _plain(value, f"{path}.{name}", DEPTH_MAX)
    except ValueError as why:
        raise SnapshotError(str(why)) from why
    parts = {
        name: _state_of(part, payload, cursor, f"{path}.{name}", depth - 1)
        for name, part in sorted(table.parts.items())
    }
    return State(table.kind, table.header, arrays, parts)


def _array_at(place: _Place, payload: _Payload, cursor: _Cursor, path: str) -> NDArray[Any]:
    dtype = _DTYPES.get(place.dtype)
    if dtype is None:
        raise SnapshotError(f"{path} is of the unknown type {place.dtype!r}")
    shape = place.shape
    if len(shape) > _DIMENSIONS_MAX or min(shape, default=0) < 0 or _extent(shape) > _SIZE_MAX:
        raise SnapshotError(f"{path} has a shape that no array has")
    count = math.prod(shape)
    end = cursor.at + count * dtype.itemsize
    if place.offset != cursor.at or end > len(payload.content):
        raise SnapshotError(f"{path} lies elsewhere than in its place")
    start = cursor.pass_over(count * dtype.itemsize)
    if any(payload.content[end : cursor.at]):
        raise SnapshotError(f"{path} is followed by bytes that are no array's")
    values = np.frombuffer(payload.content, dtype, count, start)
    if place.dtype == "bool" and (values.view(np.uint8) > 1).any():
        raise SnapshotError(f"{path} holds a truth value that is neither")
    # Machine byte order, so that every kernel knows the type.
    return values.reshape(shape).astype(dtype.newbyteorder("="), copy=payload.copy)
