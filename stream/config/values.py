"""How single values of the configuration are read: durations, numbers, hours, names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

ENV_PREFIX = "FRAUD_"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# A century: sums of a time and a duration stay far inside 64 bits.
_DURATION_MAX_US = 36_525 * 86_400_000_000
_UNITS_US = {
    "us": 1,
    "ms": 1_000,
    "s": 10**6,
    "m": 60 * 10**6,
    "h": 3600 * 10**6,
    "d": 86400 * 10**6,
}


def parse_duration(value: object) -> object:
    """Read ``90s``, ``1h`` or ``7d`` as microseconds.

    Raises
    ------
    ValueError
        For anything else: a bare number has no unit.
    """
    match = (
        re.fullmatch(r"\s*(\d+)\s*(us|ms|s|m|h|d)\s*", value) if isinstance(value, str) else None
    )
    if match is None:
        raise ValueError(
            f"a duration is a number with a unit, such as '90s', '1h' or '7d', not {value!r}"
        )
    duration_us = int(match[1]) * _UNITS_US[match[2]]
    if duration_us > _DURATION_MAX_US:
        raise ValueError("a duration is at most 36525d, a century")
    return duration_us


Duration = Annotated[int, BeforeValidator(parse_duration)]


def flat_settings(value: object) -> object:
    """Bring nested tables to librdkafka's dotted names.

    ``sasl.password`` without quotes is a table in TOML, and in the environment two
    underscores stand for the dot: ``FRAUD_KAFKA__CLIENT__SASL__PASSWORD``.

    Raises
    ------
    ValueError
        For what no setting can be; the text names the setting and never its value.
    """
    if not isinstance(value, dict):
        raise ValueError("must be a table of librdkafka's settings")
    flat = dict(_leaves(value))
    for name, setting in flat.items():
        if not isinstance(setting, (str, int, float)):
            raise ValueError(f"{name} must be a text, a number, true or false")
        if "_" in name and name != "log_level":
            raise ValueError(
                f"librdkafka has no setting {name}: its names have dots, such as sasl.password "
                f"(in the environment two underscores, {ENV_PREFIX}KAFKA__CLIENT__SASL__PASSWORD)"
            )
    return flat


def _leaves(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def no_boolean(value: object) -> object:
    """Refuse `block = true`, which would silently mean a threshold of 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def read_category(value: object) -> object:
    """Refuse what no category is; true and false are the integers 1 and 0."""
    if not isinstance(value, (str, int)):
        raise ValueError(f"a category is a text, an integer, true or false, not {value!r}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"an integer has 64 bits, and {value} needs more")
    return value


def read_max_features(value: object) -> object:
    """Read a name, a whole number or a share; in the environment both come as texts."""
    names = ("all", "sqrt", "log2")
    number = value
    if isinstance(value, str) and value not in names:
        for read in (float, int):
            with suppress(ValueError):
                number = read(value)
    whole = isinstance(number, int) and not isinstance(number, bool) and number >= 1
    share = isinstance(number, float) and 0 < number < 1
    if not (whole or share or value in names):
        raise ValueError(
            f"must be {', '.join(map(repr, names))}, a whole number from 1 on or a share between "
            f"0 and 1, not {value!r}"
        )
    return number


def read_hours(value: object) -> object:
    """Read the first and the last hour of a span."""
    match = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"hours are a first and a last one, such as '22-5', not {value!r}")
    return int(match[1]), int(match[2])


def read_weekdays(value: object) -> object:
    """Read days as numbers, Monday 0."""
    days = value if isinstance(value, (list, tuple)) else []
    if not days or any(day not in _WEEKDAYS for day in days):
        raise ValueError(f"days are a list of {', '.join(_WEEKDAYS)}, not {value!r}")
    return tuple(sorted({_WEEKDAYS.index(day) for day in days}))


def read_location(value: object) -> object:
    """Refuse what are not two names."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError("must be two names of fields.numeric: latitude and longitude")
    return value


Number = Annotated[float, BeforeValidator(no_boolean), Field(allow_inf_nan=False)]
