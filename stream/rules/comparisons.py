"""Flags of numbers and of keys: compared, looked up, there or not.

What most steps are is copied into the loop over the steps: a call takes longer than a row.
"""

from __future__ import annotations

import numpy as np

from schemas.jit import inlined, kernel
from stream.rules.operations import Op
from stream.rules.registers import TRUE

_LESS, _LESS_EQUAL = int(Op.LESS), int(Op.LESS_EQUAL)
_LESS_THAN, _AT_MOST, _MORE_THAN = int(Op.LESS_THAN), int(Op.AT_MOST), int(Op.MORE_THAN)
_AT_LEAST = int(Op.AT_LEAST)
_INT_LESS, _INT_LESS_EQUAL = int(Op.INT_LESS), int(Op.INT_LESS_EQUAL)
_MEMBER = int(Op.MEMBER)
# The last operation of each group.
_DOUBLES, _CONSTANTS, _WORDS = int(Op.EQUAL), int(Op.EQUAL_TO), int(Op.KEY_EQUAL)
_LOOKED_UP = int(Op.KEY_AMONG)


@inlined
def of_doubles(op, out, a, b, c, table, doubles, missing, flags, n):
    """Compute the flags of doubles."""
    if op <= _DOUBLES:
        compare(op, out, a, b, doubles, missing, flags, n)
    elif op <= _CONSTANTS:
        compare_constant(op, out, a, b, table, doubles, missing, flags, n)
    else:
        look_up(out, a, b, c, table, doubles, missing, flags, n)


@kernel
def of_words(op, out, a, b, c, table, cells, missing, asked, flags, n):
    """Compute the flags of integers and keys, and whether there is a value at all."""
    if op <= _WORDS:
        compare_words(op, out, a, b, cells, missing, flags, n)
    elif op <= _LOOKED_UP:
        look_up(out, a, b, c, table, cells, missing, flags, n)
    else:
        tell(op, out, a, b, missing, asked, flags, n)


@inlined
def flag(failed, true):
    """Return a flag, without a branch."""
    return np.uint8(failed) | np.uint8(np.uint8(true) * np.uint8(TRUE) * np.uint8(1 - failed))


@kernel
def compare(op, out, a, b, doubles, missing, flags, n):
    """Compare doubles with doubles."""
    if op == _LESS:
        for i in range(n):
            flags[out, i] = flag(missing[a, i] | missing[b, i], doubles[a, i] < doubles[b, i])
    elif op == _LESS_EQUAL:
        for i in range(n):
            flags[out, i] = flag(missing[a, i] | missing[b, i], doubles[a, i] <= doubles[b, i])
    else:
        for i in range(n):
            flags[out, i] = flag(missing[a, i] | missing[b, i], doubles[a, i] == doubles[b, i])


@inlined
def compare_constant(op, out, a, b, table, doubles, missing, flags, n):
    """Compare doubles with a number."""
    bound = table[b]
    if op == _LESS_THAN:
        for i in range(n):
            flags[out, i] = flag(missing[a, i], doubles[a, i] < bound)
    elif op == _AT_MOST:
        for i in range(n):
            flags[out, i] = flag(missing[a, i], doubles[a, i] <= bound)
    elif op == _MORE_THAN:
        for i in range(n):
            flags[out, i] = flag(missing[a, i], doubles[a, i] > bound)
    elif op == _AT_LEAST:
        for i in range(n):
            flags[out, i] = flag(missing[a, i], doubles[a, i] >= bound)
    else:
        for i in range(n):
            flags[out, i] = flag(missing[a, i], doubles[a, i] == bound)


@kernel
def compare_words(op, out, a, b, cells, missing, flags, n):
    """Compare integers with integers, and keys with keys."""
    if op == _INT_LESS:
        for i in range(n):
            flags[out, i] = flag(missing[a, i] | missing[b, i], cells[a, i] < cells[b, i])
    elif op == _INT_LESS_EQUAL:
        for i in range(n):
            flags[out, i] = flag(missing[a, i] | missing[b, i], cells[a, i] <= cells[b, i])
    else:
        for i in range(n):
            flags[out, i] = flag(missing[a, i] | missing[b, i], cells[a, i] == cells[b, i])


@kernel
def look_up(out, a, b, c, table, values, missing, flags, n):
    """Look doubles, integers or keys up among those of a table."""
    for i in range(n):
        found = False
        for at in range(b, c):
            found |= values[a, i] == table[at]
        flags[out, i] = flag(missing[a, i], found)


@kernel
def tell(op, out, a, b, missing, asked, flags, n):
    """Tell whether a key is in a list, or whether there is a value."""
    if op == _MEMBER:
        for i in range(n):
            flags[out, i] = flag(missing[a, i], asked[b, i])
    else:
        for i in range(n):
            flags[out, i] = np.uint8(TRUE) * (np.uint8(1) - missing[a, i])
