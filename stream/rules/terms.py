"""A checked rule: operations with their types, in which equal things are equal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stream.rules.names import Kind, Value
from stream.rules.operations import Op

Constant = bool | int | float | str
Payload = Value | Constant | tuple[Constant, ...] | None


@dataclass(frozen=True)
class Term:
    """An operation on what other operations give.

    Attributes
    ----------
    op : Op
    kind : Kind
        Of what it gives.
    operands : tuple of Term
    payload : optional
        A value of the payment, a constant, what a list holds, or the name of a list.
    """

    op: Op
    kind: Kind
    operands: tuple[Term, ...] = ()
    payload: Payload = None

    @property
    def is_constant(self) -> bool:
        """Whether it is the same for all payments."""
        return self.op is Op.CONSTANT


def constant(value: bool | int | float) -> Term:
    """Return what is always the same."""
    kind = Kind.BOOL if isinstance(value, bool) else Kind.INT
    return Term(Op.CONSTANT, Kind.DOUBLE if isinstance(value, float) else kind, (), value)


def walk(term: Term) -> Iterator[Term]:
    """Yield a term's parts before the term itself, from left to right; some come again."""
    for operand in term.operands:
        yield from walk(operand)
    yield term
