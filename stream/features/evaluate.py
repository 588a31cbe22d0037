"""From what was read to feature values: one short loop over a column for each step.

A block holds what a batch's events are and what was read at them, a column of 64-bit
words each. A program is a table of steps; a step computes one column of values from
columns of the block, or from columns that earlier steps computed.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from schemas.jit import kernel
from stream.features.moments import variance


class Op(IntEnum):
    """What a step computes; its operands a to e are rows of the block."""

    WORD = 0  # a, an integer, in steps of `scale`
    DOUBLE = 1  # a
    SECONDS = 2  # a in microseconds; unknown where negative
    DECIDED = 3  # a, where b is not 0
    SIN = 4  # a in microseconds since the week began, around a period of `scale`
    COS = 5
    MEAN = 6  # sum a of b values
    STD = 7  # sum a, limbs c and d of the sum of squares, of b values
    ZSCORE = 8  # as STD, of the event's value e and its limbs f and g, known where h
    SHARE = 9  # a of b
    FRAUD_RATE = 10  # a of b; 0 of nothing
    PEAK = 11  # a, unless nothing was known
    WEIGHTED_MEAN = 12  # mean a of weight b
    WEIGHTED_STD = 13  # spread a of weight b
    RATIO = 14  # values a and b
    DIFFERENCE = 15
    LOG = 16


# The words of a step: operation, row of its result, row of whether the entity is
# known (or -1), operands.
OP, OUT, KNOWN_AT, A, B, C, D, E, F, G, H = range(11)
STEP = 11

_WORD, _DOUBLE, _SECONDS, _DECIDED, _SIN, _COS = (int(op) for op in list(Op)[:6])
_MEAN, _STD, _ZSCORE, _SHARE, _FRAUD_RATE, _PEAK = (int(op) for op in list(Op)[6:12])
_WEIGHTED_MEAN, _WEIGHTED_STD, _RATIO, _DIFFERENCE, _LOG = (int(op) for op in list(Op)[12:])
_PEAK_MAX = 2**60


@kernel
def evaluate(program, scales, block, doubles, values, n):
    """Run a program over the first n columns' rows.

    Parameters
    ----------
    program : ndarray of int64, shape (steps, STEP)
    scales : ndarray of float64, shape (steps,)
    block : ndarray of int64, shape (words, n or more)
    doubles : ndarray of float64
        The same bytes.
    values : ndarray of float64, shape (results, n or more)
        Written.
    n : int
    """
    for s in range(program.shape[0]):
        step = program[s]
        op = step[OP]
        if op <= _DECIDED:
            copy(step, scales[s], block, doubles, values, n)
        elif op <= _COS:
            circle(step, scales[s], block, values, n)
        elif op <= _ZSCORE:
            moments(step, scales[s], block, values, n)
        elif op <= _WEIGHTED_STD:
            quotients(step, scales[s], block, doubles, values, n)
        else:
            derive(step, values, n)
        if step[KNOWN_AT] >= 0:
            clear_unknown(step, block, values, n)


@kernel
def clear_unknown(step, block, values, n):
    """Make unknown what was computed of entities that are not known; there seldom are any."""
    known, out = block[step[KNOWN_AT], :n], step[OUT]
    unknown = 0
    for i in range(n):
        unknown += known[i] == 0
    if unknown == 0:
        return
    for i in range(n):
        if known[i] == 0:
            values[out, i] = np.nan


@kernel
def copy(step, scale, block, doubles, values, n):
    """Compute WORD, DOUBLE, SECONDS and DECIDED."""
    op, out, a = step[OP], step[OUT], step[A]
    if op == _WORD:
        for i in range(n):
            values[out, i] = block[a, i] / scale
    elif op == _DOUBLE:
        for i in range(n):
            values[out, i] = doubles[a, i] * scale
    elif op == _SECONDS:
        for i in range(n):
            values[out, i] = block[a, i] / 1e6 if block[a, i] >= 0 else np.nan
    else:
        for i in range(n):
            values[out, i] = float(block[a, i]) if block[step[B], i] != 0 else np.nan


@kernel
def circle(step, scale, block, values, n):
    """Compute SIN and COS of a time on a circle; step[B] is where the circle begins."""
    period_us = np.int64(scale)
    for i in range(n):
        since_us = (block[step[A], i] % period_us + step[B]) % period_us
        angle = 2 * math.pi * (since_us / scale)
        values[step[OUT], i] = math.sin(angle) if step[OP] == _SIN else math.cos(angle)


@kernel
def moments(step, scale, block, values, n):
    """Compute MEAN, STD and ZSCORE from exact sums."""
    op, out, a, b, c, d = step[OP], step[OUT], step[A], step[B], step[C], step[D]
    if op == _MEAN:
        for i in range(n):
            values[out, i] = block[a, i] / scale / block[b, i] if block[b, i] > 0 else np.nan
    elif op == _STD:
        for i in range(n):
            spread = variance(block[b, i], block[a, i], block[c, i], block[d, i])
            values[out, i] = math.sqrt(spread) / scale
    else:
        for i in range(n):
            values[out, i] = np.nan
            if block[step[H], i] != 0 and block[b, i] > 1:
                x, others = block[step[E], i], block[b, i] - 1
                total = block[a, i] - x
                # Whole steps first: between large numbers a double would lose the rest.
                whole = total // others
                spread = variance(
                    others,
                    total,
                    block[c, i] - block[step[F], i],
                    block[d, i] - block[step[G], i],
                )
                distance = float(x - whole) - float(total - whole * others) / others
                values[out, i] = distance / max(math.sqrt(spread), 1.0)


@kernel
def quotients(step, scale, block, doubles, values, n):
    """Compute SHARE, FRAUD_RATE, PEAK and the weighted moments."""
    op, out, a, b = step[OP], step[OUT], step[A], step[B]
    if op == _SHARE:
        for i in range(n):
            values[out, i] = block[a, i] / block[b, i] if block[b, i] > 0 else np.nan
    elif op == _FRAUD_RATE:
        for i in range(n):
            values[out, i] = block[a, i] / block[b, i] if block[b, i] > 0 else 0.0
    elif op == _PEAK:
        for i in range(n):
            known = -_PEAK_MAX < block[a, i] < _PEAK_MAX
            values[out, i] = block[a, i] / scale if known else np.nan
    elif op == _WEIGHTED_MEAN:
        for i in range(n):
            values[out, i] = doubles[a, i] if doubles[b, i] > 0 else np.nan
    else:
        for i in range(n):
            weight = doubles[b, i]
            values[out, i] = math.sqrt(doubles[a, i] / weight) if weight > 0 else np.nan


@kernel
def derive(step, values, n):
    """Compute RATIO, DIFFERENCE and LOG of values."""
    op, out, a, b = step[OP], step[OUT], step[A], step[B]
    if op == _RATIO:
        for i in range(n):
            values[out, i] = values[a, i] / values[b, i] if values[b, i] != 0 else np.nan
    elif op == _DIFFERENCE:
        for i in range(n):
            values[out, i] = values[a, i] - values[b, i]
    else:
        for i in range(n):
            values[out, i] = math.copysign(math.log1p(abs(values[a, i])), values[a, i])
