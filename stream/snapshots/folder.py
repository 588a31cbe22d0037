"""Snapshots as files of one folder: the newest whole one counts, a few older ones stay.

A snapshot is written beside the others under a name that is nobody's, and gets its own
only when all of it is on the disk: whoever looks sees it whole or not at all, whenever the
power goes. Numbers only grow. One process writes; any number may read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.states.packing import KEY_MIN, Envelope
from models.states.snapshot import State, envelope_of, unpack
from schemas.errors import SnapshotError, StorageError
from stream.durable_file import PART, part_of, sync_folder, write_durably

_NAME = re.compile(r"snapshot-(\d{12})\.state")
_NUMBER_MAX = 10**12 - 1
_DAY_S = 86_400
# Of one that is not all there yet.
_BUFFER = 2**20


@dataclass(frozen=True)
class Refused:
    """A snapshot that cannot be used, and why."""

    number: int
    path: Path
    why: str


@dataclass(frozen=True)
class NewestSnapshot:
    """The newest snapshot that is whole.

    Attributes
    ----------
    number : int
    path : Path
    state : State
        Its arrays are views of what was read.
    refused : tuple of Refused
        Newer ones, the newest first.
    """

    number: int
    path: Path
    state: State
    refused: tuple[Refused, ...]


@dataclass(frozen=True)
class Listed:
    """What there is to say of one snapshot.

    Attributes
    ----------
    number : int
    path : Path
    size : int
        Bytes.
    header : mapping
        Of its state; empty if it cannot be read.
    why : str
        Why it cannot be used; empty if it is whole.
    """

    number: int
    path: Path
    size: int
    header: Mapping[str, Any]
    why: str = ""


class SnapshotFolder:
    """The snapshots of one worker.

    Parameters
    ----------
    folder : Path
        It must exist.
    key : bytes, optional
        A secret of at least 16 bytes: snapshots are sealed with it, and others refused.
    keep : int
        How many stay, the newest.
    days : int
        Of so many days, UTC, the first that was written stays too.

    Raises
    ------
    ValueError
        The key is too short, or none would stay.
    """

    def __init__(
        self, folder: Path, key: bytes | None = None, keep: int = 3, days: int = 0
    ) -> None:
        if keep < 1 or (key is not None and len(key) < KEY_MIN):
            raise ValueError(f"keep is {keep}, the key short: give at least 1 and {KEY_MIN} bytes")
        self.folder = folder
        self.keep = keep
        self.days = days
        self._key = key

    def numbers(self) -> list[int]:
        """Return the numbers of all snapshots, the newest first, whole or not.

        Raises
        ------
        StorageError
            The folder is not there, or cannot be read.
        """
        try:
            names = os.listdir(self.folder)
        except OSError as error:
            raise StorageError(
                f"{self.folder}: the folder of snapshots cannot be read: {_said(error)}; make "
                "it, mount its disk, or name another"
            ) from error
        found = filter(None, map(_NAME.fullmatch, names))
        return sorted((int(match[1]) for match in found), reverse=True)

    def path(self, number: int) -> Path:
        """Return where the snapshot of a number lies."""
        return self.folder / f"snapshot-{number:012d}.state"

    def write(self, state: State, number: int) -> Path:
        """Write a snapshot, and delete those that are too old then.

        Raises
        ------
        StorageError
            The disk is full or broken, or there is one of this number or a later one. All
            that were there are as they were.
        ValueError
            The state holds what has no bytes, or the number is beyond 12 digits.
        """
        return self.write_envelope(self.envelope(state), number)

    def envelope(self, state: State) -> Envelope:
        """Return a state, sealed, for `write_envelope`: its arrays must stay as they are."""
        return envelope_of(state, self._key)

    def write_envelope(
        self, envelope: Envelope, number: int, given_up: Callable[[], bool] = lambda: False
    ) -> Path:
        """Write a snapshot that is sealed already; see `write`.

        Parameters
        ----------
        envelope : Envelope
        number : int
        given_up : callable
            Asked now and then whether nobody wants it any more; then it is a StorageError.
        """
        if not 0 <= number <= _NUMBER_MAX:
            raise ValueError(f"number is {number}: give one from 0 to {_NUMBER_MAX}")
        newest = max(self.numbers(), default=-1)
        path = self.path(number)
        if number <= newest:
            raise StorageError(
                f"{path}: snapshot {newest} is there already: another worker writes into this "
                "folder, give each its own"
            )
        try:
            self._write(envelope, path, given_up)
        except OSError as error:
            for left in (part_of(path), path):
                with suppress(OSError):
                    left.unlink()
            raise StorageError(
                f"{path}: a snapshot of {envelope.size:,} bytes cannot be written: "
                f"{_said(error)}; make room on its disk, or mend it. Older ones are whole"
            ) from error
        self._forget()
        return path

    def newest(self) -> NewestSnapshot | None:
        """Return the newest snapshot that is whole; None if there never was one.

        Raises
        ------
        SnapshotError
            There are some, and none can be used; the text names why of each.
        StorageError
            The folder cannot be read.
        """
        refused: list[Refused] = []
        for number in self.numbers():
            path = self.path(number)
            try:
                return NewestSnapshot(number, path, self._read(path), tuple(refused))
            except SnapshotError as error:
                refused.append(Refused(number, path, str(error)))
        if refused:
            why = "; ".join(f"{each.path.name}: {each.why}" for each in refused)
            raise SnapshotError(
                f"{self.folder}: none of its {len(refused)} snapshots can be used: {why}. To "
                "begin without what was remembered, give an empty folder"
            )
        return None

    def read(self, number: int) -> State:
        """Return the state of one snapshot.

        Raises
        ------
        SnapshotError
            It is not whole, not of this key or this code, or not there.
        """
        return self._read(self.path(number))

    def listed(self) -> list[Listed]:
        """Read all snapshots, and say of each whether it is whole; the newest first."""
        found = []
        for number in self.numbers():
            try:
                found.append(self.verify(number))
            except SnapshotError as error:
                path = self.path(number)
                with suppress(OSError):  # A worker may have deleted it just now.
                    found.append(Listed(number, path, path.stat().st_size, {}, str(error)))
        return found

    def verify(self, number: int) -> Listed:
        """Read one snapshot.

        Raises
        ------
        SnapshotError
            It is not whole, not of this key or this code, or not there.
        """
        path = self.path(number)
        state = self._read(path)
        return Listed(number, path, path.stat().st_size, state.header)

    def forget_before(self, number: int) -> None:
        """Delete all snapshots before one, and what is left of any that nobody finished.

        Raises
        ------
        StorageError
            One cannot be deleted; it names it.
        """
        outdated = [self.path(each) for each in self.numbers() if each < number]
        try:
            for path in [*outdated, *self.folder.glob(f"*.state{PART}")]:
                path.unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as error:
            raise StorageError(
                f"{self.folder}: a snapshot before {number} cannot be deleted: {_said(error)}; "
                "delete it by hand"
            ) from error

    def surplus(self) -> list[Path]:
        """Return what is there beyond those that stay: after a `write`, what cannot be deleted."""
        numbers = self.numbers()
        firsts = self._firsts(numbers) if self.days else set()
        return [self.path(each) for each in numbers[self.keep :] if each not in firsts]

    def _firsts(self, numbers: Sequence[int]) -> set[int]:
        """Return the first snapshots of the last days; `numbers` are the newest first."""
        firsts: dict[int, int] = {}
        for number in numbers:
            with suppress(OSError):  # Whoever deleted it just now needs it no more.
                firsts[int(self.path(number).stat().st_mtime) // _DAY_S] = number
        return {firsts[day] for day in sorted(firsts)[-self.days :]}

    def clear(self) -> None:
        """Delete what was left of a snapshot that nobody finished."""
        with suppress(OSError):
            for left in self.folder.glob(f"*.state{PART}"):
                left.unlink(missing_ok=True)

    def _write(self, envelope: Envelope, path: Path, given_up: Callable[[], bool]) -> None:
        self.clear()
        # Nobody else's: amounts, and hashes of ids, are in it.
        write_durably(path, lambda file: envelope.write(file, given_up), _BUFFER)

    def _forget(self) -> None:
        """Delete what is too old; what cannot be deleted stays, and is listed."""
        for path in self.surplus():
            with suppress(OSError):
                path.unlink()

    def _read(self, path: Path) -> State:
        # Into memory, not mapped: a disk that fails would end the process without a word,
        # and what was checked could still change.
        try:
            with open(path, "rb", buffering=0) as file:
                content = np.empty(os.fstat(file.fileno()).st_size, np.uint8)
                left = content.data
                while left and (length := file.readinto(left)):
                    left = left[length:]
        except OSError as error:
            raise SnapshotError(f"it cannot be read: {_said(error)}") from error
        return unpack(content[: len(content) - len(left)].data, self._key, copy=False)


def _said(error: OSError) -> str:
    return error.strerror or str(error)
