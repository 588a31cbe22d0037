"""Copies of snapshots elsewhere: what a place for them does, and how two copies compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from models.states.packing import peek
from schemas.errors import SnapshotError, StoreError

# What is moved at once: other clients of Redis wait for no more than this.
PIECE_BYTES = 2**20


class Copies(Protocol):
    """A place for the snapshot copies of one worker; one process writes there.

    Attributes
    ----------
    name : str
        For words; nothing in it is secret.
    """

    name: str

    def put(self, path: Path, number: int, going_on: Callable[[], bool]) -> None:
        """Copy a snapshot, and delete those that are too old then.

        Parameters
        ----------
        path : Path
        number : int
        going_on : callable
            Asked between pieces; once it says no, StoreError ends it.

        Raises
        ------
        StoreError
            It is not there, or not whole, or a newer one is; older ones are as they were.
        """
        ...

    def forget_before(self, number: int) -> None:
        """Delete all copies before one, and what was begun before it and never ended.

        Raises
        ------
        StoreError
            Some may still be there.
        """
        ...

    def numbers(self) -> list[int]:
        """Return the numbers of all that are said to be whole, the newest first.

        Raises
        ------
        StoreError
        """
        ...

    def fetch(self, number: int, into: Path) -> None:
        """Bring a copy back as a file, durable and under its name only when all of it is there.

        Raises
        ------
        StoreError
            The copy is not there or not whole, or the file cannot be written.
        """
        ...

    def close(self) -> None:
        """Let go of the place; nothing of it is asked any more."""
        ...


class Mark(msgspec.Struct, frozen=True, order=True):
    """Which copy it is; the newer of two is the greater.

    Attributes
    ----------
    number : int
    step : int
        Of the state.
    bytes : int
    digest : str
        Hexadecimal digits; what the file says of itself.
    """

    number: int
    step: int
    bytes: int
    digest: str


class _Header(msgspec.Struct):
    header: dict[str, msgspec.Raw]


def mark_of(path: Path, number: int) -> Mark:
    """Return which snapshot a file says it is.

    Raises
    ------
    StoreError
        The file cannot be read, or is no snapshot.
    """
    try:
        with open(path, "rb") as file:
            size, digest, header = peek(file)
        step = msgspec.json.decode(msgspec.json.decode(header, type=_Header).header["step"])
        return Mark(number, int(step), size, digest.hex())
    except OSError as error:
        raise StoreError(f"{path}: it cannot be read: {error.strerror}") from error
    except (SnapshotError, msgspec.MsgspecError, KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{path}: it is no snapshot of a worker: {error}") from error


def require_newest(ours: Mark, others: list[Mark], where: str) -> None:
    """Refuse to go on where a newer copy is, or another one of the same number.

    Raises
    ------
    StoreError
    """
    newer = [mark for mark in others if (mark.number, mark.step) > (ours.number, ours.step)]
    newer += [mark for mark in others if mark.number == ours.number and mark != ours]
    if newer:
        there = max(newer)
        raise StoreError(
            f"{where}: snapshot {ours.number} of step {ours.step} is not copied over snapshot "
            f"{there.number} of step {there.step}: another worker copies there, or this one began "
            "anew: give each its own recovery.name and recovery.copy_folder"
        )
