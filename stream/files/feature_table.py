"""The training table: one row a row of the input, with every feature as it was live.

Columns: ``transaction_id``, ``event_time`` (UTC), ``amount`` unless it is a feature
already, ``is_fraud`` if the input knows the truth, ``not_taken`` (why a row changed
nothing: a reason of the dead letters or ``duplicate``; null for a row that was
taken), then the features by their names. An unknown value is null. On demand a
column ``state(NAME)`` for each feature holds its value state: 0 fresh, 1 late
corrected, 2 unknown, 3 saturated.

A table appears under its name only when it is complete.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from schemas.columns import Transactions
from stream.engine.effects import Effects
from stream.files.table_columns import TRUTHS, TableRows, TableShape, columns_of, rows_of
from stream.files.table_parts import check_table_path, join_parts, write_part


class FeatureTable:
    """Write a feature table as a context; an error leaves nothing behind.

    Parameters
    ----------
    path : Path
        ``.parquet`` (needs the extra [offline]) or ``.csv``.
    shape : TableShape

    Raises
    ------
    ConfigError
        If there is no such folder, the kind of file is unknown, or two columns would have
        one name.
    InputFileError
        If Parquet is asked for and DuckDB is not installed.
    """

    def __init__(self, path: Path, shape: TableShape) -> None:
        check_table_path(path)
        shape.check_names(path)
        self.path = path
        self._shape = shape
        self._held: list[TableRows] = []
        self._rows_held = 0
        self._parts: list[Path] = []

    def __enter__(self) -> Self:
        self._room = table_folder(self.path)
        self._folder = self._room.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
                finish_table(self._parts, self.path, self._shape, self._folder)
        finally:
            self._room.__exit__(kind, error, trace)

    def add(self, batch: Transactions, is_fraud: Sequence[bool | None], effects: Effects) -> None:
        """Append the rows of one step.

        Parameters
        ----------
        batch : Transactions
        is_fraud : sequence of bool or None, length n
            The truth of each row.
        effects : Effects
            What the engine said about `batch`.
        """
        truths = np.array([TRUTHS[truth] for truth in is_fraud], np.int8)
        readings = effects.readings
        states = readings.states(np.arange(len(batch))) if self._shape.states else None
        rows = rows_of(batch, truths, effects, readings.matrix, states)
        # Counted on: there may be a step for each row, and thousands of them in a part.
        while self._rows_held + len(rows) >= self._shape.part_rows:
            room = self._shape.part_rows - self._rows_held
            self._hold(rows.cut(0, room))
            self._flush()
            rows = rows.cut(room, len(rows))
        self._hold(rows)

    def _hold(self, rows: TableRows) -> None:
        if len(rows):
            self._held.append(rows)
            self._rows_held += len(rows)

    def _flush(self) -> None:
        if self._held:
            path = part_path(self._folder, len(self._parts), self.path)
            write_part(path, self._shape, columns_of(self._held, self._shape))
            self._parts.append(path)
        self._held, self._rows_held = [], 0


@contextmanager
def table_folder(path: Path) -> Iterator[Path]:
    """Make a folder beside a table for what it is made of; in the end it is gone."""
    prefix = f".{path.name}."
    with tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder:
        yield Path(folder)


def part_path(folder: Path, number: int, path: Path) -> Path:
    """Name a part of a table."""
    return folder / f"part-{number:06d}{path.suffix.lower()}"


def finish_table(parts: Sequence[Path], path: Path, shape: TableShape, folder: Path) -> None:
    """Put a table in its place, whole."""
    partial = folder / f"partial{path.suffix.lower()}"
    join_parts(parts, partial, shape)
    partial.replace(path)
