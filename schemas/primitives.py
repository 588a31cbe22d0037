"""Reading single Avro values from untrusted bytes.

Every kernel takes addresses (see `schemas.memory`): a position inside the record
and the record's limit, and never reads at or past the limit. What is wrong comes back as a
`schemas.columns.Reason`; nothing raises. Avro 1.12 specification, "Binary Encoding".
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64, uint64

from schemas.columns import (
    AMOUNT_MINOR,
    EVENT_TIME_US,
    ID_START,
    ID_STOP,
    MISSING,
    OFFSET,
    REASON,
    Reason,
)
from schemas.jit import inlined, kernel
from schemas.memory import byte_at, word_at

# Numba freezes plain integers, not enum members, into a kernel.
OK = int(Reason.OK)
_NULL_VALUE, _TOO_SHORT, _WRONG_MAGIC = (
    int(Reason.NULL_VALUE),
    int(Reason.TOO_SHORT),
    int(Reason.WRONG_MAGIC),
)
_OVERSIZE, _TRUNCATED = int(Reason.OVERSIZE), int(Reason.TRUNCATED)
_VARINT_TOO_LONG, _NEGATIVE_LENGTH = int(Reason.VARINT_TOO_LONG), int(Reason.NEGATIVE_LENGTH)
_AMOUNT_MISSING, _AMOUNT_NOT_FINITE = int(Reason.AMOUNT_MISSING), int(Reason.AMOUNT_NOT_FINITE)
_AMOUNT_NEGATIVE, _AMOUNT_TOO_LARGE = int(Reason.AMOUNT_NEGATIVE), int(Reason.AMOUNT_TOO_LARGE)
_EVENT_TIME_MISSING = int(Reason.EVENT_TIME_MISSING)
_EVENT_TIME_TOO_EARLY = int(Reason.EVENT_TIME_TOO_EARLY)
_EVENT_TIME_IN_FUTURE = int(Reason.EVENT_TIME_IN_FUTURE)
_ID_EMPTY, _DECIMAL_TOO_LONG = int(Reason.ID_EMPTY), int(Reason.DECIMAL_TOO_LONG)

HEADER_BYTES = 5
DECIMAL_BYTES_MAX = 16
_INT64_MAX = 2**63 - 1
_LIMB = 2**48 - 1

# Places in the array of limits (`schemas.decoder.Limits`).
RECORD_BYTES_MAX, ID_BYTES_MAX, AMOUNT_MINOR_MAX, EVENT_TIME_MIN_US, FUTURE_SKEW_MAX_US = range(5)


@inlined
def read_varint(position, limit):
    """Read a zigzag integer; return (value, next position, reason)."""
    if position < limit:
        byte = byte_at(position)
        if byte < uint64(0x80):
            value = int64(byte >> uint64(1)) ^ -int64(byte & uint64(1))
            return value, position + uint64(1), OK
    return read_long_varint(position, limit)


@kernel
def read_long_varint(position, limit):
    """Read a zigzag integer of any length; as `read_varint`, which takes the short ones."""
    raw = uint64(0)
    shift = uint64(0)
    while position < limit:
        byte = byte_at(position)
        position += uint64(1)
        # The tenth byte has room for one bit; a last byte of 0 adds nothing.
        if (byte == uint64(0) and shift > uint64(0)) or (shift == uint64(63) and byte > uint64(1)):
            return int64(0), position, _VARINT_TOO_LONG
        raw |= (byte & uint64(0x7F)) << shift
        if byte < uint64(0x80):
            value = int64(raw >> uint64(1)) ^ -int64(raw & uint64(1))
            return value, position, OK
        shift += uint64(7)
    return int64(0), position, _TRUNCATED


@inlined
def read_length(position, limit):
    """Read the length of a string or bytes; return (length, next position, reason).

    A good length fits between the next position and the limit.
    """
    length, position, reason = read_varint(position, limit)
    if reason != OK:
        return uint64(0), position, reason
    if length < 0:
        return uint64(0), position, _NEGATIVE_LENGTH
    if uint64(length) > limit - position:
        return uint64(0), position, _TRUNCATED
    return uint64(length), position, OK


@kernel
def is_utf8(start, stop):
    """Tell whether the bytes between two addresses are well-formed UTF-8."""
    high = uint64(0)
    position = start
    while position + uint64(8) <= stop:
        high |= word_at(position)
        position += uint64(8)
    while position < stop:
        high |= byte_at(position)
        position += uint64(1)
    if high & uint64(0x8080808080808080) == uint64(0):
        return True
    return _is_wide_utf8(start, stop)


@kernel
def _is_wide_utf8(position, stop):
    """Check byte by byte (Unicode 15, table 3-7)."""
    while position < stop:
        lead = int64(byte_at(position))
        if lead < 0x80:
            position += uint64(1)
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= lead <= 0xDF:
            extra = 1
        elif 0xE0 <= lead <= 0xEF:
            extra = 2
            low = 0xA0 if lead == 0xE0 else low
            high = 0x9F if lead == 0xED else high
        elif 0xF0 <= lead <= 0xF4:
            extra = 3
            low = 0x90 if lead == 0xF0 else low
            high = 0x8F if lead == 0xF4 else high
        else:
            return False
        if position + uint64(extra) >= stop:
            return False
        for i in range(1, extra + 1):
            if not low <= int64(byte_at(position + uint64(i))) <= high:
                return False
            low, high = 0x80, 0xBF
        position += uint64(extra + 1)
    return True


@kernel
def decimal_to_double(start, stop, scale):
    """Read big-endian two's complement bytes, over ten to the scale; return (value, reason).

    The nearest double for up to 15 digits and a scale of up to 22.
    """
    if stop - start > uint64(DECIMAL_BYTES_MAX):
        return 0.0, _DECIMAL_TOO_LONG
    # Of a negative number the inverted bits are summed: the sign's own bits would
    # take a double's precision away from a small number in many bytes.
    negative = stop > start and byte_at(start) >= uint64(0x80)
    inverted = uint64(0xFF) if negative else uint64(0)
    value = 0.0
    position = start
    while position < stop:
        value = value * 256.0 + float64(byte_at(position) ^ inverted)
        position += uint64(1)
    if negative:
        value = -1.0 - value
    return value / 10.0**scale, OK


@kernel
def decimal_to_minor(start, stop, power, largest):
    """Turn an unscaled decimal into minor units; return (amount, reason).

    Digits below the minor unit are rounded half up.
    """
    if stop - start > uint64(DECIMAL_BYTES_MAX):
        return int64(0), _DECIMAL_TOO_LONG
    if stop > start and byte_at(start) >= uint64(0x80):
        return int64(0), _AMOUNT_NEGATIVE
    # The unscaled number may be far above what an amount may be, so it is held in
    # three limbs of 48 bits while it is divided.
    upper, middle, lower = int64(0), int64(0), int64(0)
    position = start
    while position < stop:
        upper = (upper << 8) | (middle >> 40)
        middle = ((middle << 8) & _LIMB) | (lower >> 40)
        lower = ((lower << 8) & _LIMB) | int64(byte_at(position))
        position += uint64(1)
    digit = int64(0)
    for _ in range(-power):
        middle += (upper % 10) << 48
        upper //= 10
        lower += (middle % 10) << 48
        middle //= 10
        digit = lower % 10
        lower //= 10
    if upper > 0 or middle >= 1 << 14:
        return int64(0), _AMOUNT_TOO_LARGE
    value = (middle << 48) | lower
    if digit >= 5:
        value += 1
    for _ in range(power):
        if value > largest:
            return int64(0), _AMOUNT_TOO_LARGE
        value *= 10
    return value, OK


@kernel
def whole_amount(value, factor, largest):
    """Check an integer amount; return (minor units, reason)."""
    if value < 0:
        return int64(0), _AMOUNT_NEGATIVE
    if value > largest // factor:
        return int64(0), _AMOUNT_TOO_LARGE
    return value * factor, OK


@kernel
def real_amount(value, factor, largest):
    """Check a floating amount and round it to the minor unit; return (minor units, reason)."""
    if not np.isfinite(value):
        return int64(0), _AMOUNT_NOT_FINITE
    if value < 0:
        return int64(0), _AMOUNT_NEGATIVE
    scaled = np.rint(value * factor)
    if scaled > largest:
        return int64(0), _AMOUNT_TOO_LARGE
    return int64(scaled), OK


@kernel
def to_micros(value, factor):
    """Bring a time to microseconds, saturating; a negative factor divides."""
    if factor < 0:
        return value // -factor
    if value > _INT64_MAX // factor:
        return int64(_INT64_MAX)
    if value < -(_INT64_MAX // factor):
        return int64(-_INT64_MAX)
    return value * factor


@kernel
def read_header(start, limit, record_bytes_max):
    """Check the wire header; return (schema id, reason)."""
    if limit == start:
        return int64(-1), _NULL_VALUE
    if int64(limit - start) > record_bytes_max:
        return int64(-1), _OVERSIZE
    if byte_at(start) != uint64(0):
        return int64(-1), _WRONG_MAGIC
    if limit - start < uint64(HEADER_BYTES):
        return int64(-1), _TOO_SHORT
    schema_id = int64(0)
    for i in range(1, HEADER_BYTES):
        schema_id = (schema_id << 8) | int64(byte_at(start + uint64(i)))
    return schema_id, OK


@kernel
def clear_row(longs, doubles, row, first_numeric, first_categorical):
    """Give a row its nulls; the arrival columns are filled already."""
    for column in range(REASON):
        longs[column, row] = 0
    longs[EVENT_TIME_US, row] = MISSING
    longs[AMOUNT_MINOR, row] = MISSING
    for column in range(OFFSET + 1, longs.shape[0]):
        longs[column, row] = 0
    for column in range(first_numeric, first_categorical):
        doubles[column, row] = np.nan


@kernel
def check_row(longs, row, arrival_time_us, limits):
    """Check what no single field can tell; return a reason."""
    if longs[AMOUNT_MINOR, row] == MISSING:
        return _AMOUNT_MISSING
    event_time = longs[EVENT_TIME_US, row]
    if event_time == MISSING:
        return _EVENT_TIME_MISSING
    if event_time < limits[EVENT_TIME_MIN_US]:
        return _EVENT_TIME_TOO_EARLY
    if event_time - limits[FUTURE_SKEW_MAX_US] > arrival_time_us:
        return _EVENT_TIME_IN_FUTURE
    if longs[ID_STOP, row] == longs[ID_START, row]:
        return _ID_EMPTY
    return OK
