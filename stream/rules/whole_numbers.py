"""Arithmetic of 64-bit integers, which fails rather than wraps around; and the parts of times."""

from __future__ import annotations

import numpy as np
from numba import int64

from schemas.jit import kernel
from stream.rules.operations import Op

_INT_ADD, _INT_SUBTRACT, _INT_MULTIPLY = (
    int(op) for op in (Op.INT_ADD, Op.INT_SUBTRACT, Op.INT_MULTIPLY)
)
_INT_DIVIDE, _INT_GREATEST, _INT_LEAST = (
    int(op) for op in (Op.INT_DIVIDE, Op.INT_GREATEST, Op.INT_LEAST)
)
_INT_NEGATE, _TO_INT = int(Op.INT_NEGATE), int(Op.TO_INT)
_HOURS, _MINUTES, _DAY_OF_WEEK = int(Op.HOURS), int(Op.MINUTES), int(Op.DAY_OF_WEEK)

_LOWEST, _HIGHEST = np.iinfo(np.int64).min, np.iinfo(np.int64).max
_INT_EDGE = 2.0**63  # No integer is as large.
_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US
_DAY_US = 24 * _HOUR_US
_EPOCH_WEEKDAY = 4  # 1970-01-01 was a Thursday; CEL's Sunday is 0.


@kernel
def reckon_whole(op, out, a, b, cells, doubles, missing, n):
    """Compute with integers: what does not fit into 64 bits fails, and so does a divisor of 0."""
    for i in range(n):
        failed = missing[a, i]
        x, value = cells[a, i], int64(0)
        if op <= _INT_LEAST:
            failed |= missing[b, i]
            value, over = of_two(op, x, cells[b, i])
        elif op == _TO_INT:
            number = doubles[a, i]
            over = not abs(number) < _INT_EDGE  # True for NaN.
            value = int64(0) if over else int64(number)
        else:
            over = x == _LOWEST
            value = -x if not over and (op == _INT_NEGATE or x < 0) else x
        cells[out, i] = value
        missing[out, i] = failed | np.uint8(over)


@kernel
def of_two(op, x, y):
    """Compute with two integers; return the result, and whether there is none.

    What would not fit is never computed: a compiler may take it for granted that everything fits.
    """
    if op == _INT_ADD:
        over = x > _HIGHEST - y if y > 0 else x < _LOWEST - y
        return (int64(0) if over else x + y), over
    if op == _INT_SUBTRACT:
        over = x < _LOWEST + y if y > 0 else x > _HIGHEST + y
        return (int64(0) if over else x - y), over
    if op == _INT_MULTIPLY:
        over = too_large(x, y)
        return (int64(0) if over else x * y), over
    if op == _INT_GREATEST:
        return max(x, y), False
    if op == _INT_LEAST:
        return min(x, y), False
    if y == 0 or (y == -1 and x == _LOWEST):
        return int64(0), True
    quotient = x // y
    # Towards zero, as CEL and processors do.
    if quotient * y != x and (x < 0) != (y < 0):
        quotient += 1
    return (quotient if op == _INT_DIVIDE else x - quotient * y), False


@kernel
def too_large(x, y):
    """Tell whether a product has more than 64 bits."""
    if x == 0 or y == 0:
        return False
    if _LOWEST in (x, y):
        return x != 1 and y != 1
    if (x > 0) == (y > 0):
        return abs(x) > _HIGHEST // abs(y)
    least = _LOWEST // abs(y)
    if _LOWEST % abs(y) != 0:
        least += 1
    return -abs(x) < least


@kernel
def tell_time(op, out, a, cells, missing, n):
    """Compute the parts of a time in UTC."""
    for i in range(n):
        missing[out, i] = missing[a, i]
        time_us = cells[a, i]
        if op == _HOURS:
            cells[out, i] = time_us % _DAY_US // _HOUR_US
        elif op == _MINUTES:
            cells[out, i] = time_us % _HOUR_US // _MINUTE_US
        elif op == _DAY_OF_WEEK:
            cells[out, i] = (time_us // _DAY_US + _EPOCH_WEEKDAY) % 7
        else:
            cells[out, i] = day_of_month(time_us // _DAY_US)


@kernel
def day_of_month(day):
    """Return the day of the month, from 1, of a day since 1970 (Hinnant's civil calendar)."""
    # Eras of 400 years that begin in March, so that the day that comes and goes is the last.
    of_era = (day + 719_468) % 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return of_year - (153 * month + 2) // 5 + 1
