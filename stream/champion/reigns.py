"""Which models decided, one after the other."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from models.states.restoring import require
from models.states.snapshot import State

# Reigns that are remembered; who looks further back has the journal.
REIGNS_MAX = 100

_TIMES = 2**62


class Cause(StrEnum):
    """Why a model became champion."""

    START = "start"
    ORDER = "order"
    ROLLBACK = "rollback"


class Reign(NamedTuple):
    """A model that became champion.

    Attributes
    ----------
    model : str
    since_us : int
        Time of the latest learning barrier when it did.
    payments : int
        Payments that were scored before, repeats and late ones left out.
    cause : str
        A `Cause`.
    by, why : str
        Who ordered it, and what was said of it.
    """

    model: str
    since_us: int
    payments: int
    cause: str = Cause.START.value
    by: str = ""
    why: str = ""


def reign_of(state: State, given: Any) -> Reign:
    """Return a reign of a state's header; SnapshotError if it is none."""
    types = [type(each) for each in given] if type(given) is list else []
    require(state, types == [str, int, int, str, str, str], f"{given!r} is no reign")
    reign = Reign(*given)
    in_range = -_TIMES <= reign.since_us <= _TIMES and 0 <= reign.payments <= _TIMES
    require(state, in_range and reign.cause in set(Cause), f"{given!r} is no reign")
    return reign
