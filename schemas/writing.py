"""Writing single Avro values into bytes.

Every kernel takes the bytes, a place in them, and returns the place behind what it wrote; its
caller has made sure that there is room. What is the same in many records is made once, as
`Pieces`. Avro 1.12 specification, "Binary Encoding".
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import fastavro
import numpy as np
from numba import int64, uint8, uint64
from numpy.typing import NDArray

from schemas.jit import inlined, kernel, uncounted

VARINT_BYTES_MAX = 10
DOUBLE_BYTES = 8
KEY_BYTES = 16


class Pieces(NamedTuple):
    """Bytes that are the same in many records, made beforehand and laid end to end.

    Attributes
    ----------
    data : ndarray of uint8
    ends : ndarray of int64, shape (n + 1,)
        Where each ends, behind where the first begins.
    """

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]


def pieces_of(texts: Sequence[bytes]) -> Pieces:
    """Lay texts end to end."""
    lengths = [0, *map(len, texts)]
    return Pieces(np.frombuffer(b"".join(texts), np.uint8), np.cumsum(lengths, dtype=np.int64))


def string_bytes(text: str) -> bytes:
    """Return a string as Avro has it: its length, and its bytes."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, {"type": "string"}, text)
    return buffer.getvalue()


_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8).copy()


@uncounted
@kernel
def write_varint(out, at, value):
    """Write a zigzag integer of up to 64 bits."""
    rest = (uint64(value) << uint64(1)) ^ uint64(int64(value) >> int64(63))
    while rest >= uint64(0x80):
        out[at] = uint8((rest & uint64(0x7F)) | uint64(0x80))
        rest >>= uint64(7)
        at += 1
    out[at] = uint8(rest)
    return at + 1


@uncounted
@inlined
def write_bytes(out, at, data, start, stop):
    """Copy bytes as they are."""
    for i in range(start, stop):
        out[at + i - start] = data[i]
    return at + stop - start


@uncounted
@inlined
def write_string(out, at, data, start, stop):
    """Write a string or bytes: a length, and that many bytes."""
    return write_bytes(out, write_varint(out, at, stop - start), data, start, stop)


@uncounted
@inlined
def write_piece(out, at, pieces, number):
    """Copy a piece as it is."""
    return write_bytes(out, at, pieces.data, pieces.ends[number], pieces.ends[number + 1])


@uncounted
@inlined
def write_double(out, at, bits):
    """Write a double, given as the word that holds it; the lowest byte first."""
    for i in range(DOUBLE_BYTES):
        out[at + i] = uint8((uint64(bits) >> uint64(8 * i)) & uint64(0xFF))
    return at + DOUBLE_BYTES


@uncounted
@kernel
def write_optional_double(out, at, value, bits):
    """Write a union of null and double: null for NaN, else as `write_double`."""
    if np.isnan(value):
        return write_varint(out, at, 0)
    return write_double(out, write_varint(out, at, 1), bits)


@uncounted
@inlined
def write_hexadecimal(out, at, word):
    """Write a word as sixteen hexadecimal digits, the highest first."""
    for i in range(KEY_BYTES):
        out[at + i] = _DIGITS[int64((uint64(word) >> uint64(60 - 4 * i)) & uint64(0xF))]
    return at + KEY_BYTES
