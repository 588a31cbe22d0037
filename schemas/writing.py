"""Writing single Avro values into bytes.

Every kernel takes the bytes, a place in them, and returns the place behind what it wrote; its
caller has made sure that there is room. Avro 1.12 specification, "Binary Encoding".
"""

from __future__ import annotations

import numpy as np
from numba import int64, uint8, uint64

from schemas.jit import inlined, kernel, uncounted

VARINT_BYTES_MAX = 10
DOUBLE_BYTES = 8
KEY_BYTES = 16

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
def write_double(out, at, bits):
    """Write a double, given as the word that holds it; the lowest byte first."""
    for i in range(DOUBLE_BYTES):
        out[at + i] = uint8((uint64(bits) >> uint64(8 * i)) & uint64(0xFF))
    return at + DOUBLE_BYTES


@uncounted
@inlined
def write_hexadecimal(out, at, word):
    """Write a word as sixteen hexadecimal digits, the highest first."""
    for i in range(KEY_BYTES):
        out[at + i] = _DIGITS[int64((uint64(word) >> uint64(60 - 4 * i)) & uint64(0xF))]
    return at + KEY_BYTES
