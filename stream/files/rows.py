"""Rows of a table: read from CSV, JSON Lines or Parquet, and made into Avro records.

The configuration says which column plays which role. A cell that cannot be read as
its role's type does not stop the replay: the row goes through as a record that the
decoder will refuse, and its reason is counted.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import InputFileError
from schemas.roles import Roles

Row = dict[str, Any]

_UNIT_US = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
_FETCH_ROWS = 20_000

# The schema that rows take on: one field a role, whatever the columns are called.
ROW_ROLES_NAMES = ("transaction_id", "event_time", "amount")


def row_schema(roles: Roles) -> dict[str, Any]:
    """Return the Avro schema of a row."""

    def nullable(kind: str, name: str) -> dict[str, Any]:
        return {"name": name, "type": ["null", kind]}

    fields: list[dict[str, Any]] = [
        {"name": "transaction_id", "type": "string"},
        {
            "name": "event_time",
            "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}],
        },
        nullable("double", "amount"),
    ]
    fields += [nullable("string", f"entity_{i}") for i in range(len(roles.entities))]
    fields += [nullable("double", f"numeric_{i}") for i in range(len(roles.numeric))]
    fields += [nullable("string", f"category_{i}") for i in range(len(roles.categorical))]
    return {"type": "record", "name": "Row", "namespace": "fraudstream.file", "fields": fields}


def row_roles(roles: Roles) -> Roles:
    """Return the roles of that schema's fields, under the same names."""
    return Roles(
        amount="amount",
        amount_unit=roles.amount_unit,
        minor_digits=roles.minor_digits,
        entities={name: f"entity_{i}" for i, name in enumerate(roles.entities)},
        numeric={name: f"numeric_{i}" for i, name in enumerate(roles.numeric)},
        categorical={name: f"category_{i}" for i, name in enumerate(roles.categorical)},
    )


class RowReader:
    """Turn rows into records of `row_schema`.

    Parameters
    ----------
    roles : Roles
        Of the table's columns.
    label : str
        Column with the truth, or empty.
    """

    def __init__(self, roles: Roles, label: str) -> None:
        self._roles = roles
        self._label = label
        self._unit = _UNIT_US[roles.event_time_unit or "us"]
        self._entities = [(f"entity_{i}", path) for i, path in enumerate(roles.entities.values())]
        self._numeric = [(f"numeric_{i}", path) for i, path in enumerate(roles.numeric.values())]
        self._categories = [
            (f"category_{i}", path) for i, path in enumerate(roles.categorical.values())
        ]

    def columns(self) -> list[str]:
        """Return the columns that a file must have."""
        roles = self._roles
        names = [roles.transaction_id, roles.event_time, str(roles.amount)]
        names += [*roles.entities.values(), *roles.numeric.values(), *roles.categorical.values()]
        return names + ([self._label] if self._label else [])

    def record(self, row: Row) -> Row:
        """Return the record of a row; None where a cell is empty or cannot be read."""
        roles = self._roles
        record: Row = {
            "transaction_id": _text(row.get(roles.transaction_id)) or "",
            "event_time": _time_us(row.get(roles.event_time), self._unit),
            "amount": _number(row.get(str(roles.amount))),
        }
        for name, path in self._entities:
            record[name] = _text(row.get(path))
        for name, path in self._numeric:
            record[name] = _number(row.get(path))
        for name, path in self._categories:
            record[name] = _text(row.get(path))
        return record

    def is_fraud(self, row: Row) -> bool:
        """Return the truth of a row; False where the file does not say."""
        value = row.get(self._label) if self._label else None
        return value in (1, True) or str(value).strip().lower() in ("1", "1.0", "true", "fraud")


def read_rows(path: Path, columns: list[str]) -> Iterator[Row]:
    """Yield the rows of a table file.

    Raises
    ------
    InputFileError
        If the file cannot be read, is of an unknown kind, or lacks a column.
    """
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".parquet": _parquet_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join([*readers, ".avro"])
        raise InputFileError(f"{path}: unknown kind of file; fraudstream reads {kinds}")
    if not path.is_file():
        raise InputFileError(f"{path}: no such file")
    try:
        yield from reader(path, columns)
    except (OSError, UnicodeDecodeError, csv.Error, msgspec.DecodeError) as error:
        raise InputFileError(f"{path} cannot be read: {error}") from error


def count_rows(path: Path) -> int | None:
    """Return how many rows a file has where that is known at once; else None."""
    if path.suffix.lower() != ".parquet":
        return None
    duckdb = _duckdb()
    try:
        with duckdb.connect() as connection:
            found = connection.execute("select count(*) from read_parquet(?)", [str(path)])
            return int(found.fetchall()[0][0])
    except duckdb.Error as error:
        raise InputFileError(f"{path} cannot be read as Parquet: {error}") from error


def _check_columns(path: Path, present: Iterable[str], wanted: list[str]) -> None:
    have = list(present)
    missing = [name for name in wanted if name not in have]
    if missing:
        raise InputFileError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(have)}: "
            "say under [fields] which column plays which role"
        )


def _csv_rows(path: Path, columns: list[str]) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        _check_columns(path, reader.fieldnames or [], columns)
        yield from reader


def _json_rows(path: Path, columns: list[str]) -> Iterator[Row]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if not line.strip():
                continue
            row = _flat(decode(line))
            if number == 0:
                _check_columns(path, row, columns[:3])
            yield row


def _flat(row: Row, prefix: str = "") -> Row:
    """Bring nested objects to dotted names."""
    flat: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _parquet_rows(path: Path, columns: list[str]) -> Iterator[Row]:
    duckdb = _duckdb()
    try:
        with duckdb.connect() as connection:
            connection.execute("select * from read_parquet(?) limit 0", [str(path)])
            _check_columns(path, [column[0] for column in connection.description], columns)
            names = list(dict.fromkeys(columns))
            quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
            # The names were found in the file above, and are quoted.
            connection.execute(f"select {quoted} from read_parquet(?)", [str(path)])  # noqa: S608
            while rows := connection.fetchmany(_FETCH_ROWS):
                for values in rows:
                    yield dict(zip(names, values, strict=True))
    except duckdb.Error as error:
        raise InputFileError(f"{path} cannot be read as Parquet: {error}") from error


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise InputFileError(
            "Parquet needs duckdb: install fraudstream with the extra [offline]"
        ) from error
    return duckdb


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _time_us(value: object, unit_us: float) -> int | None:
    """Read a time: a datetime, an ISO 8601 text (UTC unless it says) or a number in the unit."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = _number(value)
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        since = at - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if isinstance(value, (int, float)) and math.isfinite(value) and abs(value) < 2**53:
        return int(value * unit_us)
    return None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def blocks(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Cut an iterator into lists of at most `size`."""
    while block := list(islice(rows, size)):
        yield block
