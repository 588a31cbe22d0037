"""Orders to change a list: JSON in the `key` of a record of the control topic.

::

    {"list": "blocked_cards", "reason": "reported stolen", "by": "anna",
     "add": [{"key": "00f1c2a4b6d8e09a", "until": 1790000000000000}],
     "remove": ["0123456789abcdef"]}

`until` and `since` of an entry are microseconds since 1970, null or left out for no bound.
An order is carried out as a whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason
from stream.lists.entries import ALWAYS_US, NEVER_US, REASON_CHARACTERS_MAX

CHANGES_MAX = 1_000
# So many changes with two times each, and the longest reason, take less.
ORDER_BYTES_MAX = 131_072
BY_CHARACTERS_MAX = 100
# 2000-01-01 and 2200-01-01: what lies outside was written in another unit.
TIME_MIN_US, TIME_MAX_US = 946_684_800_000_000, 7_258_118_400_000_000

# A keyed hash as text.
KEY = re.compile("[0-9a-fA-F]{16}")


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """An entry that is added."""

    key: str
    until: int | None = None
    since: int | None = None


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON."""

    name: str = msgspec.field(name="list")
    reason: str
    by: str
    add: list[_Entry] = []
    remove: list[str] = []


_decoder = msgspec.json.Decoder(_Order)


@dataclass(frozen=True)
class ListsOrder:
    """A change of one list.

    Attributes
    ----------
    name : str
    keys : ndarray of uint64, shape (n,)
        Who is put on it, or of whom it then says something else; each once.
    since_us, until_us : ndarray of int64, shape (n,)
        From when until before when, ALWAYS_US and NEVER_US for no bound.
    removed : ndarray of uint64, shape (m,)
        Who is taken off it; each once, and none of `keys`.
    reason, by : str
        Why, and who asked for it.
    """

    name: str
    keys: NDArray[np.uint64]
    since_us: NDArray[np.int64]
    until_us: NDArray[np.int64]
    removed: NDArray[np.uint64]
    reason: str
    by: str


def parse_lists_order(text: str) -> ListsOrder | Reason:
    """Read an order; return what is wrong with it if it is none."""
    if len(text) > ORDER_BYTES_MAX:
        return Reason.CONTROL_LIST_ORDER_TOO_LONG
    try:
        read = _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return Reason.CONTROL_LIST_ORDER_INVALID
    changes = len(read.add) + len(read.remove)
    named = _says(read.reason, REASON_CHARACTERS_MAX) and _says(read.by, BY_CHARACTERS_MAX)
    if not named or changes == 0:
        return Reason.CONTROL_LIST_ORDER_INVALID
    if changes > CHANGES_MAX:
        return Reason.CONTROL_LIST_ORDER_TOO_LONG
    keys = _keys([*(each.key for each in read.add), *read.remove])
    if keys is None:
        return Reason.CONTROL_LIST_KEY_INVALID
    since_us = _times((each.since for each in read.add), ALWAYS_US)
    until_us = _times((each.until for each in read.add), NEVER_US)
    if since_us is None or until_us is None or (since_us >= until_us).any():
        return Reason.CONTROL_LIST_TIME_INVALID
    n = len(read.add)
    return ListsOrder(read.name, keys[:n], since_us, until_us, keys[n:], read.reason, read.by)


def text_of(order: ListsOrder) -> str:
    """Return an order as the JSON that `parse_lists_order` reads."""
    times = zip(order.keys.tolist(), order.since_us.tolist(), order.until_us.tolist(), strict=True)
    added = [_entry_of(*each) for each in times]
    removed = [f"{key:016x}" for key in order.removed.tolist()]
    whole = {"list": order.name, "add": added, "remove": removed}
    return msgspec.json.encode({**whole, "reason": order.reason, "by": order.by}).decode()


def _entry_of(key: int, since_us: int, until_us: int) -> dict[str, str | int]:
    entry: dict[str, str | int] = {"key": f"{key:016x}"}
    if since_us != ALWAYS_US:
        entry["since"] = since_us
    if until_us != NEVER_US:
        entry["until"] = until_us
    return entry


def _says(text: str, characters_max: int) -> bool:
    """Tell whether a text says something, in characters that can be kept."""
    # A lone surrogate can be written in JSON, and in nothing else.
    fit = len(text) <= characters_max and not any("\ud800" <= each <= "\udfff" for each in text)
    return fit and bool(text.strip())


def _keys(texts: list[str]) -> NDArray[np.uint64] | None:
    """Return different keys of somebody as numbers; None if they are not that."""
    if not all(KEY.fullmatch(text) for text in texts):
        return None
    keys = [int(text, 16) for text in texts]
    return np.array(keys, np.uint64) if all(keys) and len(set(keys)) == len(keys) else None


def _times(times_us: Iterable[int | None], unbounded_us: int) -> NDArray[np.int64] | None:
    """Return times, shape (n,), with a number for no bound; None if one is in another unit."""
    found = [unbounded_us if each is None else each for each in times_us]
    if not all(each == unbounded_us or TIME_MIN_US <= each <= TIME_MAX_US for each in found):
        return None
    return np.array(found, np.int64)
