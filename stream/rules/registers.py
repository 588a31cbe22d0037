"""What stands in a program's registers, and the words of its steps."""

from __future__ import annotations

# A flag, in an order in which CEL's `&&` is the lesser of two and its `||` the greater.
FALSE, FAILED, TRUE = 0, 1, 2
# What a rule says of a row.
MATCHES, DOES_NOT, FAILS = 1, 0, -1

# The words of a step: operation, register of its result, operands.
OP, OUT, A, B, C = range(5)
STEP = 5
