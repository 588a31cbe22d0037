"""Rows of tables: every cell is read as its role's type, or its row becomes a dead letter."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import InputFileError
from schemas.roles import Roles
from stream.files.rows import (
    RowReader,
    count_rows,
    read_range,
    read_rows,
    row_roles,
    row_schema,
    truth,
)

NO_DUCKDB = "DuckDB (the [offline] extra) is not installed: Parquet NOT tested"
AT = datetime(2024, 4, 3, 6, 26, 52, 121_212, UTC)
AT_US = 1_712_125_612_121_212
COLUMNS = ["id", "time", "amount", "card"]


def reader(**roles: Any) -> RowReader:
    given = {
        "transaction_id": "id",
        "event_time": "time",
        "amount": "amount",
        "entities": {"card": "card"},
        "numeric": {"age": "age"},
        "categorical": {"channel": "channel"},
    }
    return RowReader(Roles(**{**given, **roles}), "fraud")


def record(unit: str | None = None, **cells: Any) -> tuple[dict[str, Any], bool]:
    row = {"id": "a", "time": AT_US, "amount": 1, "card": "c", "age": 1, "channel": "x", **cells}
    return reader(event_time_unit=unit).record(row)


def time_of(value: object, unit: str | None = None) -> int | None:
    found, readable = record(unit, time=value)
    assert readable
    return found["event_time"]


# Times.


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1_712_125_612.121212, "s"),
        ("1712125612.121212", "s"),
        (1_712_125_612_121.212, "ms"),
        (AT_US, "us"),
        (AT_US, None),
        (float(AT_US), "us"),
        (str(AT_US), "us"),
        (f" {AT_US} ", "us"),
        (AT_US * 1000 + 999, "ns"),
        (f"{AT_US}999", "ns"),
        (Decimal(AT_US), "us"),
        (AT, "s"),
        (AT.replace(tzinfo=None), None),
        (AT.astimezone(timezone(timedelta(hours=-9, minutes=-30))), None),
        ("2024-04-03T06:26:52.121212Z", None),
        ("2024-04-03 06:26:52.121212", "ns"),
        ("2024-04-03T08:26:52.121212+02:00", None),
        ("2024-04-02T20:56:52.121212-09:30", "ms"),
    ],
)
def test_the_same_moment_in_every_spelling(value: object, unit: str | None) -> None:
    assert time_of(value, unit) == AT_US


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("written", [int, str])
def test_integers_lose_nothing_in_any_unit(unit: str, written: type) -> None:
    over, times = {"s": (10**6, 1), "ms": (10**3, 1), "us": (1, 1), "ns": (1, 10**3)}[unit]
    for us in (1_600_000_000_000_000, 1_712_121_212_000_000, 4_102_444_799_000_000):
        assert time_of(written(us * times // over), unit) == us


@pytest.mark.parametrize("ms", [1_712_121_212_121, 1_701_010_100_000, 1_712_111_111_111])
def test_digits_are_a_number_and_never_a_date_of_iso_8601(ms: int) -> None:
    # datetime.fromisoformat takes these three for days in the years 1701 and 1712.
    assert datetime.fromisoformat(str(ms)).year < 1800
    assert time_of(str(ms), "ms") == ms * 1000


@pytest.mark.parametrize("value", [date(2024, 4, 3), "2024-04-03", datetime(2024, 4, 3)])
def test_a_date_is_its_midnight(value: object) -> None:
    assert time_of(value) == 1_712_102_400_000_000


@pytest.mark.parametrize("value", [None, "", "  ", math.nan, "nan", "NaN"])
def test_an_empty_time_is_null(value: object) -> None:
    assert time_of(value) is None


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(
    ("value", "sign"),
    [(10**400, 1), (10**30, 1), ("1e400", 1), (-(10**30), -1), (-math.inf, -1), ("9" * 5000, 1)],
)
def test_a_time_of_no_calendar_goes_to_the_decoder_as_far_away(
    unit: str, value: object, sign: int
) -> None:
    assert time_of(value, unit) == sign * 2**62


@pytest.mark.parametrize(
    "value", ["yesterday", "2024-13-01", "1_712", "12:30", "03/04/2024", [], True, "0x10"]
)
def test_what_is_no_time_is_unreadable_and_the_rest_of_the_row_stays(value: object) -> None:
    found, readable = record(time=value)
    assert not readable
    assert found["event_time"] is None
    assert found == {**record()[0], "event_time": None}


# Numbers.


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (12.34, 12.34),
        ("12.34", 12.34),
        (" 12.34 ", 12.34),
        ("-5", -5.0),
        ("1e3", 1000.0),
        (Decimal("12.34"), 12.34),
        (True, 1.0),
        ("1e400", math.inf),
        ("-1e400", -math.inf),
        (10**400, math.inf),
        (None, None),
        ("", None),
        (" ", None),
    ],
)
@pytest.mark.parametrize("name", ["amount", "age"])
def test_a_number_is_read_as_it_is(name: str, value: object, number: float | None) -> None:
    found, readable = record(**{name: value})
    assert readable
    assert found["amount" if name == "amount" else "numeric_0"] == number


@pytest.mark.parametrize("value", [math.nan, "nan"])
def test_nan_stays_nan_for_the_decoder_to_judge(value: object) -> None:
    assert math.isnan(record(amount=value)[0]["amount"])


@pytest.mark.parametrize("value", ["abc", "1,5", "12 EUR", "1_000", [1], "\u2212 5", "--1"])
@pytest.mark.parametrize("name", ["amount", "age"])
def test_text_where_a_number_is_wanted_is_unreadable(name: str, value: object) -> None:
    found, readable = record(**{name: value})
    assert not readable
    assert found["amount" if name == "amount" else "numeric_0"] is None
    assert found["transaction_id"] == "a"


# Ids and categories.


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (7, "7"),
        (7.0, "7"),
        (7.5, "7.5"),
        ("007", "007"),
        (2**63, str(2**63)),
        (None, None),
        ("", None),
        (math.nan, None),
        ("naïve 東", "naïve 東"),
    ],
)
def test_an_id_is_the_same_text_whatever_type_the_column_has(value: object, text: object) -> None:
    found, readable = record(card=value, channel=value)
    assert readable
    assert (found["entity_0"], found["category_0"]) == (text, text)


def test_a_missing_transaction_id_is_empty_for_the_decoder_to_refuse() -> None:
    assert record(id=None)[0]["transaction_id"] == ""


def test_cells_that_a_row_does_not_have_are_null() -> None:
    found, readable = reader().record({"id": "a"})
    assert readable
    assert found == {
        "transaction_id": "a",
        **dict.fromkeys(("event_time", "amount", "entity_0", "numeric_0", "category_0")),
    }


@pytest.mark.parametrize("value", [1, True, 1.0, "1", "1.0", "true", "TRUE", " True ", "fraud"])
def test_these_are_frauds(value: object) -> None:
    assert reader().is_fraud({"fraud": value})


@pytest.mark.parametrize("value", [0, False, 0.0, "0", "false", "", None, "no", 2, math.nan, [1]])
def test_these_are_none(value: object) -> None:
    assert not reader().is_fraud({"fraud": value})


def test_without_a_label_column_there_are_no_frauds() -> None:
    assert not RowReader(Roles(), "").is_fraud({"": 1})


def test_every_column_of_a_role_is_asked_for() -> None:
    assert reader().columns() == ["id", "time", "amount", "card", "age", "channel", "fraud"]


def test_the_schema_and_its_roles_name_the_same_fields() -> None:
    roles = Roles(entities={"a": "x", "b": "y"}, numeric={"n": "z"}, categorical={"c": "w"})
    names = [field["name"] for field in row_schema(roles)["fields"]]
    found = row_roles(roles)
    used = [found.transaction_id, found.event_time, found.amount]
    used += [*found.entities.values(), *found.numeric.values(), *found.categorical.values()]
    assert used == names
    assert found.layout == roles.layout


# CSV.


def csv_file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    return path


def test_csv_with_a_byte_order_mark_and_quotes(tmp_path: Path) -> None:
    path = csv_file(tmp_path, b'\xef\xbb\xbfid,time,amount,card\r\n"a,b",1,2,"c\nd"\r\n')
    rows = list(read_rows(path, COLUMNS))
    assert rows == [{"id": "a,b", "time": "1", "amount": "2", "card": "c\nd"}]


def test_rows_of_csv_that_are_too_short_or_too_long_do_not_stop_it(tmp_path: Path) -> None:
    rows = list(read_rows(csv_file(tmp_path, b"id,time,amount,card\na\nb,1,2,c,d,e\n"), COLUMNS))
    assert rows[0] == {"id": "a", "time": None, "amount": None, "card": None}
    assert [rows[1][name] for name in COLUMNS] == ["b", "1", "2", "c"]


def test_csv_without_rows_has_none(tmp_path: Path) -> None:
    assert list(read_rows(csv_file(tmp_path, b"id,time,amount,card\n"), COLUMNS)) == []


@pytest.mark.parametrize(
    "content",
    [
        b"id,time,amount,card\n\xff\xfe,1,2,3\n",
        "id,time,amount,card\n".encode("utf-16"),
        b"id,time,amount,card\n" + b"x" * 200_000,
    ],
)
def test_csv_that_cannot_be_read_is_an_error_of_the_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputFileError, match=r"rows\.csv cannot be read"):
        list(read_rows(csv_file(tmp_path, content), COLUMNS))


# JSON Lines.


def jsonl_file(tmp_path: Path, *lines: bytes | dict[str, Any]) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines)
    )
    return path


def test_nested_objects_have_dotted_names(tmp_path: Path) -> None:
    path = jsonl_file(tmp_path, {"id": "a", "m": {"id": 7, "at": {"city": "x"}}, "list": [1]})
    assert list(read_rows(path, ["id", "m.id", "m.at.city"])) == [
        {"id": "a", "m.id": 7, "m.at.city": "x", "list": [1]}
    ]


def test_empty_lines_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    path = jsonl_file(tmp_path, b'\xef\xbb\xbf{"id": 1}', b"", b"  ", {"id": 2}, b"")
    assert [row["id"] for row in read_rows(path, ["id"])] == [1, 2]
    path = jsonl_file(tmp_path, b"\xef\xbb\xbf", {"id": 2})
    assert [row["id"] for row in read_rows(path, ["id"])] == [2]


def test_a_line_may_leave_out_what_another_line_has(tmp_path: Path) -> None:
    path = jsonl_file(tmp_path, {"id": 1}, {"id": 2, "card": "x"}, {"id": 3})
    assert [row["id"] for row in read_rows(path, ["id", "card"])] == [1, 2, 3]


@pytest.mark.parametrize("first", [b"", {"id": 1, "crad": 1}])
def test_a_column_that_no_line_has_is_named_with_what_there_is(
    tmp_path: Path, first: bytes | dict[str, Any]
) -> None:
    path = jsonl_file(tmp_path, first, {"id": 1, "crad": 1}, {"id": 1, "m": {"id": 2}})
    with pytest.raises(InputFileError, match=r"no column card; it has id, crad, m\.id"):
        list(read_rows(path, ["id", "card"]))


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b"1",
        b'{"id": NaN}',
        b'{"id": 1e400}',
        b'{"id": "\\ud800"}',
        b'{"id": "\xff"}',
        b'{"id": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"\0",
    ],
)
def test_a_line_that_is_no_json_object_is_named_by_its_number(tmp_path: Path, line: bytes) -> None:
    path = jsonl_file(tmp_path, {"id": 1}, b"", line, {"id": 2})
    rows = read_rows(path, ["id"])
    assert next(rows) == {"id": 1}
    with pytest.raises(InputFileError, match=r"rows\.jsonl, line 3 cannot be read"):
        next(rows)


# Parquet.


def parquet_file(tmp_path: Path, select: str) -> Path:
    duckdb = pytest.importorskip("duckdb", reason=NO_DUCKDB)
    path = tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({select}) to '{path}' (format parquet)")
    return path


@pytest.mark.parametrize(
    ("cell", "time_us"),
    [
        ("timestamp '2024-04-03 06:26:52.121212'", AT_US),
        ("timestamptz '2024-04-03 08:26:52.121212+02'", AT_US),
        ("timestamp_ns '2024-04-03 06:26:52.121212999'", AT_US),
        ("timestamp_ms '2024-04-03 06:26:52.121'", AT_US - 212),
        ("timestamp_s '2024-04-03 06:26:52'", AT_US - 121_212),
        ("date '2024-04-03'", 1_712_102_400_000_000),
        (f"{AT_US}::bigint", AT_US),
        (f"{AT_US}::ubigint", AT_US),
        (f"{AT_US}::double", AT_US),
        (f"{AT_US}::decimal(20,0)", AT_US),
        ("'2024-04-03T06:26:52.121212Z'", AT_US),
        ("null::timestamp", None),
        ("null::timestamptz", None),
        ("'nan'::double", None),
    ],
)
def test_times_of_every_parquet_type(tmp_path: Path, cell: str, time_us: int | None) -> None:
    path = parquet_file(tmp_path, f'select 1 as id, {cell} as "the ""time"""')
    (row,) = read_rows(path, ["id", 'the "time"'])
    assert time_of(row['the "time"']) == time_us


def test_parquet_keeps_its_order_and_knows_its_length(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, "select range as id, 'x' as other from range(45000)")
    assert [row["id"] for row in read_rows(path, ["id"])] == list(range(45_000))
    assert count_rows(path) == 45_000


def test_only_the_columns_of_roles_are_read_from_parquet(tmp_path: Path) -> None:
    path = parquet_file(tmp_path, "select 1 as id, 2 as other")
    assert list(read_rows(path, ["id", "id"])) == [{"id": 1}]


def test_a_damaged_parquet_file_is_an_error_of_the_file(tmp_path: Path) -> None:
    whole = parquet_file(tmp_path, "select range as id from range(9000)")
    content = whole.read_bytes()
    for damaged in (content[:-1], content[: len(content) // 2], content[:4], b""):
        whole.write_bytes(damaged)
        with pytest.raises(InputFileError, match=r"rows\.parquet cannot be read"):
            list(read_rows(whole, ["id"]))
        with pytest.raises(InputFileError, match=r"rows\.parquet cannot be read"):
            count_rows(whole)


# Any kind.


def test_missing_columns_are_all_named_with_what_the_file_has(tmp_path: Path) -> None:
    expected = r"has no column amount, card; it has id, time, x y: say under \[fields\]"
    with pytest.raises(InputFileError, match=expected):
        list(read_rows(csv_file(tmp_path, b"id,time,x y\n1,2,3\n"), COLUMNS))
    with pytest.raises(InputFileError, match=expected):
        list(read_rows(jsonl_file(tmp_path, {"id": 1, "time": 2, "x y": 3}), COLUMNS))
    path = parquet_file(tmp_path, 'select 1 as id, 2 as time, 3 as "x y"')
    with pytest.raises(InputFileError, match=expected):
        list(read_rows(path, COLUMNS))


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputFileError, match=f"{name} is empty"):
        list(read_rows(tmp_path / name, COLUMNS))


@pytest.mark.parametrize("name", ["rows.xlsx", "rows", "rows.csv.gz"])
def test_an_unknown_kind_is_refused_at_once_with_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputFileError, match=r"reads \.csv, \.jsonl, \.parquet, \.avro"):
        read_rows(tmp_path / name, COLUMNS)


def test_endings_may_be_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "ROWS.CSV").write_bytes(b"id\n1\n")
    assert list(read_rows(tmp_path / "ROWS.CSV", ["id"])) == [{"id": "1"}]


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_a_missing_file_is_said_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputFileError, match="no such file"):
        read_rows(tmp_path / name, COLUMNS)
    (tmp_path / name).mkdir()
    with pytest.raises(InputFileError, match="no such file"):
        read_rows(tmp_path / name, COLUMNS)


def test_parquet_without_duckdb_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    for read in (lambda path: list(read_rows(path, ["id"])), count_rows):
        with pytest.raises(InputFileError, match=r"\[offline\]"):
            read(tmp_path / "rows.parquet")


# Integer categories, and the truth.


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *((5, 5), ("5", 5), (" -7 ", -7), (5.0, 5), ("5.0", 5), (Decimal(5), 5), ("", None)),
        *((True, 1), ("true", 1), ("False", 0), (None, None), (float("nan"), None)),
        *((2**63 - 1, 2**63 - 1), (str(-(2**63)), -(2**63))),
    ],
)
def test_an_integer_category_in_every_spelling(cell: object, value: int | None) -> None:
    roles = Roles(transaction_id="id", event_time="time", categorical={"channel": "channel"})
    row = {"id": "a", "time": AT_US, "amount_minor": 1, "channel": cell}
    found, readable = RowReader(roles, "", {"channel"}).record(row)
    assert (found["category_0"], readable) == (value, True)
    # Without the word for it, it is a text.
    assert RowReader(roles, "").record(row)[0]["category_0"] in (None, str(cell), str(value))


@pytest.mark.parametrize("cell", ["web", "5.5", 5.5, "inf", 2**63, [5], "1_0"])
def test_a_category_that_is_no_integer_cannot_be_read(cell: object) -> None:
    roles = Roles(transaction_id="id", event_time="time", categorical={"channel": "channel"})
    row = {"id": "a", "time": AT_US, "amount_minor": 1, "channel": cell}
    found, readable = RowReader(roles, "", {"channel"}).record(row)
    assert (found["category_0"], readable) == (None, False)


def test_the_schema_knows_integer_categories() -> None:
    roles = Roles(categorical={"channel": "a", "code": "b"})
    fields = {field["name"]: field["type"] for field in row_schema(roles, {"code"})["fields"]}
    assert fields["category_0"] == ["null", "string"]
    assert fields["category_1"] == ["null", "long"]


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        *((1, True), (True, True), ("1", True), ("1.0", True), (" TRUE", True), ("fraud", True)),
        *((0, False), (False, False), ("0", False), ("false", False), ("genuine", False)),
        *((None, None), ("", None), (float("nan"), None)),
    ],
)
def test_the_truth_in_every_spelling(cell: object, wanted: bool | None) -> None:
    assert truth(cell) is wanted
    assert reader().is_fraud({"fraud": cell}) is wanted


def test_without_a_column_the_truth_is_not_known() -> None:
    assert RowReader(Roles(), "").is_fraud({"fraud": 1}) is None
    assert reader().is_fraud({}) is None


# Ranges of rows.


@pytest.mark.parametrize("column", ["id", "file_row_number", "File_Row_Number"])
def test_ranges_one_behind_the_other_are_the_file(tmp_path: Path, column: str) -> None:
    duckdb = pytest.importorskip("duckdb", reason=NO_DUCKDB)
    path = tmp_path / "x.parquet"
    with duckdb.connect() as connection:
        # Its own column of that name is not the number of the row.
        select = f'select 10000 - i as "{column}", i % 7 as n from range(9000) t(i)'
        connection.execute(f"copy ({select}) to '{path}' (format parquet, row_group_size 2048)")
    whole = list(read_rows(path, [column, "n"]))
    assert len(whole) == 9000
    for size in (1000, 2048, 8999, 20_000):
        cut = [read_range(path, [column, "n"], at, at + size) for at in range(0, 9000, size)]
        assert [row for rows in cut for row in rows] == whole
    assert list(read_range(path, [column], 4999, 5000)) == [{column: 10_000 - 4999}]
    assert list(read_range(path, [column], 9000, 9100)) == []


def test_a_range_of_what_is_no_parquet_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("duckdb", reason=NO_DUCKDB)
    path = tmp_path / "x.parquet"
    path.write_text("no")
    with pytest.raises(InputFileError, match="cannot be read as Parquet"):
        list(read_range(path, ["id"], 0, 10))
