"""All rules of a batch in one call: a step's loop goes over the rows.

A register is a row of a matrix, with a value for each payment of the batch. Flags are true, false
or failed, in an order in which CEL's ``&&`` is the lesser of two and its ``||`` the greater. Beside
each number and each key stands whether it is missing; what is made of it is missing too.
"""

from __future__ import annotations

import numpy as np

from schemas.columns import MISSING, NO_KEY
from schemas.jit import inlined, kernel, uncounted
from stream.rules.comparisons import flag, of_doubles, of_words
from stream.rules.operations import Op
from stream.rules.reckoning import of_one, of_two
from stream.rules.registers import FAILED, OP, OUT, TRUE, A, B, C
from stream.rules.whole_numbers import reckon_whole, tell_time

_NUMBER, _KEY, _TIME = int(Op.NUMBER), int(Op.KEY), int(Op.TIME)
_AND, _OR, _NOT, _SAME, _CHOOSE_FLAG = (int(op) for op in list(Op)[Op.AND : Op.CHOOSE_FLAG + 1])
# The last operation of each group.
_FLAGS_OF_DOUBLES, _FLAGS_OF_WORDS = int(Op.AMONG), int(Op.HAS)
_TWO_DOUBLES, _ONE_DOUBLE = int(Op.LEAST), int(Op.TO_DOUBLE)
_WHOLE, _TIMES, _CHOOSE = int(Op.TO_INT), int(Op.DATE), int(Op.CHOOSE)


@uncounted
@kernel
def run(steps, table, doubles_table, cells, doubles, missing, flags, asked, results, counts, n):
    """Run a program over the first n rows.

    Parameters
    ----------
    steps : ndarray of int64, shape (steps, STEP)
    table : ndarray of int64
        Integers and keys that steps compare with.
    doubles_table : ndarray of float64
        The same bytes.
    cells : ndarray of int64, shape (cells, n or more)
        Registers of integers, times and keys; the inputs are in the first of them. Written.
    doubles : ndarray of float64
        The same bytes.
    missing : ndarray of uint8, shape (cells, n or more)
        Written.
    flags : ndarray of uint8, shape (flags, n or more)
        Written.
    asked : ndarray of bool, shape (members, n or more)
        Whether keys are in lists.
    results : ndarray of int8, shape (rules, n or more)
        Written: MATCHES, DOES_NOT or FAILS.
    counts : ndarray of int64, shape (2, rules)
        Written: rows that match, and rows that fail.
    n : int
    """
    for s in range(steps.shape[0]):
        op, out = steps[s, OP], steps[s, OUT]
        a, b, c = steps[s, A], steps[s, B], steps[s, C]
        if op <= _TIME:
            take(op, out, cells, doubles, missing, n)
        elif op <= _CHOOSE_FLAG:
            combine(op, out, a, b, c, flags, n)
        elif op <= _FLAGS_OF_DOUBLES:
            of_doubles(op, out, a, b, c, doubles_table, doubles, missing, flags, n)
        elif op <= _FLAGS_OF_WORDS:
            of_words(op, out, a, b, c, table, cells, missing, asked, flags, n)
        elif op <= _ONE_DOUBLE:
            reckon(op, out, a, b, cells, doubles, missing, n)
        elif op <= _WHOLE:
            reckon_whole(op, out, a, b, cells, doubles, missing, n)
        elif op <= _TIMES:
            tell_time(op, out, a, cells, missing, n)
        elif op == _CHOOSE:
            choose(out, a, b, c, flags, cells, missing, n)
        else:
            say(out, a, flags, results, counts, n)


@kernel
def reckon(op, out, a, b, cells, doubles, missing, n):
    """Compute with doubles."""
    if op <= _TWO_DOUBLES:
        of_two(op, out, a, b, doubles, missing, n)
    else:
        of_one(op, out, a, cells, doubles, missing, n)


@kernel
def take(op, out, cells, doubles, missing, n):
    """Find out which values of an input are missing."""
    if op == _NUMBER:
        for i in range(n):
            missing[out, i] = doubles[out, i] != doubles[out, i]
    elif op == _KEY:
        for i in range(n):
            missing[out, i] = cells[out, i] == NO_KEY
    else:
        for i in range(n):
            missing[out, i] = cells[out, i] == MISSING


@inlined
def combine(op, out, a, b, c, flags, n):
    """Compute AND, OR, NOT, SAME and CHOOSE_FLAG."""
    if op == _AND:
        for i in range(n):
            flags[out, i] = min(flags[a, i], flags[b, i])
    elif op == _OR:
        for i in range(n):
            flags[out, i] = max(flags[a, i], flags[b, i])
    elif op == _NOT:
        for i in range(n):
            flags[out, i] = np.uint8(TRUE) - flags[a, i]
    elif op == _SAME:
        for i in range(n):
            failed = (flags[a, i] == FAILED) | (flags[b, i] == FAILED)
            flags[out, i] = flag(failed, flags[a, i] == flags[b, i])
    else:
        for i in range(n):
            chosen = flags[b, i] if flags[a, i] == TRUE else flags[c, i]
            flags[out, i] = FAILED if flags[a, i] == FAILED else chosen


@kernel
def choose(out, a, b, c, flags, cells, missing, n):
    """Take one of two numbers by a flag; what is not taken may fail."""
    for i in range(n):
        then = flags[a, i] == TRUE
        cells[out, i] = cells[b, i] if then else cells[c, i]
        failed = missing[b, i] if then else missing[c, i]
        missing[out, i] = failed | np.uint8(flags[a, i] == FAILED)


@kernel
def say(out, a, flags, results, counts, n):
    """Write down what a rule says, and count it."""
    for i in range(n):
        # 0, 1 and 2 are 0, -1 and 1.
        high = flags[a, i] >> np.uint8(1)
        results[out, i] = np.int8(high) - np.int8(flags[a, i] & np.uint8(1))
    matches, fails = 0, 0
    for i in range(n):
        matches += flags[a, i] == TRUE
        fails += flags[a, i] == FAILED
    counts[0, out], counts[1, out] = matches, fails
