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

import csv
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from schemas.errors import ConfigError
from stream.effects import Effects
from stream.files.rows import import_duckdb

# The rows held at once: a row group of Parquet, less if the rows are wide.
_GROUP_ROWS = 65_536
_GROUP_BYTES = 64 << 20
# A table may be larger than memory; by default DuckDB would take most of it.
_DUCKDB = {"memory_limit": "1GB", "threads": 1}
_OK = int(Reason.OK)
_REASON_NAMES = {int(reason): reason.name.lower() for reason in Reason}
_DUPLICATE = "duplicate"
_TRUTHS = {True: 1, False: 0, None: -1}
_UNKNOWN = 2  # A value state: nothing is known of a row that was refused.


# A column's name and SQL type.
_Column = tuple[str, str]


class _Writer(Protocol):
    def write(self, columns: Sequence[NDArray[Any]]) -> None:
        """Append rows."""
        ...

    def finish(self) -> None:
        """Make the file complete."""
        ...

    def close(self) -> None:
        """Let go of everything, complete or not."""
        ...


@dataclass(frozen=True)
class _Rows:
    """Rows that wait for their row group."""

    ids: list[str | None]
    times_us: NDArray[np.int64]
    amounts: NDArray[np.float64]
    decoded: NDArray[np.bool_]
    is_fraud: NDArray[np.int8]
    why: list[str | None]
    matrix: NDArray[np.float64]
    states: NDArray[np.uint8] | None


class FeatureTable:
    """Write a feature table as a context; an error leaves nothing behind.

    Parameters
    ----------
    path : Path
        ``.parquet`` (needs the extra [offline]) or ``.csv``.
    names : tuple of str
        Names of the features.
    minor_per_unit : int
        Minor units in one unit of money; the table's amounts are in units.
    truth : bool
        Whether there is a column ``is_fraud``.
    states : bool
        Whether each feature's value state is written as well.

    Raises
    ------
    ConfigError
        If there is no such folder, the kind of file is unknown, or two columns would have
        one name.
    InputFileError
        If Parquet is asked for and DuckDB is not installed.
    """

    def __init__(
        self, path: Path, names: tuple[str, ...], minor_per_unit: int, truth: bool, states: bool
    ) -> None:
        check_table_path(path)
        self.path = path
        self._minor_per_unit = minor_per_unit
        self._truth = truth
        self._states = states
        self._with_amount = "amount" not in names
        self._columns = self._kinds(names)
        self._check_names()
        row_bytes = 64 + (9 if states else 8) * len(names)
        self._group_rows = max(1, min(_GROUP_ROWS, _GROUP_BYTES // row_bytes))
        self._held: list[_Rows] = []
        self._rows_held = 0

    def _kinds(self, names: tuple[str, ...]) -> list[_Column]:
        """Return the columns and their SQL types, in order."""
        columns = [("transaction_id", "varchar"), ("event_time", "timestamp")]
        if self._with_amount:
            columns.append(("amount", "double"))
        if self._truth:
            columns.append(("is_fraud", "boolean"))
        columns.append(("not_taken", "varchar"))
        columns += [(name, "double") for name in names]
        if self._states:
            columns += [(f"state({name})", "utinyint") for name in names]
        return columns

    def _check_names(self) -> None:
        names = [name for name, _ in self._columns]
        if self.path.suffix.lower() == ".parquet":  # DuckDB, which writes it, sees no capitals.
            names = [name.lower() for name in names]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ConfigError(
                f"{self.path}: several columns would be called {', '.join(twice)}: rename an "
                "entity or a condition, or write .csv if only capitals differ"
            )

    def __enter__(self) -> Self:
        prefix = f".{self.path.name}."
        self._folder = tempfile.TemporaryDirectory(prefix=prefix, dir=self.path.parent)
        make = _ParquetWriter if self.path.suffix.lower() == ".parquet" else _CsvWriter
        self._partial = Path(self._folder.name) / f"partial{self.path.suffix}"
        self._writer: _Writer = make(self._partial, self._columns, self._group_rows)
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
                self._writer.finish()
                self._partial.replace(self.path)
        finally:
            self._writer.close()
            self._folder.cleanup()

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
        n = len(batch)
        readings = effects.readings
        self._held.append(
            _Rows(
                ids=[batch.transaction_id(row) or None for row in range(n)],
                times_us=batch.event_time_us,
                amounts=batch.amount_minor / self._minor_per_unit,
                decoded=batch.reason == _OK,
                is_fraud=np.array([_TRUTHS[truth] for truth in is_fraud], np.int8),
                why=why_not_taken(effects),
                matrix=readings.matrix,
                states=readings.states(np.arange(n)) if self._states else None,
            )
        )
        # Counted on: there may be a step for each row, and thousands of them in a group.
        self._rows_held += n
        if self._rows_held >= self._group_rows:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._writer.write(self._assembled())
        self._held, self._rows_held = [], 0

    def _assembled(self) -> list[NDArray[Any]]:
        """Join what is held to columns, in the order of `_kinds`."""
        held = self._held
        decoded = np.concatenate([rows.decoded for rows in held])
        times = np.concatenate([rows.times_us for rows in held]).astype("datetime64[us]")
        columns = [_texts(chain.from_iterable(rows.ids for rows in held)), _where(decoded, times)]
        if self._with_amount:
            columns.append(_where(decoded, np.concatenate([rows.amounts for rows in held])))
        if self._truth:
            truths = np.concatenate([rows.is_fraud for rows in held])
            columns.append(_where(truths >= 0, truths == 1))
        columns.append(_texts(chain.from_iterable(rows.why for rows in held)))
        matrix = np.concatenate([rows.matrix for rows in held])
        matrix[~decoded] = np.nan
        columns += list(np.ascontiguousarray(matrix.T))
        if self._states:
            states = np.concatenate([rows.states for rows in held if rows.states is not None])
            states[~decoded] = _UNKNOWN
            columns += list(np.ascontiguousarray(states.T))
        return columns


def check_table_path(path: Path) -> None:
    """Check that a table can be written there, before any work is done.

    Raises
    ------
    ConfigError, InputFileError
        See `FeatureTable`.
    """
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise ConfigError(f"{path}: a feature table is .parquet or .csv")
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}")
    if path.suffix.lower() == ".parquet":
        import_duckdb()


class _ParquetWriter:
    """Row groups go to a database on disk, and from there to the file: memory stays bounded."""

    def __init__(self, path: Path, columns: list[_Column], group_rows: int) -> None:
        duckdb = import_duckdb()
        self._path = path
        self._error: type[Exception] = duckdb.Error
        database = str(path.with_suffix(".duckdb"))
        self._connection = duckdb.connect(database, config=_DUCKDB)
        # The columns have plain names on the way: SQL does not tell Card from card.
        self._plain = [f"c{i}" for i in range(len(columns))]
        self._names = [name for name, _ in columns]
        self._group_rows = group_rows
        kinds = ", ".join(f"c{i} {kind}" for i, (_, kind) in enumerate(columns))
        self._execute(f"create table held ({kinds})")
        self._select = ", ".join(
            f"nullif(c{i}, 'nan'::double)" if kind == "double" else f"c{i}"
            for i, (_, kind) in enumerate(columns)
        )

    def write(self, columns: Sequence[NDArray[Any]]) -> None:
        """See `_Writer`."""
        self._connection.register("block", dict(zip(self._plain, columns, strict=True)))
        # Column names and types are ours.
        self._execute(f"insert into held select {self._select} from block")  # noqa: S608
        self._connection.unregister("block")

    def finish(self) -> None:
        """See `_Writer`."""
        renamed = ", ".join(
            f"{plain} as {_quoted(name)}"
            for plain, name in zip(self._plain, self._names, strict=True)
        )
        self._execute(
            f"copy (select {renamed} from held) to '{_escaped(self._path)}' "  # noqa: S608
            f"(format parquet, row_group_size {self._group_rows})"
        )

    def close(self) -> None:
        """See `_Writer`."""
        self._connection.close()

    def _execute(self, query: str) -> None:
        try:
            self._connection.execute(query)
        except self._error as error:  # A full disk, as a rule.
            raise OSError(f"the feature table cannot be written: {error}") from error


class _CsvWriter:
    """Text, without any extra library; an unknown value is an empty cell."""

    def __init__(self, path: Path, columns: list[_Column], group_rows: int) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow([name for name, _ in columns])

    def write(self, columns: Sequence[NDArray[Any]]) -> None:
        """See `_Writer`."""
        self._writer.writerows(zip(*map(_cells, columns), strict=True))

    def finish(self) -> None:
        """See `_Writer`."""
        self._file.close()

    close = finish


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


def _texts(values: Iterable[str | None]) -> NDArray[np.object_]:
    return np.array(list(values), object)


def _where(known: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[Any]:
    """Mask values that are not known: they become null."""
    return np.ma.masked_array(values, ~known)


def why_not_taken(effects: Effects) -> list[str | None]:
    """Say of each row why it changed nothing; None for a row that was taken."""
    why: list[str | None] = [None] * len(effects.reasons)
    for row in np.flatnonzero((effects.reasons != _OK) | effects.duplicate).tolist():
        repeated = bool(effects.duplicate[row])
        why[row] = _DUPLICATE if repeated else _REASON_NAMES[int(effects.reasons[row])]
    return why


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")
