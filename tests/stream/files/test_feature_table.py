"""The feature table: every row, nulls for what is not known, and never half a file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from seeds import seeds

from schemas.columns import (
    AMOUNT_MINOR,
    EVENT_TIME_US,
    ID_START,
    ID_STOP,
    REASON,
    Layout,
    Reason,
    Transactions,
)
from schemas.errors import ConfigError, InputFileError
from stream.files import table_columns
from stream.files.feature_table import FeatureTable
from stream.files.table_columns import TableShape, why_not_taken

duckdb = pytest.importorskip("duckdb", reason="DuckDB ([offline]) is missing: Parquet NOT tested")

START_US = 1_522_540_831_000_000
NAMES = ("card.count_1h", "ratio(amount, card.amount_mean_1d)")
KINDS = ["parquet", "csv"]


def rows_of(ids: Sequence[str], reasons: Sequence[int] | None = None) -> Transactions:
    """A batch as it is decoded: the columns of a refused row hold anything."""
    n = len(ids)
    longs = np.full((Layout(("card",)).width, n), -(2**63), np.int64)
    texts = [text.encode() for text in ids]
    stops = np.cumsum([len(text) for text in texts])
    longs[ID_START], longs[ID_STOP] = stops - [len(text) for text in texts], stops
    longs[REASON] = Reason.OK if reasons is None else reasons
    good = longs[REASON] == Reason.OK
    longs[EVENT_TIME_US, good] = START_US + 1_500_000 * np.arange(n)[good]
    longs[AMOUNT_MINOR, good] = 1234 + np.arange(n)[good]
    return Transactions(Layout(("card",)), longs, np.frombuffer(b"".join(texts), np.uint8))


def effects_of(batch: Transactions, matrix: Any, **given: Any) -> Any:
    matrix = np.array(matrix, np.float64).reshape(len(batch), -1)
    states = given.get("states", np.zeros(matrix.shape, np.uint8))
    return SimpleNamespace(
        readings=SimpleNamespace(matrix=matrix, states=lambda rows: states[rows]),
        reasons=np.array(given.get("reasons", batch.reason)),
        duplicate=np.array(given.get("duplicate", np.zeros(len(batch))), np.bool_),
    )


def read(path: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        kind = path.suffix.removeprefix(".")
        found = connection.execute(f"select * from read_{kind}(?)", [str(path)])
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def written(
    path: Path, batch: Transactions, effects: Any, truths: Sequence[bool | None] = (), **given: Any
) -> list[dict[str, Any]]:
    names = given.get("names", NAMES)
    with FeatureTable(
        path, TableShape(names, 100, bool(truths), given.get("states", False))
    ) as table:
        table.add(batch, truths or [None] * len(batch), effects)
    return read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_the_input_is_a_row_of_the_table(tmp_path: Path, kind: str) -> None:
    batch = rows_of(["a", "bé", "c,d"])
    effects = effects_of(batch, [[1, 0.1], [2, np.nan], [3, 1e300]])
    found = written(tmp_path / f"x.{kind}", batch, effects, [True, False, None])
    assert [row["transaction_id"] for row in found] == ["a", "bé", "c,d"]
    times = [row["event_time"].isoformat() for row in found]
    assert times == ["2018-04-01T00:00:31", "2018-04-01T00:00:32.500000", "2018-04-01T00:00:34"]
    assert [row["amount"] for row in found] == [12.34, 12.35, 12.36]
    assert [row["is_fraud"] for row in found] == [True, False, None]
    assert [row["not_taken"] for row in found] == [None] * 3
    assert [row[NAMES[0]] for row in found] == [1.0, 2.0, 3.0]
    # NaN is null: what is not known is no number.
    assert [row[NAMES[1]] for row in found] == [0.1, None, 1e300]
    base = ["transaction_id", "event_time", "amount", "is_fraud", "not_taken"]
    assert list(found[0]) == [*base, *NAMES]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    batch = rows_of(["a"])
    path = tmp_path / "x.parquet"
    written(path, batch, effects_of(batch, [[1, 2]]), [True], states=True)
    with duckdb.connect() as connection:
        kinds = connection.execute(f"describe select * from '{path}'").fetchall()
    doubles = {"amount", *NAMES}
    for name, kind, *_ in kinds:
        wanted = {
            "transaction_id": "VARCHAR",
            "not_taken": "VARCHAR",
            "event_time": "TIMESTAMP",
            "is_fraud": "BOOLEAN",
        }.get(name, "DOUBLE" if name in doubles else "UTINYINT")
        assert kind == wanted, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_was_not_taken_says_why(tmp_path: Path, kind: str) -> None:
    reasons = [Reason.OK, Reason.AMOUNT_NEGATIVE, Reason.OK, Reason.OK]
    batch = rows_of(["a", "", "c", "d"], reasons)
    effects = effects_of(
        batch,
        [[1, 5], [2, 6], [np.nan, 7], [np.nan, 8]],
        reasons=[Reason.OK, Reason.AMOUNT_NEGATIVE, Reason.EVENT_TOO_LATE, Reason.OK],
        duplicate=[False, False, False, True],
        states=np.array([[0, 0], [0, 0], [2, 0], [2, 0]], np.uint8),
    )
    found = written(tmp_path / f"x.{kind}", batch, effects, [False] * 4, states=True)
    why = [None, "amount_negative", "event_too_late", "duplicate"]
    assert [row["not_taken"] for row in found] == why == why_not_taken(effects)
    # Of a refused row nothing is known, whatever its columns hold.
    refused = found[1]
    assert not refused["is_fraud"]
    empty = ("transaction_id", "event_time", "amount", *NAMES)
    assert [refused[name] for name in empty] == [None] * 5
    assert [refused[f"state({name})"] for name in NAMES] == [2, 2]
    # A late or repeated one is known, but for what needs memory.
    assert [found[2][name] for name in ("transaction_id", *NAMES)] == ["c", None, 7.0]
    assert found[3]["amount"] == 12.37


def test_a_feature_called_amount_takes_the_columns_place(tmp_path: Path) -> None:
    batch = rows_of(["a"])
    found = written(tmp_path / "x.csv", batch, effects_of(batch, [[12.34]]), names=("amount",))
    assert list(found[0]) == ["transaction_id", "event_time", "not_taken", "amount"]


@seeds(3)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_come_in_order_whatever_the_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(table_columns, "_PART_ROWS", int(rng.integers(1, 400)))
    sizes = rng.integers(1, 120, 30)
    matrix = rng.normal(size=(int(sizes.sum()), 2))
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    path, first = tmp_path / f"x.{kind}", 0
    with FeatureTable(path, TableShape(NAMES, 100, False, False)) as table:
        for size in sizes.tolist():
            batch = rows_of([str(i) for i in range(first, first + size)])
            table.add(batch, [None] * size, effects_of(batch, matrix[first : first + size]))
            first += size
    found = read(path)
    assert [int(row["transaction_id"]) for row in found] == list(range(first))
    values = np.array([[row[name] for name in NAMES] for row in found], np.float64)
    assert values.tobytes() == np.where(np.isnan(matrix), np.nan, matrix).tobytes()


def test_wide_rows_are_held_in_small_groups() -> None:
    def shape(features: int) -> TableShape:
        return TableShape(tuple(f"x{i}" for i in range(features)), 100, False, False)

    assert shape(20).group_rows == table_columns._GROUP_ROWS
    assert shape(20).part_rows == table_columns._PART_ROWS
    for features in (200, 700, 4_096):
        wide = shape(features)
        assert wide.part_rows <= wide.group_rows < table_columns._GROUP_ROWS
        assert wide.group_rows * features * 8 <= table_columns._GROUP_BYTES
        # Parts of whole vectors, or what DuckDB makes of them would depend on where they end.
        assert wide.part_rows % 2_048 == wide.group_rows % 2_048 == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_without_rows_has_its_columns(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    with FeatureTable(path, TableShape(NAMES, 100, True, False)):
        pass
    with duckdb.connect() as connection:
        columns = connection.execute(f"select * from '{path}'").description
    assert [column[0] for column in columns][-2:] == list(NAMES)
    assert read(path) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_leaves_nothing_and_keeps_what_was_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    path.write_text("as it was")
    batch = rows_of(["a"])

    def fail() -> None:
        with FeatureTable(path, TableShape(NAMES, 100, False, False)) as table:
            table.add(batch, [None], effects_of(batch, [[1, 2]]))
            # A reader never takes half a table for a whole one.
            assert path.read_text() == "as it was"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]
    assert len(written(path, batch, effects_of(batch, [[1, 2]]))) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_duckdb_cannot_write_is_an_error_of_the_system(tmp_path: Path) -> None:
    batch = rows_of(["a"])

    def lose_a_part() -> None:
        with FeatureTable(tmp_path / "x.parquet", TableShape(NAMES, 100, False, False)) as table:
            table.add(batch, [None], effects_of(batch, [[1, 2]]))
            table._flush()
            table._parts[0].unlink()

    with pytest.raises(OSError, match="the feature table cannot be written"):
        lose_a_part()
    assert list(tmp_path.iterdir()) == []


def test_quotes_in_paths_and_names_are_only_quotes(tmp_path: Path) -> None:
    folder = tmp_path / "it's"
    folder.mkdir()
    batch = rows_of(["a"])
    found = written(folder / "x.parquet", batch, effects_of(batch, [[1]]), names=('a "b"',))
    assert found[0]['a "b"'] == 1.0


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is_fraud"):
        FeatureTable(tmp_path / "x.csv", TableShape(("is_fraud",), 100, True, False))
    capitals = ("card.count_1h", "Card.count_1h")
    with pytest.raises(ConfigError, match=r"card\.count_1h.*only capitals"):
        FeatureTable(tmp_path / "x.parquet", TableShape(capitals, 100, False, False))
    FeatureTable(tmp_path / "x.csv", TableShape(capitals, 100, False, False))


def test_a_table_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"\.parquet or \.csv"):
        FeatureTable(tmp_path / "x.xlsx", TableShape(NAMES, 100, False, False))
    with pytest.raises(ConfigError, match="no folder"):
        FeatureTable(tmp_path / "y" / "x.csv", TableShape(NAMES, 100, False, False))
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(InputFileError, match="offline"):
        FeatureTable(tmp_path / "x.parquet", TableShape(NAMES, 100, False, False))


def test_csv_needs_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    path = tmp_path / "x.csv"
    batch = rows_of(["a"])
    with FeatureTable(path, TableShape(NAMES, 100, True, True)) as table:
        table.add(batch, [True], effects_of(batch, [[np.nan, 0.1]]))
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row.values()) == [
        *("a", "2018-04-01 00:00:31.000000", "12.34", "1", "", "", "0.1", "0", "0")
    ]
