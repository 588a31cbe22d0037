"""Whether a trail is one chain: what was altered, left out, put in, or written by two at once."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from stream.audit_trail.chain import FIRST_PREVIOUS, Entry


class Kind(StrEnum):
    """What is wrong with a trail."""

    UNREADABLE = "unreadable"
    ALTERED = "altered"
    FORK = "fork"
    GAP = "gap"
    MISNUMBERED = "misnumbered"
    NO_BEGINNING = "no_beginning"
    ANOTHER_END = "another_end"


class Finding(NamedTuple):
    """Something that is wrong.

    Attributes
    ----------
    offset : int
        Of the record; -1 where it is of none.
    kind : Kind
    text : str
        The same for a person.
    """

    offset: int
    kind: Kind
    text: str


class Head(NamedTuple):
    """The last entry of a trail: who knows it can tell later that nothing was cut off."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


class Verified(NamedTuple):
    """What a trail is.

    Attributes
    ----------
    entries : int
    head : Head or None
    findings : list of Finding
    """

    entries: int
    head: Head | None
    findings: list[Finding]


def verify(trail: Iterable[tuple[int, Entry | str]], expected: Head | None = None) -> Verified:
    """Walk over a trail.

    Parameters
    ----------
    trail : iterable of (int, Entry or str)
        Offsets in ascending order, and entries, or why a record is none.
    expected : Head, optional
        An end that was noted before: it must be in the trail.
    """
    findings: list[Finding] = []
    known: set[str] = set()
    ends: set[Head] = set()
    last: Entry | None = None
    n = 0
    for offset, entry in trail:
        if isinstance(entry, str):
            findings.append(Finding(offset, Kind.UNREADABLE, f"no entry: {entry}"))
            continue
        n += 1
        findings += _of_one(offset, entry, last, known)
        known.add(entry.hash)
        ends.add(Head(entry.sequence, entry.hash))
        last = entry
    if expected is not None and expected not in ends:
        text = f"the end that was noted, {expected}, is not in the trail: it was cut off or changed"
        findings.append(Finding(-1, Kind.ANOTHER_END, text))
    head = None if last is None else Head(last.sequence, last.hash)
    return Verified(n, head, findings)


def _of_one(offset: int, entry: Entry, last: Entry | None, known: set[str]) -> Iterable[Finding]:
    """Find what is wrong with an entry beside the one before it and all that were."""
    name = f"entry {entry.sequence}"
    if not entry.is_intact:
        yield Finding(offset, Kind.ALTERED, f"{name} is not what its hash says")
    if last is None:
        if entry.sequence != 0 or entry.previous != FIRST_PREVIOUS:
            text = f"the trail begins with {name}: what was before is gone"
            yield Finding(offset, Kind.NO_BEGINNING, text)
        return
    if entry.previous != last.hash:
        if entry.previous in known or entry.previous == FIRST_PREVIOUS:
            text = f"{name} follows an entry that another one follows as well"
            yield Finding(offset, Kind.FORK, text)
        else:
            text = f"{name} follows an entry that is not here"
            yield Finding(offset, Kind.GAP, text)
    elif entry.sequence != last.sequence + 1:
        text = f"{name} comes after entry {last.sequence}"
        yield Finding(offset, Kind.MISNUMBERED, text)
