"""Made-up rules, payments and lists, and the same for CEL's own implementation."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from schemas.columns import (
    AMOUNT_MINOR,
    EVENT_TIME_US,
    MISSING,
    TRANSACTION_KEY,
    Layout,
    Transactions,
)
from schemas.siphash import hash_texts
from stream.features.grammar import Inputs
from stream.rules.names import RuleInputs
from stream.rules.syntax import Binary, Call, Conditional, ListOf, Literal, Name, Node, Unary

HASH_KEY = bytes(range(16))
ENTITIES, NUMERIC, CATEGORICAL = ("card", "merchant"), ("age", "distance"), ("country", "mcc")
FEATURES = ("card.count_1h", "card+merchant.count_1d", "is_night", "log(amount)")
LISTS = ("stolen", "risky")
INPUTS = RuleInputs(
    Inputs(entities=ENTITIES, numeric=NUMERIC, categorical=CATEGORICAL), FEATURES, LISTS
)
DOUBLES = ("amount", "score", *NUMERIC, *FEATURES)
TEXTS = ("card", "merchant", "country")
WHOLE_KEYS = ("mcc",)

_WORDS = ["NG", "DE", "c1", "c2", "", 'a"b\\', "é\n"]
_CODES = [0, 1, 5411, -7, 2**40]
_FLOATS = [0.0, -0.0, 1.0, 0.5, -0.5, 2.5, -2.5, 7.0, 100.0, 1e19, -1e300, math.inf, -math.inf]
_WHOLE = [0, 1, -1, 2, 3, 7, 22, 100, 2**53 + 1, 2**63 - 1, -(2**63), -(2**63) + 1]

# --- rows -------------------------------------------------------------------------------------


def rows() -> st.SearchStrategy[dict[str, Any]]:
    """Payments as values by name; what is missing is not in them."""
    every: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(
        (*DOUBLES,), st.one_of(st.sampled_from(_FLOATS), st.floats(allow_nan=False))
    )
    every["amount"] = st.integers(0, 10**9).map(lambda minor: minor / 100)
    every |= dict.fromkeys(TEXTS, st.sampled_from(_WORDS))
    every |= dict.fromkeys(WHOLE_KEYS, st.sampled_from(_CODES))
    times = st.integers(-6 * 10**16, 2 * 10**17)
    return st.fixed_dictionaries({"event_time": times}, optional=every)


def lists() -> st.SearchStrategy[dict[str, list[str]]]:
    """What the lists hold."""
    return st.fixed_dictionaries(
        dict.fromkeys(LISTS, st.lists(st.sampled_from(_WORDS), max_size=4, unique=True))
    )


class FixedLists:
    """Lists of texts that never change."""

    def __init__(self, held: Mapping[str, Sequence[str]]) -> None:
        self.held = {name: hash_texts(list(words), HASH_KEY) for name, words in held.items()}
        self.asked: list[str] = []

    def members(self, name, keys, event_time_us):
        self.asked.append(name)
        assert len(keys) == len(event_time_us)
        return np.isin(keys, self.held[name])


def batch_of(payments: Sequence[Mapping[str, Any]]):
    """Return payments as the engine has them: a batch, X and scores."""
    layout = Layout(ENTITIES, NUMERIC, CATEGORICAL)
    longs = np.zeros((layout.width, len(payments)), np.int64)
    batch = Transactions(layout, longs, np.zeros(0, np.uint8))
    for i, payment in enumerate(payments):
        longs[EVENT_TIME_US, i] = payment["event_time"]
        longs[TRANSACTION_KEY, i] = 1 + i
        minor = payment.get("amount")
        longs[AMOUNT_MINOR, i] = MISSING if minor is None else round(minor * 100)
        for names, columns in ((ENTITIES, batch.entities), (CATEGORICAL, batch.categorical)):
            for place, name in enumerate(names):
                if name in payment:
                    columns[place, i] = hash_texts([payment[name]], HASH_KEY)[0]
        for place, name in enumerate(NUMERIC):
            batch.numeric[place, i] = payment.get(name, math.nan)
    X = np.array([[p.get(name, math.nan) for name in FEATURES] for p in payments], np.float64)
    scores = np.array([p.get("score", math.nan) for p in payments], np.float64)
    return batch, X.reshape(len(payments), len(FEATURES)), scores


# --- rules ------------------------------------------------------------------------------------

_DEPTH = 3


def conditions(depth: int = _DEPTH) -> st.SearchStrategy[Node]:
    """Expressions that are true or false."""
    simple = st.one_of(
        st.booleans().map(Literal),
        st.builds(_has, st.sampled_from([*DOUBLES, *TEXTS, *WHOLE_KEYS])),
        _keys_compared(),
        _comparisons(0),
    )
    if depth == 0:
        return simple
    inner = conditions(depth - 1)
    return st.one_of(
        simple,
        st.builds(Binary, st.sampled_from(["&&", "||"]), inner, inner),
        st.builds(Binary, st.sampled_from(["&&", "||"]), inner, inner),
        st.builds(Binary, st.sampled_from(["==", "!="]), inner, inner),
        st.builds(Unary, st.just("!"), inner),
        st.builds(Conditional, inner, inner, inner),
        _comparisons(depth - 1),
    )


def _has(name: str) -> Node:
    return Call("has", (Name(name),))


def _keys_compared() -> st.SearchStrategy[Node]:
    texts, codes = st.sampled_from(_WORDS).map(Literal), st.sampled_from(_CODES).map(Literal)
    text_names, code_names = (st.sampled_from(of).map(Name) for of in (TEXTS, WHOLE_KEYS))
    signs = st.sampled_from(["==", "!="])
    listed = st.sampled_from(LISTS).map(lambda name: Name(f"lists.{name}"))
    return st.one_of(
        st.builds(Binary, signs, text_names, texts),
        st.builds(Binary, signs, texts, text_names),
        st.builds(Binary, signs, text_names, text_names),
        st.builds(Binary, signs, code_names, codes),
        st.builds(Binary, st.just("in"), text_names, _list_of(texts)),
        st.builds(Binary, st.just("in"), code_names, _list_of(codes)),
        st.builds(Binary, st.just("in"), text_names, listed),
    )


def _list_of(items: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.lists(items, max_size=4).map(lambda found: ListOf(tuple(found)))


def _comparisons(depth: int) -> st.SearchStrategy[Node]:
    signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    numbers = st.one_of(doubles(depth), wholes(depth))
    literals = st.sampled_from([*_FLOATS[:-2], 1, 7, -1]).map(Literal)
    return st.one_of(
        st.builds(Binary, signs, numbers, numbers),
        st.builds(Binary, signs, doubles(depth), literals),
        st.builds(Binary, st.just("in"), numbers, _list_of(literals)),
    )


def doubles(depth: int) -> st.SearchStrategy[Node]:
    """Expressions of doubles."""
    simple = st.one_of(
        st.sampled_from(DOUBLES).map(Name), st.sampled_from(_FLOATS[:-2]).map(Literal)
    )
    if depth == 0:
        return simple
    inner = doubles(depth - 1)
    rounding = ["math.abs", "math.ceil", "math.floor", "math.round", "math.trunc"]
    return st.one_of(
        simple,
        st.builds(Binary, st.sampled_from("+-*/"), inner, inner),
        inner.map(_negated),
        st.builds(lambda name, x: Call(name, (x,)), st.sampled_from(rounding), inner),
        _extremes(inner),
        wholes(depth - 1).map(lambda x: Call("double", (x,))),
        st.builds(Conditional, conditions(depth - 1), inner, inner),
    )


def wholes(depth: int) -> st.SearchStrategy[Node]:
    """Expressions of integers."""
    parts = [".getHours", ".getMinutes", ".getDayOfWeek", ".getDate"]
    simple = st.one_of(
        st.sampled_from(_WHOLE).map(Literal),
        st.sampled_from(parts).map(lambda name: Call(name, (Name("event_time"),))),
    )
    if depth == 0:
        return simple
    inner = wholes(depth - 1)
    return st.one_of(
        simple,
        st.builds(Binary, st.sampled_from("+-*/%"), inner, inner),
        inner.map(_negated),
        inner.map(lambda x: Call("math.abs", (x,))),
        _extremes(inner),
        doubles(depth - 1).map(lambda x: Call("int", (x,))),
        st.builds(Conditional, conditions(depth - 1), inner, inner),
    )


def _negated(node: Node) -> Node:
    """Put a minus before an expression as the parser would read it."""
    if isinstance(node, Literal) and not str(node.value).startswith("-"):
        return Literal(-node.value)
    return Unary("-", node)


def _extremes(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    names = st.sampled_from(["math.greatest", "math.least"])
    return st.builds(
        lambda n, xs: Call(n, tuple(xs)), names, st.lists(inner, min_size=1, max_size=4)
    )


# --- CEL itself -------------------------------------------------------------------------------


def cel_environment():
    """Return an environment of cel-expr-python in which `cel_text` has its names."""
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_math

    of = cel.Type
    variables = {
        "n": of.Map(of.STRING, of.DOUBLE),
        "s": of.Map(of.STRING, of.STRING),
        "i": of.Map(of.STRING, of.INT),
        "event_time": of.TIMESTAMP,
        **{f"lists_{name}": of.List(of.STRING) for name in LISTS},
    }
    return cel.NewEnv(variables=variables, extensions=[ext_math.ExtMath()])


def cel_data(payment: Mapping[str, Any], held: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return a payment as CEL's variables: maps, so that CEL's own has() tells what is there."""

    def those(names):
        return {_place(name): payment[name] for name in names if name in payment}

    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return {
        "n": those(DOUBLES),
        "s": those(TEXTS),
        "i": those(WHOLE_KEYS),
        "event_time": epoch + datetime.timedelta(microseconds=payment["event_time"]),
        **{f"lists_{name}": list(words) for name, words in held.items()},
    }


def cel_text(node: Node) -> str:
    """Write a rule for `cel_environment`: everything in brackets, so that no precedence counts."""
    if isinstance(node, Literal):
        if isinstance(node.value, str):
            return '"' + "".join(f"\\U{ord(letter):08x}" for letter in node.value) + '"'
        return str(node.value).lower() if isinstance(node.value, bool) else f"({node.value!r})"
    if isinstance(node, Name):
        if node.name == "event_time":
            return node.name
        if node.name.startswith("lists."):
            return node.name.replace(".", "_")
        kind = "s" if node.name in TEXTS else "i" if node.name in WHOLE_KEYS else "n"
        return f"{kind}.{_place(node.name)}"
    if isinstance(node, ListOf):
        return f"[{', '.join(map(cel_text, node.items))}]"
    if isinstance(node, Unary):
        return f"{node.sign}({cel_text(node.operand)})"
    if isinstance(node, Conditional):
        parts = (node.condition, node.then, node.otherwise)
        return "(({}) ? ({}) : ({}))".format(*map(cel_text, parts))
    if isinstance(node, Call):
        if node.function.startswith("."):
            return f"{cel_text(node.arguments[0])}{node.function}()"
        return f"{node.function}({', '.join(map(cel_text, node.arguments))})"
    left, right = cel_text(node.left), cel_text(node.right)
    # Numbers of two types, and what stands in lists, are compared when CEL runs.
    if node.sign in ("<", "<=", ">", ">=", "==", "!=", "in"):
        left = f"dyn({left})"
    return f"({left} {node.sign} {right})"


def _place(name: str) -> str:
    return f"v{(*DOUBLES, *TEXTS, *WHOLE_KEYS).index(name)}"


def cel_verdict(expression: Any, data: Mapping[str, Any]) -> int:
    """Return what CEL says: 1, 0, or -1 for an error."""
    found = expression.eval(data=data)
    if found.type().name() != "BOOL":
        assert found.type().name() in ("ERROR", "UNKNOWN")
        return -1
    return int(found.value())
