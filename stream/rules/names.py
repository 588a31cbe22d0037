"""What a rule may name, of which type that is, and where its value comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

from stream.features.grammar import DeclarationError, Inputs, nearest, quoted
from stream.features.names import parse as parse_feature
from stream.rules.syntax import name_text

AMOUNT, EVENT_TIME, SCORE, LISTS = "amount", "event_time", "score", "lists"


class Kind(Enum):
    """The type of a value."""

    BOOL = "true or false"
    INT = "a whole number"
    DOUBLE = "a number"
    KEY = "a text"
    """Of a category or an entity, known by its keyed hash alone."""
    TIME = "a time"


class Source(Enum):
    """Where a value comes from."""

    AMOUNT = "fields.amount"
    EVENT_TIME = "fields.event_time"
    SCORE = "the model"
    NUMBER = "fields.numeric"
    ENTITY = "fields.entities"
    CATEGORY = "fields.categorical"
    FEATURE = "features.names"


@dataclass(frozen=True)
class Value:
    """A value that a rule may name.

    Attributes
    ----------
    name : str
        The one name under which it is shown; it may have others.
    kind : Kind
    source : Source
    place : int
        Which of its source's values it is, in the order of the configuration.
    """

    name: str
    kind: Kind
    source: Source
    place: int = 0


@dataclass(frozen=True)
class RuleInputs:
    """What rules are written over.

    Attributes
    ----------
    inputs : Inputs
        The configuration's fields.
    features : tuple of str
        Names of the declared features, in the order of the columns of X.
    lists : tuple of str, optional
        Names of the lists there are; None where that is not known, and any name is taken.
    """

    inputs: Inputs
    features: tuple[str, ...] = ()
    lists: tuple[str, ...] | None = None

    @cached_property
    def values(self) -> dict[str, Value]:
        """Every name that means one thing, and what it means.

        A field is ``input.NAME`` or ``key.NAME``, and plain ``NAME`` where nothing else is.
        """
        named = {name: Value(name, *of) for name, of in _PAYMENT.items()}
        for place, name in enumerate(self.features):
            named.setdefault(name, Value(name, Kind.DOUBLE, Source.FEATURE, place))
        for plain, value in self._fields():
            free = plain not in self.ambiguous and plain not in named and plain != LISTS
            shown = replace(value, name=plain) if free else value
            # Also where a feature has the name: it is the same number, and there without X.
            named[value.name] = named[shown.name] = shown
        return named

    @cached_property
    def ambiguous(self) -> dict[str, tuple[str, ...]]:
        """Names of several fields, and what to write instead."""
        meanings: dict[str, tuple[str, ...]] = {}
        for plain, value in self._fields():
            meanings[plain] = (*meanings.get(plain, ()), value.name)
        return {plain: names for plain, names in meanings.items() if len(names) > 1}

    @cached_property
    def kept_terms(self) -> dict[str, Any]:
        """What `stream.rules.condition` has read over these inputs, by its text."""
        return {}

    def unknown(self, name: str) -> str:
        """Say what is wrong with a name that is not among `values`."""
        if name in self.ambiguous:
            return f"'{name}' is two fields: write {' or '.join(self.ambiguous[name])}"
        if name.partition(".")[0] == LISTS:
            return "a list is only on the right of 'in': card in lists.stolen_cards"
        if name in ("true", "false", "null"):
            return f"'{name}' has no meaning here"
        try:
            declared = str(parse_feature(name, self.inputs))
        except DeclarationError:
            return f"no value {quoted(name)}{self.near(name)}"
        if declared in self.values:
            return f"{quoted(name)} is written {name_text(declared)}"
        return (
            f"the feature {quoted(declared)} is not declared: add it to features.names"
            f"{self.near(name)}"
        )

    def near(self, name: str) -> str:
        """Name the nearest right name, as the end of a message."""
        # Of a name with a dot the part before it is seldom what is wrong.
        head = name.partition(".")[0]
        same = [other for other in self.values if other.partition(".")[0] == head]
        known = same if "." in name and same else list(self.values)
        return nearest(name, [name_text(other) for other in known])

    def _fields(self) -> Iterator[tuple[str, Value]]:
        """Yield the plain name of each field, and what it is by the name of its kind."""
        for place, name in enumerate(self.inputs.numeric):
            yield name, Value(f"input.{name}", Kind.DOUBLE, Source.NUMBER, place)
        for place, name in enumerate(self.inputs.entities):
            yield name, Value(f"key.{name}", Kind.KEY, Source.ENTITY, place)
        for place, name in enumerate(self.inputs.categorical):
            yield name, Value(f"key.{name}", Kind.KEY, Source.CATEGORY, place)


_PAYMENT = {
    AMOUNT: (Kind.DOUBLE, Source.AMOUNT),
    EVENT_TIME: (Kind.TIME, Source.EVENT_TIME),
    SCORE: (Kind.DOUBLE, Source.SCORE),
}
