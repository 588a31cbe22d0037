"""Parts of a feature table as files, and many of them as one: Parquet or CSV.

Each part is written by itself, in whatever process; joining reads them in order and writes the
table. Nothing of the table depends on who wrote a part, or when.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError
from stream.files.rows import import_duckdb
from stream.files.table_columns import TableShape

# A table may be larger than memory; by default DuckDB would take most of it.
_DUCKDB = {"memory_limit": "1GB", "threads": 1}


def check_table_path(path: Path) -> None:
    """Check that a table can be written there, before any work is done.

    Raises
    ------
    ConfigError
        If there is no such folder, or the kind of file is unknown.
    InputFileError
        If Parquet is asked for and DuckDB is not installed.
    """
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise ConfigError(f"{path}: a feature table is .parquet or .csv")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}")
    if path.suffix.lower() == ".parquet":
        import_duckdb()


def write_part(path: Path, shape: TableShape, columns: Sequence[NDArray[Any]]) -> None:
    """Write some rows as a file that `join_parts` reads.

    Parameters
    ----------
    path : Path
        Of the table's kind.
    shape : TableShape
    columns : sequence of ndarray
        As `stream.files.table_columns.columns_of` returns them.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if path.suffix.lower() == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = zip(*map(_cells, columns), strict=True)
            csv.writer(file, lineterminator="\n").writerows(rows)
        return
    # The columns have plain names on the way: SQL does not tell Card from card.
    plain = [f"c{i}" for i in range(len(columns))]
    select = ", ".join(map(_typed, plain, (kind for _, kind in shape.kinds)))
    with _Database() as database:
        database.connection.register("block", dict(zip(plain, columns, strict=True)))
        # Column names and types are ours.
        database.execute(
            f"copy (select {select} from block) to '{_escaped(path)}' "  # noqa: S608
            f"(format parquet, compression uncompressed, row_group_size {shape.group_rows})"
        )


def join_parts(parts: Sequence[Path], path: Path, shape: TableShape) -> None:
    """Write the table of which these are the parts, in order; there may be none.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if path.suffix.lower() == ".csv":
        with path.open("wb") as whole:
            whole.write(_csv_line([name for name, _ in shape.kinds]))
            for part in parts:
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole)
        return
    kinds = shape.kinds
    renamed = ", ".join(f"c{i} as {_quoted(name)}" for i, (name, _) in enumerate(kinds))
    if parts:
        files = ", ".join(f"'{_escaped(part)}'" for part in parts)
        source = f"read_parquet([{files}])"
    else:
        nothing = ", ".join(f"null::{kind} as c{i}" for i, (_, kind) in enumerate(kinds))
        source = f"(select {nothing} limit 0)"
    with _Database() as database:
        database.execute(
            f"copy (select {renamed} from {source}) to '{_escaped(path)}' "  # noqa: S608
            f"(format parquet, row_group_size {shape.group_rows})"
        )


class _Database:
    """DuckDB in memory, as a context."""

    def __init__(self) -> None:
        duckdb = import_duckdb()
        self._error: type[Exception] = duckdb.Error
        self.connection = duckdb.connect(config=_DUCKDB)

    def __enter__(self) -> _Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def execute(self, query: str) -> None:
        try:
            self.connection.execute(query)
        except self._error as error:  # A full disk, as a rule.
            raise OSError(f"the feature table cannot be written: {error}") from error


def _typed(name: str, kind: str) -> str:
    """Say that NaN is null, and of what type a column is of which nothing is known."""
    value = f"nullif({name}, 'nan'::double)" if kind == "double" else name
    return f"cast({value} as {kind}) as {name}"


def _csv_line(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _cells(column: NDArray[Any]) -> list[Any]:
    values = np.ma.getdata(column)
    known = ~np.ma.getmaskarray(column)
    if values.dtype.kind == "M":
        values = np.char.replace(np.datetime_as_string(values, unit="us"), "T", " ")
    elif values.dtype.kind == "f":
        known &= ~np.isnan(values)
    elif values.dtype.kind == "b":
        values = values.astype(np.int8)
    pairs = zip(values.tolist(), known.tolist(), strict=True)
    return [value if is_known else None for value, is_known in pairs]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")
