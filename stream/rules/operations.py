"""What one step of a rule's program computes: the numbers that the kernel knows."""

from __future__ import annotations

from enum import IntEnum


class Op(IntEnum):
    """An operation; a and b are its operands, registers of the kind that it is about.

    Of flags (true, false or failed), doubles, integers or keys.
    """

    # Inputs come into their registers from outside; these find out what is missing.
    NUMBER = 0  # missing where NaN
    KEY = 1  # missing where it is nobody's
    TIME = 2  # missing where `schemas.columns.MISSING`
    # Flags of flags.
    AND = 3
    OR = 4
    NOT = 5
    SAME = 6  # a == b
    CHOOSE_FLAG = 7  # a ? b : c
    # Flags of doubles; of a number that is part of the step in place of b.
    LESS = 8
    LESS_EQUAL = 9
    EQUAL = 10
    LESS_THAN = 11
    AT_MOST = 12
    MORE_THAN = 13
    AT_LEAST = 14
    EQUAL_TO = 15
    AMONG = 16  # numbers of a table
    # Flags of integers, and of keys.
    INT_LESS = 17
    INT_LESS_EQUAL = 18
    INT_EQUAL = 19
    KEY_EQUAL = 20
    INT_AMONG = 21
    KEY_AMONG = 22
    MEMBER = 23  # of a list, which was asked from outside
    HAS = 24  # whether a register of any kind has a value
    # Doubles of two, and of one.
    ADD = 25
    SUBTRACT = 26
    MULTIPLY = 27
    DIVIDE = 28
    GREATEST = 29
    LEAST = 30
    NEGATE = 31
    ABS = 32
    CEIL = 33
    FLOOR = 34
    ROUND = 35
    TRUNC = 36
    TO_DOUBLE = 37  # of an integer
    # Integers of two, and of one.
    INT_ADD = 38
    INT_SUBTRACT = 39
    INT_MULTIPLY = 40
    INT_DIVIDE = 41
    INT_REMAINDER = 42
    INT_GREATEST = 43
    INT_LEAST = 44
    INT_NEGATE = 45
    INT_ABS = 46
    TO_INT = 47  # of a double
    # Of times, in microseconds.
    HOURS = 48
    MINUTES = 49
    DAY_OF_WEEK = 50
    DATE = 51
    # A double or an integer.
    CHOOSE = 52  # a ? b : c
    # The end of a rule.
    SAY = 53
    # No step: a register that holds the same for every row.
    CONSTANT = 54
