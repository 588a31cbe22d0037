"""What kind of thing a feature says, of what, over how long, and within which bounds."""

from __future__ import annotations

import math
from typing import NamedTuple

from stream.features.grammar import (
    AGGREGATES,
    AT_FRAUD,
    DECAYED,
    FUNCTIONS,
    KNOWN_AMOUNT,
    KNOWN_DECAYED,
    KNOWN_RUN,
    SAME_AMOUNT,
    SECONDS,
    Amount,
    AtFraud,
    Cyclic,
    Derived,
    Feature,
    Input,
    Is,
    PerEntity,
    Windowed,
)

# Every kind there is, by the word that its names have.
KINDS = (
    "amount",
    "time",
    "input",
    "is",
    *AGGREGATES,
    SAME_AMOUNT,
    *SECONDS,
    "rate",
    *DECAYED,
    "new",
    "speed_kmh",
    *KNOWN_DECAYED,
    *KNOWN_AMOUNT,
    KNOWN_RUN,
    AT_FRAUD,
    *FUNCTIONS,
)
FLAGS = ("is", "new")  # Of these a value is 1 or 0.
_COUNTS = ("count", "distinct", "frauds", SAME_AMOUNT, KNOWN_RUN)
_SHARES = ("share", "fraud_rate")
# Of these no value is below 0, whatever they are made of.
_NEVER_NEGATIVE = ("std", "decayed_std", "genuine_std", "rate", "speed_kmh", *SECONDS)
_OF_VERDICTS = ("known_frauds", "known_count")
# Of these none is below 0 where none of the numbers is.
_AS_THEIR_NUMBER = ("sum", "mean", "min", "max", "decayed_mean", "genuine_mean")


class Bounds(NamedTuple):
    """What a value can be.

    Attributes
    ----------
    low, high : float
        Both inclusive.
    whole : bool
        Whether it is a whole number.
    """

    low: float
    high: float
    whole: bool


def kind_of(feature: Feature) -> str:
    """Return one of `KINDS`."""
    match feature:
        case Amount():
            return "amount"
        case Cyclic():
            return "time"
        case Input():
            return "input"
        case Is():
            return "is"
        case Windowed(aggregate=aggregate, alias=alias):
            return alias or aggregate
        case PerEntity(value=value):
            return value
        case AtFraud():
            return AT_FRAUD
        case Derived(function=function):
            return function


def of_what(feature: Feature) -> str:
    """Return the number, key or condition that a feature is of; empty where there is none."""
    match feature:
        case Amount():
            return "amount"
        case Input(field):
            return field
        case Is(condition):
            return condition
        case PerEntity(value="new", entity=entity):
            return entity[1]
        case Windowed(of=of) | PerEntity(of=of):
            return of
    return ""


def entity_of(feature: Feature) -> tuple[str, ...]:
    """Return whose behaviour it is, as names have it: one name, or the two of a pair."""
    match feature:
        case Windowed(entity=entity, alias=alias) if alias:
            return entity[:1]
        case PerEntity(value="new", entity=entity):
            return entity[:1]
        case Windowed(entity=entity) | PerEntity(entity=entity) | AtFraud(entity=entity):
            return entity
    return ()


def span_us(feature: Feature) -> int:
    """Return how long its window is, or its half-life, microseconds; 0 where there is none."""
    match feature:
        case Windowed(length_us=length_us):
            return length_us
        case PerEntity(half_life_us=half_life_us):
            return half_life_us
    return 0


def bounds_of(feature: Feature) -> Bounds:
    """Return what a feature's value can be; numbers of a field of yours can be anything."""
    kind = kind_of(feature)
    if kind in FLAGS:
        return Bounds(0.0, 1.0, True)
    if kind in _COUNTS:
        return Bounds(_least_count(feature), math.inf, True)
    if kind in _SHARES:
        return Bounds(0.0, 1.0, False)
    if kind == "time":
        return Bounds(-1.0, 1.0, False)
    if isinstance(feature, AtFraud):
        return bounds_of(feature.argument)
    of_amounts = kind == "amount" or (kind in _AS_THEIR_NUMBER and of_what(feature) == "amount")
    never_negative = of_amounts or kind in (*_NEVER_NEGATIVE, *_OF_VERDICTS)
    return Bounds(0.0 if never_negative else -math.inf, math.inf, False)


def _least_count(feature: Feature) -> float:
    """Return the least that a count can be: a window up to now has the payment itself in it."""
    if isinstance(feature, Windowed) and feature.aggregate == "count" and not feature.delay_us:
        return 1.0
    return 0.0
