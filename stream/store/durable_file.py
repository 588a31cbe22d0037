"""A file that is whole or not there, whenever the power goes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from schemas.errors import StoreError

# As of `stream.snapshots.folder`, which clears what is left of them.
PART = ".part"


def write_durably(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file, readable by its owner alone, under another name; then give it its own.

    Raises
    ------
    StoreError
        It cannot be written; then it is not there. Whatever the pieces raise passes through.
    """
    part = path.with_name(path.name + PART)
    try:
        part.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(part, flags, 0o600), "wb", buffering=0) as file:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        part.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(f"{path}: it cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def pieces_of(path: Path, size: int) -> Iterable[bytes]:
    """Yield a file piece by piece.

    Raises
    ------
    StoreError
        It cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(size):
                yield piece
    except OSError as error:
        raise StoreError(f"{path}: it cannot be read: {error.strerror or error}") from error
