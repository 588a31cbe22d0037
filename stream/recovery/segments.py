"""The journal's files: one is written, the older ones lead from a snapshot to it.

An entry is written in one call and not forced to the disk. A process that is killed leaves
what it wrote to the kernel, so nothing is ever published that the journal does not know; what
a machine takes with it when it loses its power is cut off at the next start.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from schemas.errors import RecoveryError
from stream.durable_file import sync_folder
from stream.recovery.journal import (
    Entry,
    Header,
    Segment,
    begin_segment,
    entry_bytes,
    outcome_bytes,
    read_segment,
)
from stream.recovery.lock import FolderLock
from stream.recovery.tenure import Tenure

_NAME = re.compile(r"segment-(\d{12})\.journal")


@dataclass(frozen=True)
class Chain:
    """Entries from a snapshot to the end of the journal.

    Attributes
    ----------
    links : list of (Header, list of Entry)
        Segments, each beginning where the one before ends.
    broken : list of str
        Where entries could not be read, in words.
    """

    links: list[tuple[Header, list[Entry]]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def entries(self) -> list[Entry]:
        """All of them."""
        return [entry for _, entries in self.links for entry in entries]


class Segments:
    """The segments of a folder, to be read.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def numbers(self) -> list[int]:
        """Return the numbers of all segments, the oldest first.

        Raises
        ------
        RecoveryError
            If the folder cannot be read.
        """
        try:
            names = map(_NAME.fullmatch, os.listdir(self.folder))
        except OSError as error:
            raise _unreadable(self.folder, error) from error
        return sorted(int(name[1]) for name in names if name)

    def chain(self, number: int, step: int) -> Chain:
        """Read on behind a step, from a segment on.

        A segment that does not begin where the one before it ends belongs to a history that
        was given up when its beginning was found damaged.

        Parameters
        ----------
        number : int
            Of the snapshot; 0: there is none.
        step : int
            Its last step.

        Raises
        ------
        RecoveryError
            If one cannot be read, or is of a release to come.
        """
        chain = Chain()
        for each in self.numbers():
            if each < number:
                continue
            path = self.path(each)
            segment = self._read(each)
            if segment.foreign:
                raise RecoveryError(
                    f"the journal {path}: {segment.foreign}: start the release that wrote it once "
                    "more and stop it with SIGTERM, which leaves a snapshot and no such steps"
                )
            if segment.damage:
                chain.broken.append(f"{path}, {segment.damage}")
            if segment.header is None or segment.header.first_step != step + 1:
                continue
            _complete(chain.links, segment.header)
            step += len(segment.entries)
            chain.links.append((segment.header, segment.entries))
        return chain

    def reaches_back(self) -> bool:
        """Tell whether no segment is there that begins behind steps that no other holds."""
        headers = (self._read(each).header for each in self.numbers())
        found = [header.first_step for header in headers if header is not None]
        return not found or min(found) == 1

    def path(self, number: int) -> Path:
        """Return where a segment lies."""
        return self.folder / f"segment-{number:012d}.journal"

    def _read(self, number: int) -> Segment:
        path = self.path(number)
        try:
            return read_segment(path.read_bytes())
        except OSError as error:
            raise _unreadable(path, error) from error


class Ownership(Protocol):
    """What keeps others out of a folder, or tells that they are in."""

    @property
    def over(self) -> bool:
        """Whether the folder is another's now."""
        ...

    def require(self) -> None:
        """Raise RecoveryError if it is."""
        ...

    def clear(self) -> list[Path]:
        """Delete what those before left; return what could not be."""
        ...

    def release(self) -> None:
        """Let others in."""
        ...


class Journal(Segments):
    """The segments of a folder, one of them being written.

    Parameters
    ----------
    folder : Path
        This worker's alone; it is made if it is not there.
    tenure : Tenure, optional
        Whose folder it is; without one it is locked.

    Raises
    ------
    RecoveryError
        If another worker has the folder, or it cannot be made.
    """

    def __init__(self, folder: Path, tenure: Tenure | None = None) -> None:
        super().__init__(folder)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RecoveryError(
                f"recovery.folder: {folder} cannot be made: {error.strerror}"
            ) from error
        self._ours: Ownership = tenure or FolderLock(folder)
        self._file: int | None = None
        self._path = folder
        self._length = 0

    @property
    def over(self) -> bool:
        """Whether the folder is another's now."""
        return self._ours.over

    def require(self) -> None:
        """Raise RecoveryError if the folder is another's now."""
        self._ours.require()

    def begin(self, header: Header, durable: bool = False) -> None:
        """Write to a new segment from now on.

        Parameters
        ----------
        header : Header
        durable : bool
            Wait until the header is on the disk, and all that was written before it.

        Raises
        ------
        RecoveryError
            If it cannot be written; the one before is written as it was. Or it is another's.
        """
        self._ours.require()
        path, data = self.path(header.number), begin_segment(header)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            file = os.open(path, flags, 0o600)
            try:
                _write_all(file, data)
                if durable:
                    self._sync(file)
            except OSError:
                os.close(file)
                with suppress(OSError):
                    path.unlink()
                raise
        except OSError as error:
            raise _refused(path, error) from error
        if self._file is not None:
            os.close(self._file)
        self._file, self._path, self._length = file, path, len(data)

    def append(self, entry: Entry) -> None:
        """Write an entry; it is whole in the kernel's hands when this returns.

        Raises
        ------
        RecoveryError
            If it cannot be written; the segment is as long as before. Or it is another's.
        """
        self._append(entry_bytes(entry))

    def append_outcome(self, step: int, outcome: int) -> None:
        """Write what the step of the last entry came to; as `append`."""
        self._append(outcome_bytes(step, outcome))

    def _append(self, data: bytes) -> None:
        self._ours.require()
        if self._file is None:
            raise ValueError("begin a segment first")
        try:
            _write_all(self._file, data)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._length)
                os.lseek(self._file, self._length, os.SEEK_SET)
            raise _refused(self._path, error) from error
        self._length += len(data)

    def _sync(self, file: int) -> None:
        """Wait until the disk has the segment before, this one and its name."""
        if self._file is not None:
            os.fsync(self._file)
        os.fsync(file)
        sync_folder(self.folder)

    def prune(self, number: int) -> list[Path]:
        """Delete the segments before one, and what owners before have.

        Returns
        -------
        list of Path
            What could not be deleted; nobody reads it.
        """
        outdated = [self.path(each) for each in self.numbers() if each < number]
        for path in outdated:
            with suppress(OSError):
                path.unlink()
        return [path for path in outdated if os.path.lexists(path)] + self._ours.clear()

    def close(self) -> None:
        """Let go of the folder."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._ours.release()


def _complete(links: list[tuple[Header, list[Entry]]], header: Header) -> None:
    """Let the last entry say what it came to, where only who took it again lived to write that."""
    entries = links[-1][1] if links else []
    # What was published is what its own writer came to, not who took it again.
    if entries and entries[-1].outcome is None:
        entries[-1] = replace(entries[-1], outcome=header.outcome)


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _unreadable(path: Path, error: OSError) -> RecoveryError:
    return RecoveryError(
        f"the journal {path} cannot be read ({error.strerror}): mount its disk, or give it to the "
        "worker's user, and start the worker again"
    )


def _refused(path: Path, error: OSError) -> RecoveryError:
    return RecoveryError(
        f"the journal {path} cannot be written ({error.strerror}); nothing was published of what "
        "it does not know: make room and restart"
    )
