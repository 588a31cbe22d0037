"""Files piece by piece, with errors of this folder's own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from schemas.errors import StoreError
from stream.durable_file import write_durably


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file that is whole or not there.

    Raises
    ------
    StoreError
        It cannot be written; then it is not there. Whatever the pieces raise passes through.
    """
    try:
        write_durably(path, partial(_write, pieces))
    except OSError as error:
        raise StoreError(f"{path}: it cannot be written: {error.strerror or error}") from error


def _write(pieces: Iterable[bytes], file: BinaryIO) -> None:
    file.writelines(pieces)


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
