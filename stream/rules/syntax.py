"""The tree of a rule, and the one way in which it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from stream.rules.tokens import RESERVED


@dataclass(frozen=True)
class Literal:
    """A number, a text, true or false.

    Attributes
    ----------
    value : bool, int, float or str
    at : int
        Where it stands in the text of the rule, counted from 0; as of all nodes.
    """

    value: bool | int | float | str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class ListOf:
    """A list of literals."""

    items: tuple[Node, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Name:
    """A value of the payment by its name, which may have dots in it."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Unary:
    """``!`` or ``-`` of one operand."""

    sign: str
    operand: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Binary:
    """An operator between two operands; `at` is where the operator stands."""

    sign: str
    left: Node
    right: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Conditional:
    """One of two, by a condition; `at` is where the ``?`` stands."""

    condition: Node
    then: Node
    otherwise: Node
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Call:
    """A function of arguments; of a value's own function the value is the first.

    Attributes
    ----------
    function : str
        Such as ``math.abs``; with a dot before it if it is a value's own: ``.getHours``.
    """

    function: str
    arguments: tuple[Node, ...]
    at: int = field(default=0, compare=False)


Node = Literal | ListOf | Name | Unary | Binary | Conditional | Call

# How tight each operator binds: what binds less than what is around it stands in brackets.
_CONDITIONAL, _UNARY, _PRIMARY = 0, 6, 7
LEVELS = {"||": 1, "&&": 2, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5}
LEVELS |= dict.fromkeys(("<", "<=", ">", ">=", "==", "!=", "in"), 3)


def children(node: Node) -> tuple[Node, ...]:
    """Return what a node is made of."""
    if isinstance(node, ListOf):
        return node.items
    if isinstance(node, Unary):
        return (node.operand,)
    if isinstance(node, Binary):
        return node.left, node.right
    if isinstance(node, Conditional):
        return node.condition, node.then, node.otherwise
    return node.arguments if isinstance(node, Call) else ()


def names_in(node: Node) -> Iterator[Name]:
    """Yield every name of a tree in the order of the text."""
    if isinstance(node, Name):
        yield node
    for child in children(node):
        yield from names_in(child)


def written(node: Node) -> str:
    """Write a tree as a rule that is read back to an equal one; without needless brackets."""
    return _written(node, _CONDITIONAL)


def _written(node: Node, level: int) -> str:
    """Write a node; in brackets if it binds less than what is around it."""
    text, own = _text_of(node)
    return f"({text})" if own < level else text


def _text_of(node: Node) -> tuple[str, int]:
    """Return the text of a node, and how tight it binds."""
    if isinstance(node, Literal):
        # A minus is no part of a number: it binds as one before anything else does.
        negative = not isinstance(node.value, str) and str(node.value).startswith("-")
        return literal_text(node.value), _UNARY if negative else _PRIMARY
    if isinstance(node, Name):
        return name_text(node.name), _PRIMARY
    if isinstance(node, ListOf):
        return f"[{', '.join(map(written, node.items))}]", _PRIMARY
    if isinstance(node, Call):
        return _call_text(node), _PRIMARY
    if isinstance(node, Unary):
        return _unary_text(node), _UNARY
    if isinstance(node, Binary):
        own = LEVELS[node.sign]
        left, right = _written(node.left, own), _written(node.right, own + 1)
        return f"{left} {node.sign} {right}", own
    condition, then = (_written(part, 1) for part in (node.condition, node.then))
    return f"{condition} ? {then} : {written(node.otherwise)}", _CONDITIONAL


def _unary_text(node: Unary) -> str:
    """Write ``!`` or ``-``: the same may follow at once, anything else is put in brackets."""
    operand = node.operand
    same = isinstance(operand, Unary) and operand.sign == node.sign
    return node.sign + _written(operand, _UNARY if same else _PRIMARY)


def _call_text(node: Call) -> str:
    if node.function.startswith("."):
        target, *rest = node.arguments
        return f"{_written(target, _PRIMARY)}{node.function}({', '.join(map(written, rest))})"
    return f"{node.function}({', '.join(map(written, node.arguments))})"


def literal_text(value: bool | int | float | str) -> str:
    """Write a literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def name_text(name: str) -> str:
    """Write a name; in quotes if CEL would not read it as one."""
    parts = name.split(".")
    plain = all(part.isascii() and part.isidentifier() and part not in RESERVED for part in parts)
    return name if plain else f"`{name}`"
