"""Rules on plain Python values, one payment at a time: obviously right, and slow.

Values are a dict by name: floats, integers and texts; what is missing is not in it.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Collection, Mapping

from stream.rules.syntax import Binary, Call, Conditional, ListOf, Literal, Name, Node, Unary

Value = bool | int | float | str
LEAST, MOST = -(2**63), 2**63 - 1


class Failed(Exception):
    """There is no result: a value is missing, or a number cannot be."""


def verdict(node: Node, values: Mapping[str, Value], lists: Mapping[str, Collection[Value]]) -> int:
    """Return 1 if a rule matches, 0 if it does not, -1 if it fails."""
    try:
        return int(of(node, values, lists) is True)
    except Failed:
        return -1


def of(node: Node, values: Mapping[str, Value], lists: Mapping[str, Collection[Value]]) -> Value:
    """Return what an expression is.

    Raises
    ------
    Failed
    """
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Name):
        if node.name not in values:
            raise Failed
        return values[node.name]
    if isinstance(node, Unary):
        x = of(node.operand, values, lists)
        return (not x) if node.sign == "!" else (fit(-x) if isinstance(x, int) else -x)
    if isinstance(node, Conditional):
        way = node.then if of(node.condition, values, lists) else node.otherwise
        return of(way, values, lists)
    if isinstance(node, Call):
        if node.function == "has":
            return node.arguments[0].name in values
        return call(node.function, [of(each, values, lists) for each in node.arguments])
    if node.sign in ("&&", "||"):
        return either(node, values, lists)
    left = of(node.left, values, lists)
    if node.sign == "in":
        if isinstance(node.right, Name):
            return left in lists.get(node.right.name.removeprefix("lists."), ())
        assert isinstance(node.right, ListOf)
        return any(compare("==", left, item.value) for item in node.right.items)
    right = of(node.right, values, lists)
    if node.sign in ("<", "<=", ">", ">=", "==", "!="):
        return compare(node.sign, left, right)
    return reckon(node.sign, left, right)


def either(node: Binary, values: Mapping[str, Value], lists) -> bool:
    """Return && and ||: one side that decides is enough, whatever becomes of the other."""
    decides = node.sign == "||"
    failed = False
    for side in (node.left, node.right):
        try:
            if of(side, values, lists) is decides:
                return decides
        except Failed:
            failed = True
    if failed:
        raise Failed
    return not decides


def compare(sign: str, left: Value, right: Value) -> bool:
    """Compare; an integer beside a double as one."""
    if isinstance(left, float) != isinstance(right, float):
        left, right = float(left), float(right)
    return {
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
        "==": lambda: left == right,
        "!=": lambda: left != right,
    }[sign]()


def fit(x: int) -> int:
    """Return an integer of 64 bits."""
    if not LEAST <= x <= MOST:
        raise Failed
    return x


def reckon(sign: str, x: float, y: float) -> float:
    """Compute with two numbers of one type."""
    if sign == "+":
        return fit(x + y) if isinstance(x, int) else x + y
    if sign == "-":
        return fit(x - y) if isinstance(x, int) else x - y
    if sign == "*":
        return fit(x * y) if isinstance(x, int) else x * y
    if isinstance(x, float):
        return divide(x, y)
    if y == 0:
        raise Failed
    quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
    # Of the least integer and -1 there is no quotient, and CEL gives no rest either.
    return fit(quotient) if sign == "/" else x - fit(quotient) * y


def divide(x: float, y: float) -> float:
    """Divide as IEEE 754 does."""
    if y != 0.0:
        return x / y
    if x == 0.0 or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def call(function: str, arguments: list[Value]) -> Value:
    """Call a function."""
    x = arguments[0]
    if function in ("math.greatest", "math.least"):
        for other in arguments[1:]:
            if other > x if function == "math.greatest" else other < x:
                x = other
        return x
    if function == "math.abs":
        return fit(abs(x)) if isinstance(x, int) else abs(x)
    if function == "double":
        return float(x)
    if function == "int":
        if isinstance(x, float) and (math.isnan(x) or not -(2.0**63) < x < 2.0**63):
            raise Failed
        return int(x)
    if function in (".getHours", ".getMinutes", ".getDayOfWeek", ".getDate"):
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=x)
        return {
            ".getHours": moment.hour,
            ".getMinutes": moment.minute,
            ".getDayOfWeek": moment.isoweekday() % 7,
            ".getDate": moment.day,
        }[function]
    if not math.isfinite(x):
        return x
    whole = {
        "math.ceil": math.ceil,
        "math.floor": math.floor,
        "math.trunc": math.trunc,
        "math.round": lambda x: (
            math.trunc(x) + (abs(x - math.trunc(x)) >= 0.5) * (1 if x > 0 else -1)
        ),
    }[function](x)
    return math.copysign(float(whole), x)
