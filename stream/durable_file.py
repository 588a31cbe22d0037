"""Files that are whole or not there, whenever the power goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

PART = ".part"


def part_of(path: Path) -> Path:
    """Return the name that a file has until it is whole."""
    return path.with_name(path.name + PART)


def write_durably(path: Path, write: Callable[[BinaryIO], None], buffer: int = 2**20) -> None:
    """Write a file, readable by its owner alone, under another name; then give it its own.

    Parameters
    ----------
    path : Path
    write : callable
        Writes the contents.
    buffer : int
        Bytes that are handed to the system at once.

    Raises
    ------
    OSError
        It cannot be written. Then, and whatever else `write` raises, nothing of it stays.
    """
    part = part_of(path)
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with open(os.open(part, flags, 0o600), "wb", buffering=buffer) as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
