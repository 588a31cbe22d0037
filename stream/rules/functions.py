"""The functions of rules: CEL's own, and of its mathematics; which types they take and give."""

from __future__ import annotations

from collections.abc import Sequence

from stream.features.grammar import nearest
from stream.rules.names import Kind
from stream.rules.operations import Op
from stream.rules.terms import Term

HAS = "has"
OF_TIME = "event_time.getHours(), getMinutes(), getDayOfWeek() or getDate()"

# What is made of one double.
_ROUNDED = {
    "math.ceil": Op.CEIL,
    "math.floor": Op.FLOOR,
    "math.round": Op.ROUND,
    "math.trunc": Op.TRUNC,
}
# What takes as many numbers of one type as there are.
_EXTREMES = {
    "math.greatest": (Op.GREATEST, Op.INT_GREATEST),
    "math.least": (Op.LEAST, Op.INT_LEAST),
}
_TIMES = {
    ".getHours": Op.HOURS,
    ".getMinutes": Op.MINUTES,
    ".getDayOfWeek": Op.DAY_OF_WEEK,
    ".getDate": Op.DATE,
}
_KNOWN = (HAS, "math.abs", *_ROUNDED, *_EXTREMES, "double", "int", *_TIMES)
_TEXTS = frozenset(
    {".contains", ".endsWith", ".matches", ".startsWith", ".size", "size", "matches"}
)


def known(function: str) -> bool:
    """Tell whether there is such a function."""
    return function in _KNOWN


def unknown(function: str) -> str:
    """Say what is wrong with a function that there is not."""
    plain = function.removeprefix(".")
    if function in _TEXTS:
        return (
            f"{plain}() is left out: texts are known by their keyed hashes alone, which are only "
            "compared by ==, != and in"
        )
    names = [name.removeprefix(".") for name in _KNOWN]
    return f"no function {plain}(){nearest(plain, names)}"


def near(word: str, words: Sequence[str], where: str) -> str:
    """Name the nearest right word, as the end of a message."""
    return nearest(word, words, where)


def call(function: str, arguments: Sequence[Term]) -> Term | str:
    """Return what a function gives, or say what is wrong with its arguments."""
    plain = function.removeprefix(".")
    if function in _TIMES:
        return _of_time(plain, _TIMES[function], arguments)
    kinds = {argument.kind for argument in arguments}
    if not kinds or not kinds <= {Kind.INT, Kind.DOUBLE}:
        return f"{plain}() takes numbers"
    if function in _EXTREMES:
        if len(kinds) > 1:
            return f"{plain}() takes numbers of one type: write 1.0 for 1, or double(...)"
        return _extreme(_EXTREMES[function], arguments)
    if len(arguments) > 1:
        return f"{plain}() takes one number, not {len(arguments)}"
    return _of_number(function, arguments[0])


def _of_time(plain: str, op: Op, arguments: Sequence[Term]) -> Term | str:
    if len(arguments) > 1:
        return f"{plain}() takes no argument: times are in UTC"
    if arguments[0].kind is not Kind.TIME:
        return f"{plain}() is a function of times: event_time.{plain}()"
    return Term(op, Kind.INT, tuple(arguments))


def _extreme(ops: tuple[Op, Op], arguments: Sequence[Term]) -> Term:
    of_doubles, of_integers = ops
    found, *others = arguments
    op = of_doubles if found.kind is Kind.DOUBLE else of_integers
    for other in others:
        found = Term(op, found.kind, (found, other))
    return found


def _of_number(function: str, argument: Term) -> Term | str:
    whole = argument.kind is Kind.INT
    if function == "math.abs":
        return Term(Op.INT_ABS if whole else Op.ABS, argument.kind, (argument,))
    if function == "double":
        return Term(Op.TO_DOUBLE, Kind.DOUBLE, (argument,)) if whole else argument
    if function == "int":
        return argument if whole else Term(Op.TO_INT, Kind.INT, (argument,))
    if whole:
        return f"{function}() takes a number that need not be whole, and this one is"
    return Term(_ROUNDED[function], Kind.DOUBLE, (argument,))
