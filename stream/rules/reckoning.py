"""Arithmetic of doubles, as IEEE 754 has it: nothing fails that did not fail before."""

from __future__ import annotations

import math

import numpy as np

from schemas.jit import kernel
from stream.rules.operations import Op

_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = (int(op) for op in list(Op)[Op.ADD : Op.DIVIDE + 1])
_GREATEST, _NEGATE, _ABS = int(Op.GREATEST), int(Op.NEGATE), int(Op.ABS)
_CEIL, _FLOOR, _ROUND, _TRUNC = (int(op) for op in list(Op)[Op.CEIL : Op.TRUNC + 1])


@kernel
def of_two(op, out, a, b, doubles, missing, n):
    """Compute ADD, SUBTRACT, MULTIPLY, DIVIDE, GREATEST and LEAST."""
    for i in range(n):
        missing[out, i] = missing[a, i] | missing[b, i]
    if op == _ADD:
        for i in range(n):
            doubles[out, i] = doubles[a, i] + doubles[b, i]
    elif op == _SUBTRACT:
        for i in range(n):
            doubles[out, i] = doubles[a, i] - doubles[b, i]
    elif op == _MULTIPLY:
        for i in range(n):
            doubles[out, i] = doubles[a, i] * doubles[b, i]
    elif op == _DIVIDE:
        for i in range(n):
            doubles[out, i] = doubles[a, i] / doubles[b, i]
    else:
        extreme(op, out, a, b, doubles, n)


@kernel
def extreme(op, out, a, b, doubles, n):
    """Compute GREATEST and LEAST; of NaN and a number the first."""
    if op == _GREATEST:
        for i in range(n):
            x, y = doubles[a, i], doubles[b, i]
            doubles[out, i] = y if y > x else x
    else:
        for i in range(n):
            x, y = doubles[a, i], doubles[b, i]
            doubles[out, i] = y if y < x else x


@kernel
def of_one(op, out, a, cells, doubles, missing, n):
    """Compute NEGATE, ABS, TO_DOUBLE, and what rounds."""
    for i in range(n):
        missing[out, i] = missing[a, i]
    if op == _NEGATE:
        for i in range(n):
            doubles[out, i] = -doubles[a, i]
    elif op == _ABS:
        for i in range(n):
            doubles[out, i] = abs(doubles[a, i])
    elif op <= _TRUNC:
        rounded(op, out, a, doubles, n)
    else:
        for i in range(n):
            doubles[out, i] = float(cells[a, i])


@kernel
def rounded(op, out, a, doubles, n):
    """Compute CEIL, FLOOR, ROUND and TRUNC."""
    if op == _CEIL:
        for i in range(n):
            doubles[out, i] = np.ceil(doubles[a, i])
    elif op == _FLOOR:
        for i in range(n):
            doubles[out, i] = np.floor(doubles[a, i])
    elif op == _ROUND:
        for i in range(n):
            whole = np.trunc(doubles[a, i])
            # Halves go away from zero.
            up = 1.0 if abs(doubles[a, i] - whole) >= 0.5 else 0.0
            doubles[out, i] = whole + math.copysign(up, doubles[a, i])
    else:
        for i in range(n):
            doubles[out, i] = np.trunc(doubles[a, i])
