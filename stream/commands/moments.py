"""Times as people write them and read them, in UTC."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

from schemas.errors import ConfigError
from stream.config.values import parse_duration
from stream.lists.entries import ALWAYS_US, NEVER_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SINGLE = timedelta(microseconds=1)


def now_us() -> int:
    """Return the time of this machine, microseconds since 1970."""
    return time.time_ns() // 1000


def moment_us(text: str) -> int:
    """Read ``2026-12-31`` or ``2026-12-31T18:00``, in UTC unless it says another.

    Raises
    ------
    ValueError
        It is no time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: write 2026-12-31, or 2026-12-31T18:00, in UTC"
        ) from None
    aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _SINGLE


def moment_or_ago_us(text: str, now: int) -> int:
    """Read a time as `moment_us` does, or ``6h``, so long ago."""
    if re.fullmatch(r"\s*\d+\s*[a-z]+\s*", text):
        return now - int(str(parse_duration(text)))
    return moment_us(text)


def shown(at_us: int) -> str | None:
    """Write a time in UTC; None for no bound."""
    if at_us in (ALWAYS_US, NEVER_US):
        return None
    moment = _EPOCH + timedelta(microseconds=at_us)
    return moment.isoformat().replace("+00:00", "Z")


def end_of(until: str, lasts: str, now: int) -> int:
    """Return when an entry ends: at a time, so long after `now`, or never.

    Raises
    ------
    ConfigError
        Both are given, one is not what it should be, or it has ended already.
    """
    if until and lasts:
        raise ConfigError("--until and --for say the same in two ways: give one of them")
    try:
        if lasts:
            return now + int(str(parse_duration(lasts)))
        end_us = moment_us(until) if until else NEVER_US
    except ValueError as error:
        raise ConfigError(f"{'--for' if lasts else '--until'}: {error}") from error
    if end_us <= now:
        raise ConfigError(
            f"--until: {until} has passed, or is not after --from: it would never hold"
        )
    return end_us
