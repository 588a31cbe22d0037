"""One name read as a feature: every way to read it is tried, and one must fit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from stream.features.brackets import check_brackets, split_arguments
from stream.features.grammar import (
    AT_FRAUD,
    BARE_AGGREGATES,
    CONDITION_AGGREGATES,
    CYCLES,
    DECAYED,
    DELAYED,
    DURATION_MAX_US,
    FUNCTIONS,
    KEY_AGGREGATES,
    KNOWN_AMOUNT,
    KNOWN_DECAYED,
    KNOWN_RUN,
    NUMBER_AGGREGATES,
    SAME_AMOUNT,
    SECONDS,
    UNITS_US,
    Amount,
    AtFraud,
    Cyclic,
    DeclarationError,
    Derived,
    Feature,
    Input,
    Inputs,
    Is,
    PerEntity,
    TextError,
    Windowed,
    duration_name,
    nearest,
    quoted,
)

_DURATION = re.compile(r"([0-9]+)(us|s|m|h|d)")
# What stands where a duration should: it begins with a digit.
_LIKE_DURATION = re.compile(r"[0-9][A-Za-z0-9]*")


def parse(text: str, inputs: Inputs) -> Feature:
    """Read one declaration, without braces.

    Raises
    ------
    DeclarationError
        If it is none, or means two things; the message tells the nearest right name.
    """
    try:
        check_brackets(text)
        return _parse(text.strip(), inputs)
    except TextError as wrong:
        raise DeclarationError(text, str(wrong)) from None


def parse_entity(text: str, inputs: Inputs) -> tuple[str, ...]:
    """Read the name of an entity, or of a pair such as ``card+merchant``.

    Raises
    ------
    DeclarationError
        If there is no such entity; the message tells the nearest right name.
    """
    try:
        return _entity(text, inputs)
    except TextError as wrong:
        raise DeclarationError(text, str(wrong)) from None


def _parse(text: str, inputs: Inputs) -> Feature:
    if "{" in text:
        raise TextError("braces stand for several features, and here is room for one")
    if "(" in text:
        return _derived(text, inputs)
    if text == "amount":
        return Amount()
    if text in CYCLES:
        return Cyclic(*text.split("_"))
    head, dot, tail = text.partition(".")
    if dot and head == "input":
        return Input(_number(tail, inputs.numeric, inputs, "input"))
    if dot:
        return _of_entity(_entity(head, inputs), tail, inputs)
    if text.startswith("is_"):
        return Is(_condition(text.removeprefix("is_"), inputs, "is"))
    known = ["amount", *CYCLES, *(f"is_{name}" for name in inputs.conditions)]
    known += [f"input.{name}" for name in inputs.numeric]
    if text in inputs.entities:
        raise TextError(f"an entity is no feature; one of its features is {text}.count_1h")
    raise TextError(f"no such feature{nearest(text, known)}")


def _derived(text: str, inputs: Inputs) -> Derived | AtFraud:
    function, _, rest = text.partition("(")
    function, inside = function.strip(), rest[:-1]
    takes = 2 if function == AT_FRAUD else FUNCTIONS.get(function, 0)
    try:
        check_brackets(inside)
    except TextError:
        inside = ""
    if not function or not rest.endswith(")") or (rest[:-1].strip() and not inside):
        raise TextError("a function is written ratio(a, b)")
    if not takes:
        near = nearest(function, [*FUNCTIONS, AT_FRAUD])
        raise TextError(f"no function {quoted(function)}{near}")
    texts = split_arguments(inside) if inside.strip() else []
    if len(texts) != takes:
        raise TextError(
            f"{function} takes {takes} argument{'s' * (takes > 1)}, and here are {len(texts)}"
        )
    if function == AT_FRAUD:
        return AtFraud(_entity(texts[0].strip(), inputs), _argument(texts[1], inputs))
    return Derived(function, tuple(_argument(argument, inputs) for argument in texts))


def _argument(text: str, inputs: Inputs) -> Feature:
    try:
        return _parse(text, inputs)
    except TextError as wrong:
        inner = str(wrong)
        inner = inner if inner.startswith("in ") else f"in {quoted(text)}: {inner}"
        raise TextError(inner) from None


def _entity(text: str, inputs: Inputs) -> tuple[str, ...]:
    first, *others = parts = text.split("+")
    if first not in inputs.entities:
        if first in inputs.categorical:
            raise TextError(
                f"'{first}' is a category and no entity{nearest(first, inputs.entities)}"
            )
        raise TextError(f"no entity {quoted(first)}{nearest(first, inputs.entities)}")
    if len(parts) > 2:
        raise TextError("a pair is two names")
    for other in others:
        if other == first:
            raise TextError(f"a pair of '{first}' with itself is '{first}'")
        if other not in (*inputs.keys, "amount"):
            if other in inputs.numeric:
                raise TextError(f"'{other}' is a number: a pair ends with a key or the amount")
            near = nearest(other, [name for name in (*inputs.keys, "amount") if name != first])
            raise TextError(f"no entity or category {quoted(other)}{near}")
    return tuple(parts)


def _number(name: str, among: tuple[str, ...], inputs: Inputs, what: str) -> str:
    if name in among:
        return name
    near = nearest(name, among, "fields.numeric")
    if name == "amount":
        raise TextError("the amount is the feature 'amount'")
    if name in inputs.keys:
        kind = "a category" if name in inputs.categorical else "an entity"
        raise TextError(f"'{name}' is {kind}, and {what} takes a number{near}")
    raise TextError(f"no number {quoted(name)}{near}")


def _key(name: str, entity: tuple[str, ...], inputs: Inputs, what: str) -> str:
    others = [key for key in inputs.keys if key not in entity]
    if name in others:
        return name
    near = nearest(name, others)
    if name in entity:
        raise TextError(f"of one '{name}' there is only one '{name}'{near}")
    if name in inputs.numbers:
        raise TextError(f"'{name}' is a number, and {what} takes an entity or a category{near}")
    raise TextError(f"no entity or category {quoted(name)}{near}")


def _condition(name: str, inputs: Inputs, what: str) -> str:
    if name in inputs.conditions:
        return name
    near = nearest(name, inputs.conditions)
    if name in inputs.numbers or name in inputs.keys:
        raise TextError(f"'{name}' is a field, and {what} takes a condition{near}")
    raise TextError(f"no condition {quoted(name)} in features.conditions{near}")


def duration(text: str) -> int:
    """Read a duration, microseconds; TextError says why a text is none."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise TextError(f"{quoted(text)} is no duration: an integer and one of us, s, m, h, d")
    digits = match[1].lstrip("0")
    us = int(digits) * UNITS_US[match[2]] if 0 < len(digits) <= 16 else 0
    if not digits:
        raise TextError(f"{quoted(text)}: a duration is longer than 0")
    if not 0 < us < DURATION_MAX_US:
        raise TextError(f"{quoted(text)}: a duration is shorter than 2^53 microseconds, 285 years")
    return us


@dataclass(frozen=True)
class _Shape:
    """A way to read what follows an entity's dot; its names are not looked up yet.

    ``what`` is the aggregate or value, ``of`` its name, ``span`` the duration at the end.
    """

    what: str
    of: str = ""
    span: str = ""
    delay: str = ""


def _of_entity(entity: tuple[str, ...], tail: str, inputs: Inputs) -> Feature:
    found: list[Windowed | PerEntity] = []
    problems: list[TextError] = []
    for shape in _shapes(tail):
        try:
            found.append(_feature(entity, shape, inputs))
        except TextError as wrong:
            problems.append(wrong)
    if len(found) > 1:
        ways = " and ".join(_reading(feature) for feature in found)
        raise TextError(f"it can be read as {ways}: give one of the names another name")
    if found:
        return found[0]
    raise problems[0] if problems else _unknown(entity, tail, inputs)


def _shapes(tail: str) -> Iterator[_Shape]:
    if tail in (*SECONDS, KNOWN_RUN, "speed_kmh"):
        yield _Shape(tail)
    if tail.startswith("new_"):
        yield _Shape("new", tail.removeprefix("new_"))
    for stem, span, delay in _spans(tail):
        bare = (*BARE_AGGREGATES, SAME_AMOUNT, "rate", *KNOWN_DECAYED)
        if stem in (*bare, *SECONDS, KNOWN_RUN, "speed_kmh"):
            yield _Shape(stem, "", span, delay)
        for what in (*DECAYED, *KNOWN_AMOUNT, *NUMBER_AGGREGATES):
            if stem.endswith(f"_{what}") and len(stem) > len(what) + 1:
                yield _Shape(what, stem.removesuffix(f"_{what}"), span, delay)
        for what in (*KEY_AGGREGATES, *CONDITION_AGGREGATES):
            if stem.startswith(f"{what}_") and len(stem) > len(what) + 1:
                yield _Shape(what, stem.removeprefix(f"{what}_"), span, delay)


def _spans(tail: str) -> Iterator[tuple[str, str, str]]:
    """Cut durations off the end: with a delay, and with all but the last taken as a name."""
    rest, _, last = tail.rpartition("_")
    if not rest or not _LIKE_DURATION.fullmatch(last):
        return
    if rest.endswith("_delay"):
        stem, _, length = rest.removesuffix("_delay").rpartition("_")
        if stem and _LIKE_DURATION.fullmatch(length):
            yield stem, length, last
    yield rest, last, ""


def _feature(entity: tuple[str, ...], shape: _Shape, inputs: Inputs) -> Windowed | PerEntity:
    what = shape.what
    if what in ("new", SAME_AMOUNT) and len(entity) > 1:
        raise TextError(
            f"{what} makes a pair itself, so it is for one entity: {entity[0]}.{what}..."
        )
    if what in (*SECONDS, KNOWN_RUN, "new", "speed_kmh"):
        if shape.span:
            raise TextError(f"{what} takes no window")
        if what == "new":
            return PerEntity((*entity, _key(shape.of, entity, inputs, what)), what)
        if what == "speed_kmh" and inputs.location is None:
            raise TextError("speed_kmh needs features.location, two names of fields.numeric")
        return PerEntity(entity, what)
    of = _operand(shape, entity, inputs)
    span = duration(shape.span)
    if shape.delay and what not in DELAYED:
        raise TextError(f"{what} takes no delay; {', '.join(sorted(DELAYED))} do")
    if what in KNOWN_AMOUNT and of != "amount":
        raise TextError(f"{what} is of the amount only: {entity[0]}.amount_{what}_30d")
    if what in ("rate", *DECAYED, *KNOWN_DECAYED, *KNOWN_AMOUNT):
        return PerEntity(entity, what, of, span)
    if what == SAME_AMOUNT:
        return Windowed((*entity, "amount"), "count", "", span, 0, SAME_AMOUNT)
    return Windowed(entity, what, of, span, duration(shape.delay) if shape.delay else 0)


def _operand(shape: _Shape, entity: tuple[str, ...], inputs: Inputs) -> str:
    if shape.what in KEY_AGGREGATES:
        return _key(shape.of, entity, inputs, shape.what)
    if shape.what in CONDITION_AGGREGATES:
        return _condition(shape.of, inputs, shape.what)
    if shape.of:
        return _number(shape.of, inputs.numbers, inputs, shape.what)
    return ""


def _reading(feature: Windowed | PerEntity) -> str:
    if isinstance(feature, Windowed):
        return f"{feature.aggregate} of '{feature.of}' over {duration_name(feature.length_us)}"
    return f"{feature.value} of '{feature.of or feature.entity[-1]}'"


def _unknown(entity: tuple[str, ...], tail: str, inputs: Inputs) -> TextError:
    """Say what is wrong with a text that has the shape of no feature."""
    name = "+".join(entity)
    spans = list(_spans(tail))
    stem = spans[0][0] if spans else tail
    timed = [*BARE_AGGREGATES, "rate", *KNOWN_DECAYED, *([SAME_AMOUNT] if len(entity) == 1 else [])]
    timed += [f"{number}_{what}" for number in inputs.numbers for what in NUMBER_AGGREGATES]
    timed += [f"{number}_{what}" for number in inputs.numbers for what in DECAYED]
    timed += [f"amount_{what}" for what in KNOWN_AMOUNT]
    others = [key for key in inputs.keys if key not in entity]
    timed += [f"distinct_{key}" for key in others]
    timed += [f"share_{condition}" for condition in inputs.conditions]
    plain = [*SECONDS, KNOWN_RUN, *(f"new_{key}" for key in others if len(entity) == 1)]
    plain += ["speed_kmh"] * (inputs.location is not None)
    if not spans and tail in timed:
        return TextError(f"{tail} needs a duration at its end, such as {name}.{tail}_1h")
    near = difflib.get_close_matches(stem[:100], [*timed, *plain], n=1, cutoff=0.0)[0]
    end = tail.removeprefix(stem) if near in timed and spans else "_1h" if near in timed else ""
    return TextError(f"no aggregate {quoted(stem)}; the nearest is '{name}.{near}{end}'")
