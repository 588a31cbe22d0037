"""Entries that follow one another: what is hashed, and what the next one is."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any, NamedTuple

FIRST_PREVIOUS = "0" * 64
_FORM = "fraudstream.audit/1"


class Step(StrEnum):
    """How far an act is: the symbols of `audit.avsc`."""

    UNKNOWN = "UNKNOWN"
    ORDERED = "ORDERED"
    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    DONE = "DONE"
    FAILED = "FAILED"


class Act(NamedTuple):
    """Who does what.

    Attributes
    ----------
    who, what : str
    step : Step
    request_id : str
        The same in all entries about one act.
    subject : str
        What it is about; never an id of a person.
    before, after, orders : str or None
        JSON, as `canonical_json` writes it.
    note : str
    """

    who: str
    what: str
    step: Step
    request_id: str
    subject: str
    before: str | None = None
    after: str | None = None
    orders: str | None = None
    note: str = ""


class Entry(NamedTuple):
    """An act in the trail; see `audit.avsc`."""

    sequence: int
    at_us: int
    act: Act
    previous: str
    hash: str

    @property
    def is_intact(self) -> bool:
        """Tell whether the hash is that of the contents."""
        return self.hash == hash_of(self.sequence, self.at_us, self.act, self.previous)

    def record(self) -> dict[str, Any]:
        """Return it as a record of `audit.avsc`."""
        act = {**self.act._asdict(), "step": self.act.step.value}
        ends = {"previous": self.previous, "hash": self.hash}
        return {"sequence": self.sequence, "at": self.at_us, **act, **ends}


def entry_of(record: dict[str, Any]) -> Entry:
    """Return the entry that a record of `audit.avsc` is."""
    act = {name: record[name] for name in Act._fields}
    return Entry(
        record["sequence"],
        record["at"],
        Act(**{**act, "step": Step(act["step"])}),
        record["previous"],
        record["hash"],
    )


def following(last: Entry | None, act: Act, now_us: int) -> Entry:
    """Return the entry that follows the last one, or the first where there is none.

    Parameters
    ----------
    last : Entry or None
    act : Act
    now_us : int
        Microseconds since the epoch.
    """
    sequence = 0 if last is None else last.sequence + 1
    previous = FIRST_PREVIOUS if last is None else last.hash
    return Entry(sequence, now_us, act, previous, hash_of(sequence, now_us, act, previous))


def hash_of(sequence: int, at_us: int, act: Act, previous: str) -> str:
    """Return the SHA-256 of an entry's contents, 64 hexadecimal digits."""
    fields = [_FORM, sequence, at_us, *act._replace(step=act.step.value), previous]  # type: ignore[arg-type]
    return hashlib.sha256(canonical_json(fields).encode("utf-8", "surrogatepass")).hexdigest()


def canonical_json(value: Any) -> str:
    """Return JSON of texts, whole numbers, lists and tables in one form only (RFC 8785)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
