"""Rows of a table: read from CSV, JSON Lines or Parquet, and made into Avro records.

The configuration says which column plays which role. A cell that cannot be read as
its role's type does not stop the replay: the row becomes a dead letter, and its
reason is counted. An empty cell is null; so is NaN where an id or a
time is wanted: tables have no other way to say that they do not know.
"""

from __future__ import annotations

import codecs
import csv
import math
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import UTC, date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import InputFileError
from schemas.roles import Roles

Row = dict[str, Any]
_Read = Callable[[object], float | int | None]

# What to multiply a time by, and then to divide it by, for microseconds.
_UNIT_US = {"s": (10**6, 1), "ms": (10**3, 1), "us": (1, 1), "ns": (1, 10**3)}
# Beyond every limit, and inside 64 bits: the decoder says what is wrong with it.
_TIME_END_US = 2**62
_FETCH_ROWS = 20_000


def row_schema(roles: Roles, integers: Container[str] = ()) -> dict[str, Any]:
    """Return the Avro schema of a row: one field a role, whatever the columns are called.

    Parameters
    ----------
    roles : Roles
    integers : container of str
        Categories that are integers; their hashes differ from those of their digits.
    """

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
    fields += [
        nullable("long" if name in integers else "string", f"category_{i}")
        for i, name in enumerate(roles.categorical)
    ]
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
    integers : container of str
        Categories that are integers.
    """

    def __init__(self, roles: Roles, label: str, integers: Container[str] = ()) -> None:
        self._roles = roles
        self._label = label
        self._unit = _UNIT_US[roles.event_time_unit or "us"]
        self._entities = [(f"entity_{i}", path) for i, path in enumerate(roles.entities.values())]
        self._numeric = [(f"numeric_{i}", path) for i, path in enumerate(roles.numeric.values())]
        self._categories = [
            (f"category_{i}", path, name in integers)
            for i, (name, path) in enumerate(roles.categorical.items())
        ]

    def columns(self) -> list[str]:
        """Return the columns that a file must have."""
        roles = self._roles
        names = [roles.transaction_id, roles.event_time, str(roles.amount)]
        names += [*roles.entities.values(), *roles.numeric.values(), *roles.categorical.values()]
        return names + ([self._label] if self._label else [])

    def record(self, row: Row) -> tuple[Row, bool]:
        """Return the record of a row, None for an empty cell, and whether all could be read."""
        try:
            return self._record(row, self._time, _number, _integer), True
        except ValueError:
            reads = (_or_none(read) for read in (self._time, _number, _integer))
            return self._record(row, *reads), False

    def _time(self, value: object) -> int | None:
        return _time_us(value, *self._unit)

    def _record(self, row: Row, time_of: _Read, number_of: _Read, integer_of: _Read) -> Row:
        roles = self._roles
        record: Row = {
            "transaction_id": _text(row.get(roles.transaction_id)) or "",
            "event_time": time_of(row.get(roles.event_time)),
            "amount": number_of(row.get(str(roles.amount))),
        }
        for name, path in self._entities:
            record[name] = _text(row.get(path))
        for name, path in self._numeric:
            record[name] = number_of(row.get(path))
        for name, path, is_integer in self._categories:
            value = row.get(path)
            record[name] = integer_of(value) if is_integer else _text(value)
        return record

    def is_fraud(self, row: Row) -> bool | None:
        """Return the truth of a row; None where the cell is empty or there is no column."""
        return truth(row.get(self._label)) if self._label else None


def truth(value: object) -> bool | None:
    """Read whether something was fraud: 1, true or ``fraud``; None for an empty cell."""
    if value is None or value == "" or _is_nan(value):
        return None
    return value in (1, True) or str(value).strip().lower() in ("1", "1.0", "true", "fraud")


def read_rows(path: Path, columns: list[str]) -> Iterator[Row]:
    """Return the rows of a table file.

    Raises
    ------
    InputFileError
        At once if there is no such file or it is of an unknown kind; on the way if it
        cannot be read or lacks a column.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join([*_READERS, ".avro"])
        raise InputFileError(f"{path}: unknown kind of file; fraudstream reads {kinds}")
    if not path.is_file():
        raise InputFileError(f"{path}: no such file")
    return _guarded(path, reader(path, columns))


def read_range(path: Path, columns: list[str], start: int, stop: int) -> Iterator[Row]:
    """Return some rows of a Parquet file, in the file's order.

    Parameters
    ----------
    start, stop : int
        From which row, counted from 0, and before which.

    Raises
    ------
    InputFileError
        As `read_rows`.
    """
    return _guarded(path, _parquet_rows(path, columns, range(start, stop)))


def _guarded(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    try:
        yield from rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(f"{path} cannot be read: {error}") from error


def count_rows(path: Path) -> int | None:
    """Return how many rows a file has where that is known at once; else None."""
    if path.suffix.lower() != ".parquet":
        return None
    duckdb = import_duckdb()
    try:
        with duckdb.connect() as connection:
            found = connection.execute("select count(*) from read_parquet(?)", [str(path)])
            return int(found.fetchall()[0][0])
    except duckdb.Error as error:
        raise InputFileError(f"{path} cannot be read as Parquet: {error}") from error


def check_columns(source: object, present: Iterable[str], wanted: list[str]) -> None:
    """Check that a table has the columns that are needed.

    Parameters
    ----------
    source : object
        The table's name in the error: a path, or what kind of frame it is.

    Raises
    ------
    InputFileError
        Naming the missing columns, and those that are there.
    """
    have = list(present)
    if not have:
        raise InputFileError(f"{source} is empty: it has no columns")
    missing = [name for name in wanted if name not in have]
    if missing:
        raise InputFileError(
            f"{source} has no column {', '.join(missing)}; it has {', '.join(have)}: "
            "say under [fields] which column plays which role"
        )


def _csv_rows(path: Path, columns: list[str]) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        check_columns(path, reader.fieldnames or [], columns)
        yield from reader


def _json_rows(path: Path, columns: list[str]) -> Iterator[Row]:
    # A line may leave out what is null, so a column is there if any line has it; as
    # a rule the first few lines have all of them.
    seen: Row = {}
    for row in _json_lines(path):
        seen.update(row)
        if all(name in seen for name in columns):
            break
    check_columns(path, seen, columns)
    yield from _json_lines(path)


def _json_lines(path: Path) -> Iterator[Row]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if not text.strip():
                continue
            try:
                yield _flat(decode(text))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise InputFileError(f"{path}, line {number} cannot be read: {error}") from error


def _flat(row: Row, prefix: str = "") -> Row:
    """Bring nested objects to dotted names."""
    flat: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _parquet_rows(path: Path, columns: list[str], rows: range | None = None) -> Iterator[Row]:
    duckdb = import_duckdb()
    try:
        # Who reads a range is one of many who do, and has a core to itself.
        with duckdb.connect(config={} if rows is None else {"threads": 1}) as connection:
            connection.execute("select * from read_parquet(?) limit 0", [str(path)])
            kinds = {column[0]: str(column[1]) for column in connection.description}
            check_columns(path, kinds, columns)
            names = list(dict.fromkeys(columns))
            quoted = ", ".join(_selected(name, kinds[name]) for name in names)
            source, some = _source(kinds, rows)
            # The names were found in the file above, and are quoted.
            connection.execute(f"select {quoted} from {source}", [str(path), *some])  # noqa: S608
            while fetched := connection.fetchmany(_FETCH_ROWS):
                for values in fetched:
                    yield dict(zip(names, values, strict=True))
    except duckdb.Error as error:
        raise InputFileError(f"{path} cannot be read as Parquet: {error}") from error


def _source(names: Iterable[str], rows: range | None) -> tuple[str, list[int]]:
    """Return what to select from, and its parameters behind the path."""
    if rows is None:
        return "read_parquet(?)", []
    if "file_row_number" in map(str.lower, names):
        # A column of the file has the name, so rows are counted on the way: slower far behind.
        return "read_parquet(?) limit ? offset ?", [len(rows), rows.start]
    numbered = "read_parquet(?, file_row_number = true)"
    return f"{numbered} where file_row_number >= ? and file_row_number < ?", [rows.start, rows.stop]


def _selected(name: str, kind: str) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    if kind == "TIMESTAMP WITH TIME ZONE":  # It would come as a datetime of pytz's.
        return f"make_timestamp(epoch_us({quoted}))"
    return quoted


_READERS: dict[str, Callable[[Path, list[str]], Iterator[Row]]] = {
    ".csv": _csv_rows,
    ".jsonl": _json_rows,
    ".parquet": _parquet_rows,
}


def import_duckdb() -> Any:
    """Return the module duckdb.

    Raises
    ------
    InputFileError
        If it is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise InputFileError(
            "Parquet needs duckdb: install fraudstream with the extra [offline]"
        ) from error
    return duckdb


def _text(value: object) -> str | None:
    if value is None or value == "" or _is_nan(value):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _number(value: object) -> float | None:
    """Read a number; None for an empty cell.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if value is None:
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf
    except TypeError as error:
        raise ValueError("not a number") from error


def _integer(value: object) -> int | None:
    """Read an integer, or a truth value as 0 or 1; None for an empty cell.

    Raises
    ------
    ValueError
        If it is none, or has more than 64 bits.
    """
    if isinstance(value, str):
        named = {"true": True, "false": False}.get(value.strip().lower())
        value = _parsed(value) if named is None else named
    if value is None or _is_nan(value):
        return None
    try:
        integer = int(value)  # type: ignore[call-overload]
    except (TypeError, OverflowError) as error:
        raise ValueError("not an integer") from error
    if integer != value or not -(2**63) <= integer < 2**63:
        raise ValueError("not an integer of 64 bits")
    return int(integer)


def _parsed(text: str) -> float | int | None:
    """Read a number's text: an integer stays one, so that no digit is lost."""
    text = text.strip()
    if not text:
        return None
    if "_" in text:  # Python's own spelling, nobody else's.
        raise ValueError("not a number")
    try:
        return int(text)
    except ValueError:
        return float(text)


def _time_us(value: object, times: int, over: int) -> int | None:
    """Read a time: a datetime, a number in the unit, or either of them as text.

    A text is a number or ISO 8601, UTC unless it says otherwise; a date is its midnight.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(value, str):
        try:
            # The number first: as ISO 8601, 1712121212121 would be a day in 1712.
            value = _parsed(value)
        except ValueError:
            value = datetime.fromisoformat(str(value).strip())
    if value is None or _is_nan(value):
        return None
    if isinstance(value, date):
        at = value if isinstance(value, datetime) else datetime.combine(value, time())
        since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if isinstance(value, bool):
        raise ValueError("not a time")
    if isinstance(value, int):
        us = value * times // over
    else:
        scaled = (_number(value) or 0.0) * times / over
        us = round(scaled) if math.isfinite(scaled) else int(math.copysign(_TIME_END_US, scaled))
    return max(-_TIME_END_US, min(us, _TIME_END_US))


def _or_none(read: _Read) -> _Read:
    def readable(value: object) -> float | int | None:
        try:
            return read(value)
        except ValueError:
            return None

    return readable


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def blocks(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Cut an iterator into lists of at most `size`."""
    while block := list(islice(rows, size)):
        yield block
