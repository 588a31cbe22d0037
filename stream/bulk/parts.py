"""A Parquet file in parts of rows, each read and decoded by whatever process.

Reading is most of the work of a file, and no row's bytes depend on another's. What was read
lies in a folder as plain arrays, where every other task finds it.
"""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Layout, Reason, Transactions, join
from schemas.decoder import Decoder, Limits
from stream.features.columns import entity_keys
from stream.features.grammar import Inputs
from stream.files.inputs import FileBlock, RowEncoder, RowKind
from stream.files.rows import read_range
from stream.files.table_columns import TRUTHS
from stream.offline.playback import LATEST_US

Entity = tuple[str, ...]

_OK = int(Reason.OK)


@dataclass(frozen=True)
class RowRange:
    """Some rows of a Parquet file.

    Attributes
    ----------
    path : Path
    kind : RowKind
        What its columns are.
    start, stop : int
        From which row, counted from 0, and before which.
    """

    path: Path
    kind: RowKind
    start: int
    stop: int

    def encoded(self) -> FileBlock:
        """Read the rows, and encode them as a producer would have."""
        encoder = RowEncoder(self.kind)
        return encoder.block(list(read_range(self.path, encoder.columns, self.start, self.stop)))


@cache
def _decoder(pickled: bytes) -> Decoder:
    """Build a decoder once a process; what it is of has no hash of its own."""
    kind, hash_key, limits = pickle.loads(pickled)  # noqa: S301 - pickled a call ago.
    decoder: Decoder = kind.decoder(hash_key, limits)
    return decoder


def encode_rows(rows: RowRange) -> FileBlock:
    """Call `RowRange.encoded`: a function of a module can be sent to another process."""
    return rows.encoded()


@dataclass(frozen=True)
class ReadPart:
    """The task of reading a part.

    Attributes
    ----------
    rows : RowRange
    number : int
        Of the part.
    folder : Path
        Where all that is found is written; every process sees the same one.
    hash_key : bytes
        16 bytes.
    limits : Limits
    inputs : Inputs
    counted : tuple of Entity
        Entities and pairs whose keys are wanted.
    """

    rows: RowRange
    number: int
    folder: Path
    hash_key: bytes
    limits: Limits
    inputs: Inputs
    counted: tuple[Entity, ...] = ()


@dataclass(frozen=True)
class PartRead:
    """What reading a part found.

    Attributes
    ----------
    number : int
    rows : int
    keys : tuple of ndarray of uint64
        The different keys of each entity that was to be counted; refused rows have none.
    cpu_s : float
        Processor time it took.
    """

    number: int
    rows: int
    keys: tuple[NDArray[np.uint64], ...]
    cpu_s: float


def read_part(task: ReadPart) -> PartRead:
    """Read and decode some rows, and leave them in the folder.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    OSError
        If the folder cannot be written.
    """
    began = time.process_time()
    rows = task.rows
    block = rows.encoded()
    offsets = np.arange(rows.start, rows.start + len(block.values))
    decoder = _decoder(pickle.dumps((rows.kind, task.hash_key, task.limits)))
    batch = decoder.decode(block.values, LATEST_US, 0, offsets)
    part = PartFiles(task.folder, task.number)
    part.write(
        longs=batch.longs,
        data=batch.data,
        bounds=np.concatenate([[0], np.cumsum(join(block.values)[1])]),
        readable=np.array(block.readable, np.bool_),
        is_fraud=np.array([TRUTHS[truth] for truth in block.is_fraud], np.int8),
    )
    good = np.array(block.readable, np.bool_) & (batch.reason == _OK)
    keys = tuple(
        np.unique(entity_keys(batch, task.inputs, entity)[good]) for entity in task.counted
    )
    return PartRead(task.number, len(batch), keys, time.process_time() - began)


@dataclass(frozen=True)
class PartFiles:
    """The arrays of one part, as files of a folder.

    Attributes
    ----------
    folder : Path
    number : int
    """

    folder: Path
    number: int

    def write(self, **arrays: NDArray[np.generic]) -> None:
        """Write arrays by name."""
        for name, array in arrays.items():
            np.save(self._path(name), array, allow_pickle=False)

    def array(self, name: str) -> NDArray[np.generic]:
        """Read one of them."""
        found: NDArray[np.generic] = np.load(self._path(name), allow_pickle=False)
        return found

    def has(self, name: str) -> bool:
        """Tell whether there is one."""
        return self._path(name).exists()

    def batch(self, layout: Layout) -> Transactions:
        """Return the rows as they were decoded."""
        longs, data = self.array("longs"), self.array("data")
        return Transactions(layout, longs.astype(np.int64, copy=False), data.astype(np.uint8))

    def _path(self, name: str) -> Path:
        return self.folder / f"{self.number:06d}.{name}.npy"


def ranges(path: Path, kind: RowKind, rows: int, part_rows: int) -> list[RowRange]:
    """Cut a file into parts of so many rows each, but for the last."""
    starts = [*range(0, rows, part_rows), rows]
    return [RowRange(path, kind, start, stop) for start, stop in pairwise(starts)]
