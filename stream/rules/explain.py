"""A rule in words: when it matches, what then happens, and which values it reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stream.decide import Outcome
from stream.features.explain import explain as explain_feature
from stream.features.names import parse as parse_feature
from stream.rules.names import LISTS, RuleInputs, Source, Value
from stream.rules.parser import parse
from stream.rules.rule import Mode, Rule
from stream.rules.syntax import (
    Binary,
    Call,
    Conditional,
    ListOf,
    Name,
    Node,
    Unary,
    names_in,
    written,
)

_INDENT = "  "
_SAYS = {
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "==": "is",
    "!=": "is not",
}
_JOINED = {"&&": "all of these are true", "||": "at least one of these is true"}


@dataclass(frozen=True)
class Read:
    """A value that a rule reads.

    Attributes
    ----------
    name, meaning, unit, source : str
    """

    name: str
    meaning: str
    unit: str
    source: str


@dataclass(frozen=True)
class Explanation:
    """A rule in words.

    Attributes
    ----------
    when : tuple of str
        Lines; what belongs to a line is set in under it.
    then : str
    reads : tuple of Read
    lists : tuple of str
        Names of the lists that it asks.
    """

    when: tuple[str, ...]
    then: str
    reads: tuple[Read, ...]
    lists: tuple[str, ...]


def explain_rule(rule: Rule, inputs: RuleInputs) -> Explanation:
    """Explain a rule that has been checked with these inputs."""
    tree = parse(rule.when)
    names = list(dict.fromkeys(name.name for name in names_in(tree)))
    listed = tuple(name.partition(".")[2] for name in names if name.partition(".")[0] == LISTS)
    values = dict.fromkeys(inputs.values[name] for name in names if name in inputs.values)
    reads = tuple(_read(value, inputs) for value in values)
    return Explanation(tuple(_lines(tree)), _then(rule), reads, listed)


def _lines(node: Node) -> Iterator[str]:
    """Yield a condition as lines."""
    if isinstance(node, Binary) and node.sign in _JOINED:
        yield f"{_JOINED[node.sign]}:"
        for part in _joined(node, node.sign):
            yield from _set_in(_lines(part))
    elif isinstance(node, Unary) and node.sign == "!":
        yield "this is not true:"
        yield from _set_in(_lines(node.operand))
    elif isinstance(node, Conditional):
        for word, part in (
            ("if", node.condition),
            ("then", node.then),
            ("otherwise", node.otherwise),
        ):
            yield f"{word}:"
            yield from _set_in(_lines(part))
    else:
        yield _sentence(node)


def _joined(node: Node, sign: str) -> Iterator[Node]:
    """Yield what is joined by one operator."""
    if isinstance(node, Binary) and node.sign == sign:
        yield from _joined(node.left, sign)
        yield from _joined(node.right, sign)
    else:
        yield node


def _set_in(lines: Iterator[str]) -> Iterator[str]:
    return (_INDENT + line for line in lines)


def _sentence(node: Node) -> str:
    if isinstance(node, Call) and node.function == "has":
        return f"there is a value of {written(node.arguments[0])}"
    if isinstance(node, Binary) and node.sign in _SAYS:
        return f"{written(node.left)} {_SAYS[node.sign]} {written(node.right)}"
    if isinstance(node, Binary) and isinstance(node.right, Name):
        return f"{written(node.left)} is in the list {node.right.name.partition('.')[2]}"
    if isinstance(node, Binary) and isinstance(node.right, ListOf):
        one_of = ", ".join(map(written, node.right.items)) or "nothing"
        return f"{written(node.left)} is one of {one_of}"
    return f"{written(node)} is true"


def _then(rule: Rule) -> str:
    """Say what becomes of a payment that the rule matches."""
    if rule.mode is Mode.SHADOW:
        return f"it is noted, and nothing else: in shadow; live it would be {rule.action.name}"
    share = "" if rule.share == 1.0 else f", for {rule.mode_text} of payments; shadow for others"
    if rule.action is Outcome.ALLOW:
        silenced = f"the model and every rule of a priority below {rule.priority} are silenced"
        return f"{silenced}: ALLOW, unless another rule says more{share}"
    return f"{rule.action.name}, unless it is silenced or another says more{share}"


def _read(value: Value, inputs: RuleInputs) -> Read:
    if value.source is Source.FEATURE:
        said = explain_feature(parse_feature(value.name, inputs.inputs), inputs.inputs)
        return Read(value.name, said.what, said.unit, value.source.value)
    meaning, unit = {
        Source.AMOUNT: ("the amount", "units of money"),
        Source.EVENT_TIME: ("when the payment was made", "UTC"),
        Source.SCORE: ("what the model says; missing while it is cold", "probability"),
        Source.NUMBER: ("the field as it came", "as it came"),
        Source.ENTITY: ("whose payment it is, by the keyed hash of the id", "text"),
        Source.CATEGORY: ("the field, by the keyed hash of its text or number", "text"),
    }[value.source]
    return Read(value.name, meaning, unit, value.source.value)
