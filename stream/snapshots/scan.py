"""Where a folder still holds a key: every byte of every file, and which arrays they are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.states.snapshot import State
from schemas.errors import SnapshotError, StorageError
from stream.snapshots.folder import SnapshotFolder

_PIECE = 2**22
# Of an id in clear, fewer bytes than this come about by chance.
_CLEAR_MIN = 8


@dataclass(frozen=True)
class Scanned:
    """What one file holds.

    Attributes
    ----------
    path : Path
    size : int
        Bytes that were looked at.
    found : tuple of str
        What of the entity: ``hash``, ``hash as text``, ``id``. Empty: nothing.
    arrays : tuple of str
        Of a whole snapshot, the arrays that hold the hash.
    """

    path: Path
    size: int
    found: tuple[str, ...]
    arrays: tuple[str, ...] = ()


def patterns_of(key: int, clear: bytes = b"") -> dict[str, list[bytes]]:
    """Return the bytes that say somebody is known: by the keyed hash, or by the id itself."""
    text = f"{key:016x}"
    patterns = {
        "hash": [key.to_bytes(8, "little")],
        "hash as text": [text.encode(), text.upper().encode()],
    }
    return patterns | ({"id": [clear]} if len(clear) >= _CLEAR_MIN else {})


def scan(
    folder: Path, key: int, clear: bytes = b"", snapshot_key: bytes | None = None
) -> list[Scanned]:
    """Look into every file of a folder and of those in it: snapshots, unfinished ones, journals.

    Parameters
    ----------
    folder : Path
    key : int
        The keyed hash.
    clear : bytes
        The id itself.
    snapshot_key : bytes, optional
        What snapshots are sealed with: without it arrays are not named.

    Raises
    ------
    StorageError
        The folder or a file of it cannot be read; one that a worker deletes meanwhile is
        passed over.
    """
    patterns = patterns_of(key, clear)
    if not folder.is_dir():
        raise StorageError(f"{folder} cannot be read: there is no such folder; name another")
    scanned = []
    for path in sorted(folder.rglob("*")):
        try:
            if not path.is_file():
                continue
            size, found = _look(path, patterns)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
        arrays: tuple[str, ...] = ()
        number = path.stem.rpartition("-")[2]
        if found and path.suffix == ".state" and number.isdecimal():
            with suppress(SnapshotError):
                state = SnapshotFolder(path.parent, snapshot_key).read(int(number))
                arrays = tuple(arrays_with(state, key))
        scanned.append(Scanned(path, size, found, arrays))
    return scanned


def arrays_with(state: State, key: int, at: str = "") -> Iterator[str]:
    """Yield the names of all arrays of 64-bit words that hold a key."""
    for name, array in state.arrays.items():
        if array.dtype.itemsize == 8 and (array.view(np.uint64) == np.uint64(key)).any():
            yield at + name
    for name, part in state.parts.items():
        yield from arrays_with(part, key, f"{at}{name}/")


def _look(path: Path, patterns: Mapping[str, list[bytes]]) -> tuple[int, tuple[str, ...]]:
    overlap = max(len(each) for one in patterns.values() for each in one) - 1
    found, size, tail = set[str](), 0, b""
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            data = tail + piece
            found |= {name for name, one in patterns.items() if any(each in data for each in one)}
            tail = data[-overlap:]
    return size, tuple(name for name in patterns if name in found)
