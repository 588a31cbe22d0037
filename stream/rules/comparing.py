"""Two numbers compared: which operation it is, whatever their types and their order."""

from __future__ import annotations

from stream.rules.names import Kind
from stream.rules.operations import Op
from stream.rules.terms import Term, constant

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
_OF_INTEGERS = {"<": Op.INT_LESS, "<=": Op.INT_LESS_EQUAL, "==": Op.INT_EQUAL}
_OF_DOUBLES = {"<": Op.LESS, "<=": Op.LESS_EQUAL, "==": Op.EQUAL}
_OF_CONSTANT = {
    "<": Op.LESS_THAN,
    "<=": Op.AT_MOST,
    ">": Op.MORE_THAN,
    ">=": Op.AT_LEAST,
    "==": Op.EQUAL_TO,
}


def as_double(term: Term) -> Term:
    """Return a number as a double, as CEL compares numbers of two types."""
    if term.kind is Kind.DOUBLE:
        return term
    if term.is_constant and isinstance(term.payload, int):
        return constant(float(term.payload))
    return Term(Op.TO_DOUBLE, Kind.DOUBLE, (term,))


def compared(sign: str, left: Term, right: Term) -> Term:
    """Compare two numbers; those of two types as doubles."""
    if sign == "!=":
        return Term(Op.NOT, Kind.BOOL, (compared("==", left, right),))
    of_integers = left.kind is Kind.INT and right.kind is Kind.INT
    if not of_integers:
        left, right = as_double(left), as_double(right)
        if left.is_constant and not right.is_constant:
            sign, left, right = _MIRRORED[sign], right, left
        if right.is_constant:
            return Term(_OF_CONSTANT[sign], Kind.BOOL, (left,), right.payload)
    if sign in (">", ">="):
        sign, left, right = _MIRRORED[sign], right, left
    op = (_OF_INTEGERS if of_integers else _OF_DOUBLES)[sign]
    return Term(op, Kind.BOOL, (left, right))
