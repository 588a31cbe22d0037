"""Snapshot copies in a folder: a network disk, or an object store that is mounted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from schemas.errors import StorageError, StoreError
from stream.snapshots.folder import SnapshotFolder
from stream.store.copies import PIECE_BYTES, Mark, mark_of, require_newest
from stream.store.pieces import pieces_of, write_pieces


class FolderCopies:
    """The copies of one worker, in a folder of its own that looks as its own folder does.

    Parameters
    ----------
    folder : Path
        It is made with the first copy.
    keep : int
        How many stay.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.name = str(folder)
        self._there = SnapshotFolder(folder, keep=keep)

    def put(self, path: Path, number: int, going_on: Callable[[], bool]) -> None:
        """Copy a snapshot; see `stream.store.copies.Copies`."""
        ours, to = mark_of(path, number), self._there.path(number)
        try:
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{to.parent}: it cannot be made: {error.strerror}") from error
        newest = [mark for each in self.numbers()[:1] if (mark := self._mark(each)) is not None]
        require_newest(ours, newest, self.name)
        if newest == [ours]:
            return
        write_pieces(to, _watched(path, ours, going_on))
        for old in self.numbers()[self._there.keep :]:
            with suppress(OSError):
                self._there.path(old).unlink()

    def forget_before(self, number: int) -> None:
        """Delete all copies before one; see `stream.store.copies.Copies`."""
        if not self._there.folder.exists():
            return
        try:
            self._there.forget_before(number)
        except StorageError as error:
            raise StoreError(str(error)) from error

    def numbers(self) -> list[int]:
        """Return the numbers of all copies, the newest first."""
        if not self._there.folder.exists():
            return []
        try:
            return self._there.numbers()
        except StorageError as error:
            raise StoreError(str(error)) from error

    def fetch(self, number: int, into: Path) -> None:
        """Bring a copy back as a file; see `stream.store.copies.Copies`."""
        write_pieces(into, pieces_of(self._there.path(number), PIECE_BYTES))

    def close(self) -> None:
        """Do nothing: no file is kept open."""

    def _mark(self, number: int) -> Mark | None:
        """Return which copy is there; None for what is none, and may be written over."""
        try:
            return mark_of(self._there.path(number), number)
        except StoreError:
            return None


def _watched(path: Path, ours: Mark, going_on: Callable[[], bool]) -> Iterator[bytes]:
    for piece in pieces_of(path, PIECE_BYTES):
        if not going_on():
            raise StoreError(f"the copy of snapshot {ours.number} was given up before its end")
        yield piece
