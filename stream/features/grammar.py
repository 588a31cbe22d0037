"""The words of a declaration: kinds of features, their canonical names, what they stand on.

`str` of a feature is its canonical name, and `stream.features.declare.parse` reads it back.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.errors import ConfigError

FEATURES_MAX = 4096
DURATION_MAX_US = 2**53  # Exclusive: a double holds every duration exactly.
UNITS_US = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "us": 1}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NO_NAME = "a name here is a letter, and after it letters, digits and '_'"

CYCLES = ("hour_sin", "hour_cos", "week_sin", "week_cos")
FUNCTIONS = {"ratio": 2, "difference": 2, "log": 1}  # Name -> number of arguments.
BARE_AGGREGATES = ("count", "frauds", "fraud_rate")
NUMBER_AGGREGATES = ("sum", "mean", "std", "min", "max", "zscore")
KEY_AGGREGATES = ("distinct",)
CONDITION_AGGREGATES = ("share",)
AGGREGATES = (*BARE_AGGREGATES, *NUMBER_AGGREGATES, *KEY_AGGREGATES, *CONDITION_AGGREGATES)
SAME_AMOUNT = "same_amount"
SUMMING = frozenset({"sum", "mean", "std", "zscore"})
SQUARING = frozenset({"std", "zscore"})  # Also sums of squares.
DELAYED = frozenset({"count", "sum", "mean", "std", "share", "frauds", "fraud_rate"})
SECONDS = (
    "seconds_since_last",
    "seconds_since_first",
    "seconds_since_fraud",
    "seconds_since_genuine",
)
# Of verdicts: with a half-life, and without.
KNOWN_DECAYED = ("known_fraud_odds", "known_frauds", "known_count", "surprise")
KNOWN_AMOUNT = ("genuine_mean", "genuine_std")
KNOWN_RUN = "known_fraud_run"
AT_FRAUD = "at_fraud"
DECAYED = ("decayed_mean", "decayed_std")


class DeclarationError(ConfigError):
    """A declaration cannot be used.

    Attributes
    ----------
    name : str
        The wrong text.
    problem : str
        What is wrong with it, without the text.
    place : int
        Which of the declared texts it comes from, counted from 0; -1: of none.
    """

    def __init__(self, name: str, problem: str, place: int = -1) -> None:
        self.name, self.problem, self.place = name, problem, place
        super().__init__(f"{quoted(name)}: {problem}")


class TextError(Exception):
    """What is wrong with a text, raised where the whole text is not known."""


@dataclass(frozen=True)
class Condition:
    """Something that is true or false of one transaction.

    Attributes
    ----------
    field : str
        A category (with `values`), or ``amount`` or a number (with `above`, `below`).
    values : tuple of str or int
        True if the category is one of them; integers are categories of an integer field.
    above, below : float, optional
        True if the number is greater, and less; an amount is in units of money.
    hours : tuple of int, optional
        First and last hour of the day in UTC, both inclusive; (22, 5) goes over midnight.
    weekdays : tuple of int
        Days of the week in UTC; Monday is 0.
    """

    field: str = ""
    values: tuple[str | int, ...] = ()
    above: float | None = None
    below: float | None = None
    hours: tuple[int, int] | None = None
    weekdays: tuple[int, ...] = ()


BUILT_IN = {"night": Condition(hours=(0, 6)), "weekend": Condition(weekdays=(5, 6))}


@dataclass(frozen=True)
class Inputs:
    """What features can be declared over.

    Attributes
    ----------
    entities, numeric, categorical : tuple of str
        Names from the configuration.
    conditions : mapping of str to Condition
        The built-in ones are added unless they are redefined.
    location : tuple of str, optional
        The numbers that hold latitude and longitude, degrees.
    minor_digits : int
        Decimal digits between units and minor units of money.
    """

    entities: tuple[str, ...]
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    conditions: Mapping[str, Condition] = field(default_factory=dict, hash=False)
    location: tuple[str, str] | None = None
    minor_digits: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", {**BUILT_IN, **self.conditions})

    @property
    def numbers(self) -> tuple[str, ...]:
        """What can be summed: the amount and the numeric fields."""
        return ("amount", *self.numeric)

    @property
    def keys(self) -> tuple[str, ...]:
        """What can be told apart: entities and categories."""
        return (*self.entities, *self.categorical)

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Find what is wrong with names and conditions; each with the keys that lead to it."""
        kinds = {
            "entities": self.entities,
            "numeric": self.numeric,
            "categorical": self.categorical,
        }
        for kind, names in kinds.items():
            for name in names:
                place = ("fields", kind, name)
                if not _NAME.fullmatch(name):
                    yield place, _NO_NAME
                elif name == "amount" or (name == "input" and kind == "entities"):
                    yield place, f"'{name}' has a meaning of its own in the names of features"
                elif kind == "categorical" and name in self.entities:
                    yield place, f"'{name}' is an entity already: give the category another name"
        for name, condition in self.conditions.items():
            place = ("features", "conditions", name)
            if not _NAME.fullmatch(name):
                yield place, _NO_NAME
            for key, text in _condition_problems(condition, self.numbers, self.categorical):
                yield (*place, key) if key else place, text
        for name in self.location or ():
            if name not in self.numeric:
                text = f"no number {quoted(name)}{nearest(name, self.numeric, 'fields.numeric')}"
                yield ("features", "location"), text


def _condition_problems(
    condition: Condition, numbers: Sequence[str], categories: Sequence[str]
) -> Iterator[tuple[str, str]]:
    above, below = condition.above, condition.below
    bounded = above is not None or below is not None
    kinds = (bool(condition.values), bounded, bool(condition.hours), bool(condition.weekdays))
    if sum(kinds) != 1 or bool(condition.field) != (bool(condition.values) or bounded):
        yield (
            "",
            "it is one of hours, weekdays, field with values, and field with above, below or both",
        )
    elif condition.values and condition.field not in categories:
        near = nearest(condition.field, categories, "fields.categorical")
        yield "field", f"no category {quoted(condition.field)}{near}"
    elif bounded and condition.field not in numbers:
        near = nearest(condition.field, numbers)
        yield "field", f"no number {quoted(condition.field)}{near}"
    for key, bound in (("above", above), ("below", below)):
        if bound is not None and not math.isfinite(bound):
            yield key, f"{key} must be a finite number"
    if above is not None and below is not None and above >= below:
        yield "", "above is not less than below: it is never true"
    if condition.hours and not all(0 <= hour <= 23 for hour in condition.hours):
        yield "hours", "an hour is 0 to 23"
    if not all(0 <= day <= 6 for day in condition.weekdays):
        yield "weekdays", "a day is 0 to 6, Monday is 0"


@dataclass(frozen=True)
class Amount:
    """The amount, in units of money."""

    def __str__(self) -> str:
        return "amount"


@dataclass(frozen=True)
class Cyclic:
    """A coordinate of the time of day or week on its circle.

    Attributes
    ----------
    period : str
        ``hour`` (the day) or ``week`` (from Monday 00:00 UTC).
    function : str
        ``sin`` or ``cos``.
    """

    period: str
    function: str

    def __str__(self) -> str:
        return f"{self.period}_{self.function}"


@dataclass(frozen=True)
class Input:
    """A numeric field as it came."""

    field: str

    def __str__(self) -> str:
        return f"input.{self.field}"


@dataclass(frozen=True)
class Is:
    """A condition as 1.0 or 0.0."""

    condition: str

    def __str__(self) -> str:
        return f"is_{self.condition}"


@dataclass(frozen=True)
class Windowed:
    """An aggregate over a sliding window of an entity.

    Attributes
    ----------
    entity : tuple of str
        One name, or the two of a pair.
    aggregate : str
        One of `AGGREGATES`.
    of : str
        The number, key or condition that is aggregated; empty where there is none.
    length_us, delay_us : int
        The window is (t - delay - length, t - delay].
    alias : str
        The aggregate's own name where it is short for something else.
    """

    entity: tuple[str, ...]
    aggregate: str
    of: str
    length_us: int
    delay_us: int = 0
    alias: str = ""

    def __str__(self) -> str:
        entity = self.entity[:1] if self.alias else self.entity
        if self.alias or not self.of:
            what = self.alias or self.aggregate
        elif self.aggregate in NUMBER_AGGREGATES:
            what = f"{self.of}_{self.aggregate}"
        else:
            what = f"{self.aggregate}_{self.of}"
        delay = f"_delay_{duration_name(self.delay_us)}" if self.delay_us else ""
        return f"{'+'.join(entity)}.{what}_{duration_name(self.length_us)}{delay}"


@dataclass(frozen=True)
class PerEntity:
    """A value that an entity carries from event to event.

    Attributes
    ----------
    entity : tuple of str
        One name, or the two of a pair; of ``new`` the pair that meets.
    value : str
        One of `SECONDS`, `DECAYED`, `KNOWN_DECAYED`, `KNOWN_AMOUNT`, `KNOWN_RUN`, ``rate``,
        ``new`` and ``speed_kmh``.
    of : str
        The number of a decayed moment.
    half_life_us : int
        Of rate, decayed moments, and what is known by verdicts.
    """

    entity: tuple[str, ...]
    value: str
    of: str = ""
    half_life_us: int = 0

    def __str__(self) -> str:
        if self.value == "new":
            return f"{self.entity[0]}.new_{self.entity[1]}"
        of = f"{self.of}_" if self.of else ""
        half_life = f"_{duration_name(self.half_life_us)}" if self.half_life_us else ""
        return f"{'+'.join(self.entity)}.{of}{self.value}{half_life}"

    @property
    def of_verdicts(self) -> bool:
        """Whether it is made of verdicts that have come to be known, genuine ones too."""
        names = (*KNOWN_DECAYED, *KNOWN_AMOUNT, KNOWN_RUN, "seconds_since_genuine")
        return self.value in names


@dataclass(frozen=True)
class AtFraud:
    """What another declared feature was at the latest payment known to be fraud.

    Attributes
    ----------
    entity : tuple of str
        Whose payment: one name, or the two of a pair.
    argument : Feature
        Declared itself, so that its value waits with the payment for the verdict.
    """

    entity: tuple[str, ...]
    argument: Feature

    def __str__(self) -> str:
        return f"{AT_FRAUD}({'+'.join(self.entity)}, {self.argument})"


@dataclass(frozen=True)
class Derived:
    """A function of other features, one of `FUNCTIONS`."""

    function: str
    arguments: tuple[Feature, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


Feature = Amount | Cyclic | Input | Is | Windowed | PerEntity | AtFraud | Derived


def duration_name(us: int) -> str:
    """Name a duration by its largest whole unit: 3_600_000_000 is ``1h``."""
    unit = next(unit for unit, unit_us in UNITS_US.items() if us % unit_us == 0)
    return f"{us // UNITS_US[unit]}{unit}"


def quoted(text: str) -> str:
    """Quote a text for a message, shortened if it is long."""
    return repr(text if len(text) <= 100 else f"{text[:60]}...{text[-30:]}")


def nearest(word: str, words: Iterable[str], where: str = "") -> str:
    """Name the right word that is meant, as the end of a message."""
    near = difflib.get_close_matches(word[:100], list(words), n=1, cutoff=0.0)
    return f"; the nearest is '{near[0]}'" if near else f"; {where or 'the configuration'} has none"
