"""Times as TOML has them, and as the engine has them."""

from __future__ import annotations

import calendar
from typing import Any


def microseconds_of(value: Any) -> int | None:
    """Return a date or a date with a time as microseconds since the epoch.

    A date is the moment at which it begins; what names no offset is in UTC. None for anything
    else, a time of day without a date among it.
    """
    if hasattr(value, "utctimetuple"):
        return calendar.timegm(value.utctimetuple()) * 1_000_000 + int(value.microsecond)
    if hasattr(value, "toordinal"):
        return calendar.timegm(value.timetuple()) * 1_000_000
    return None
