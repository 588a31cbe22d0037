"""Declared features: a feature is its name, and this reads lists of names.

``card.amount_mean_1h`` says all there is to know; the configuration is a list of such
names. `parse` reads one, `expand` writes out the braces of ``card.count_{1h,1d}``, and
`declare` reads a whole list. What every name means is in docs/features.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from schemas.errors import ConfigError
from stream.features.brackets import expand
from stream.features.grammar import (
    AGGREGATES,
    BUILT_IN,
    DURATION_MAX_US,
    FEATURES_MAX,
    Amount,
    AtFraud,
    Condition,
    Cyclic,
    DeclarationError,
    Derived,
    Feature,
    Input,
    Inputs,
    Is,
    PerEntity,
    Windowed,
    duration_name,
)
from stream.features.names import parse, parse_entity

__all__ = [
    "AGGREGATES",
    "BUILT_IN",
    "DURATION_MAX_US",
    "FEATURES_MAX",
    "Amount",
    "AtFraud",
    "Condition",
    "Cyclic",
    "DeclarationError",
    "Derived",
    "Feature",
    "Input",
    "Inputs",
    "Is",
    "PerEntity",
    "Windowed",
    "amounts_enter",
    "declare",
    "default_names",
    "duration_name",
    "entities_of",
    "examine",
    "expand",
    "flat",
    "parse",
    "parse_entity",
]

_DEFAULT = ("count", "amount_sum", "amount_mean")


def declare(names: Iterable[str], inputs: Inputs) -> tuple[Feature, ...]:
    """Read a list of declarations.

    Raises
    ------
    DeclarationError
        For the first text that is no declaration, or declares what was declared before.
    ConfigError
        If the inputs themselves are wrong.
    """
    features, errors = examine(names, inputs)
    if errors:
        raise errors[0]
    return features


def examine(
    names: Iterable[str], inputs: Inputs
) -> tuple[tuple[Feature, ...], list[DeclarationError]]:
    """Read a list of declarations; return what can be used, and of each other text why not.

    Raises
    ------
    ConfigError
        If the inputs themselves are wrong.
    """
    for path, problem in inputs.problems():
        raise ConfigError(f"{'.'.join(path)}: {problem}")
    found: dict[str, Feature] = {}
    errors: list[DeclarationError] = []
    for place, text in enumerate(names):
        try:
            expanded = expand(text)
            if len(found) + len(expanded) > FEATURES_MAX:
                problem = f"with it there are more than {FEATURES_MAX:,} features"
                errors.append(DeclarationError(text, problem, place))
                break
            for name in expanded:
                feature = parse(name, inputs)
                canonical = str(feature)
                if canonical in found:
                    also = "" if canonical == name else f"is {canonical}, which "
                    raise DeclarationError(name, f"{also}is declared already")
                found[canonical] = feature
        except DeclarationError as error:
            errors.append(DeclarationError(error.name, error.problem, place))
    errors += _undeclared(found)
    return tuple(found.values()), errors


def _undeclared(found: Mapping[str, Feature]) -> Iterator[DeclarationError]:
    """Find what `at_fraud` asks for and is not declared: its value would not be kept."""
    for name, feature in found.items():
        for part in flat([feature]):
            if isinstance(part, AtFraud) and str(part.argument) not in found:
                text = f"declare {part.argument} too: what it was is kept with the payment"
                yield DeclarationError(name, text)


def flat(features: Iterable[Feature]) -> Iterator[Feature]:
    """Walk over features and the arguments of derived ones, arguments first."""
    for feature in features:
        if isinstance(feature, Derived):
            yield from flat(feature.arguments)
        yield feature


def entities_of(features: Iterable[Feature]) -> tuple[str, ...]:
    """Return every entity and pair that features use, by name, in order of first use."""
    found: dict[str, None] = {}
    for feature in flat(features):
        if isinstance(feature, Windowed | PerEntity | AtFraud):
            found["+".join(feature.entity)] = None
    return tuple(found)


def amounts_enter(features: Iterable[Feature], aggregates: Collection[str]) -> bool:
    """Tell whether a window makes one of these aggregates of the amounts."""
    return any(
        isinstance(feature, Windowed) and feature.of == "amount" and feature.aggregate in aggregates
        for feature in flat(features)
    )


def default_names(inputs: Inputs) -> tuple[str, ...]:
    """Return the features of a configuration that declares none."""
    names = ["amount", "hour_sin", "hour_cos", *(f"input.{name}" for name in inputs.numeric)]
    for entity in inputs.entities:
        for window in ("10m", "1h", "1d"):
            names += [
                f"{entity}.{what}_{window}" for what in ("count", "amount_sum", "amount_mean")
            ]
        names.append(f"{entity}.seconds_since_last")
    return tuple(names)
