"""Rows of a Parquet file, encoded by other processes before they are asked for.

What a replay does with a row depends on all rows before it, but to read and encode it does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path

from schemas.errors import InputFileError
from stream.bulk.parts import RowRange, encode_rows, ranges
from stream.config.configuration import Config
from stream.files.inputs import FileBlock, FileInput, joined, open_file, row_kind

# Rows that a process encodes at once.
_RANGE_ROWS = 16_384
# Ranges that are encoded or wait, for each process.
_AHEAD = 2


def read_ahead(
    path: Path, config: Config, hash_key: bytes, block_rows: int, executor: Executor, processes: int
) -> FileInput:
    """Open a Parquet file whose rows other processes encode.

    Parameters
    ----------
    path, config, hash_key, block_rows
        See `stream.files.inputs.open_file`, which gives the same blocks.
    executor : Executor
    processes : int
        It has: rows that are read ahead are bounded by it.

    Raises
    ------
    InputFileError, SchemaError, ConfigError
        If the file is no Parquet, or cannot be read with this configuration.
    """
    if path.is_file() and path.suffix.lower() != ".parquet":
        raise InputFileError(
            f"{path}: only Parquet is read by several processes: write it as Parquet, or use "
            "--processes 1"
        )
    opened = open_file(path, config, hash_key, block_rows)
    rows = ranges(path.absolute(), row_kind(config), opened.rows or 0, _RANGE_ROWS)
    return replace(opened, blocks=_blocks(rows, block_rows, executor, _AHEAD * processes))


def _blocks(
    rows: list[RowRange], block_rows: int, executor: Executor, ahead: int
) -> Iterator[FileBlock]:
    left = iter(rows)
    waiting: deque[Future[FileBlock]] = deque()
    rest = FileBlock([], [], [])
    while True:
        for some in left:
            waiting.append(executor.submit(encode_rows, some))
            if len(waiting) >= ahead:
                break
        if not waiting:
            break
        rest = joined([rest, waiting.popleft().result()])
        whole = len(rest.values) // block_rows * block_rows
        for start in range(0, whole, block_rows):
            yield _cut(rest, start, start + block_rows)
        rest = _cut(rest, whole, len(rest.values))
    if rest.values:
        yield rest


def _cut(block: FileBlock, start: int, stop: int) -> FileBlock:
    at = slice(start, stop)
    return FileBlock(block.values[at], block.is_fraud[at], block.readable[at])
