"""Frames of every library: the same rows, the same columns as from a file, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from schemas.columns import Reason, Transactions
from schemas.decoder import Limits
from schemas.errors import InputFileError
from schemas.roles import Roles
from stream.config.configuration import load
from stream.files.inputs import RowKind, joined, open_file
from stream.offline.frames import column_names, frame_blocks, truths_of
from stream.offline.playback import LATEST_US, REPLAY_HASH_KEY

ROLES = Roles(
    transaction_id="id",
    event_time="at",
    amount="amount",
    amount_unit="major",
    entities={"card": "card", "device": "device"},
    numeric={"age": "age"},
    categorical={"channel": "channel", "code": "code"},
)
KIND = RowKind(ROLES, "fraud", frozenset({"code"}))
AT = datetime(2024, 4, 3, 6, 26, 52, 121_212)
AT_US = 1_712_125_612_121_212
# One row whole, one with every null there may be, and one that nobody can take.
ROWS = {
    "id": [1, 2, None],
    "at": [AT, None, datetime(2024, 4, 3)],
    "amount": [12.34, None, 5.0],
    "card": ["c", None, "c"],
    "device": [7, None, 8],
    "age": [0.25, None, float("inf")],
    "channel": ["web", None, "web"],
    "code": [3, None, -4],
    "fraud": [True, None, False],
}
ARROW = pa.table(ROWS)


def from_duckdb() -> Any:
    connection = duckdb.connect()
    connection.register("arrow", ARROW)
    return connection.sql("select * from arrow")


MAKERS: dict[str, Callable[[], Any]] = {
    "pandas": ARROW.to_pandas,
    "pandas_nullable": lambda: ARROW.to_pandas().convert_dtypes(),
    "pandas_arrow": lambda: ARROW.to_pandas(types_mapper=pd.ArrowDtype),
    "pandas_object": lambda: ARROW.to_pandas().astype(object),
    "polars": lambda: pl.from_arrow(ARROW),
    "polars_lazy": lambda: pl.from_arrow(ARROW).lazy(),
    "pyarrow": lambda: ARROW,
    "duckdb": from_duckdb,
}


def decoded(frame: Any, rows: int = 2, **given: Any) -> tuple[Transactions, list[bool | None]]:
    block = joined(frame_blocks(frame, KIND, rows, **given))
    batch = KIND.decoder(REPLAY_HASH_KEY, Limits()).decode(block.values, LATEST_US)
    assert all(block.readable)
    return batch, block.is_fraud


def words(batch: Transactions) -> list[Any]:
    """What a batch says, refused rows by their reasons alone."""
    taken = batch.reason == Reason.OK
    columns = (batch.event_time_us, batch.amount_minor, batch.transaction_key)
    tables = (batch.entities, batch.numeric.view(np.int64), batch.categorical)
    return [
        batch.reason.tolist(),
        *(column[taken].tolist() for column in columns),
        *(table[:, taken].tolist() for table in tables),
    ]


@pytest.fixture(scope="module")
def from_file(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The same rows through a file."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    from_duckdb().write_parquet(str(path))
    fields = {
        "transaction_id": "id",
        "event_time": "at",
        "amount": "amount",
        "amount_unit": "major",
        "entities": ROLES.entities,
        "numeric": ROLES.numeric,
        "categorical": ROLES.categorical,
    }
    conditions = {"coded": {"field": "code", "values": [3, 4]}}
    config = load(fields=fields, features={"conditions": conditions}, replay={"label": "fraud"})
    file = open_file(path, config, REPLAY_HASH_KEY, 10)
    block = joined(file.blocks)
    return [*words(file.decoder.decode(block.values, LATEST_US)), block.is_fraud]


@pytest.mark.parametrize("library", MAKERS)
def test_a_frame_says_what_its_file_says(library: str, from_file: list[Any]) -> None:
    batch, is_fraud = decoded(MAKERS[library]())
    assert [*words(batch), is_fraud] == from_file
    assert batch.event_time_us[0] == AT_US
    assert [Reason(int(reason)) for reason in batch.reason] == [
        Reason.OK,
        Reason.AMOUNT_MISSING,
        Reason.ID_EMPTY,
    ]
    assert is_fraud == [True, None, False]


@pytest.mark.parametrize("library", MAKERS)
def test_the_frame_stays_as_it_is(library: str) -> None:
    frame = MAKERS[library]()
    before = repr(frame)
    decoded(frame)
    assert repr(frame) == before
    assert column_names(frame) == list(ROWS)


@pytest.mark.parametrize("library", MAKERS)
@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_blocks_are_cut_where_it_is_said(library: str, rows: int) -> None:
    sizes = [len(block.values) for block in frame_blocks(MAKERS[library](), KIND, rows)]
    assert sizes == {1: [1, 1, 1], 2: [2, 1], 3: [3], 100: [3]}[rows]


def test_a_frame_without_rows_has_no_blocks() -> None:
    for frame in (ARROW.slice(0, 0), ARROW.slice(0, 0).to_pandas(), pl.from_arrow(ARROW)[:0]):
        assert list(frame_blocks(frame, KIND, 10)) == []


# Times.


def one(at: Any, unit: str | None = None) -> Transactions:
    rows = {**{name: values[:1] for name, values in ROWS.items()}, "at": at}
    kind = RowKind(Roles(**{**vars(ROLES), "event_time_unit": unit}), "", KIND.integers)
    frame = pd.DataFrame(rows) if isinstance(at, pd.Series) else pl.DataFrame(rows)
    block = joined(frame_blocks(frame, kind, 10))
    return kind.decoder(REPLAY_HASH_KEY, Limits()).decode(block.values, LATEST_US)


@pytest.mark.parametrize(
    "at",
    [
        pd.Series([AT]).dt.as_unit("us"),
        pd.Series([AT]).dt.as_unit("ns"),
        pd.Series([AT]).dt.tz_localize("UTC").dt.tz_convert("Asia/Kathmandu"),
        pd.Series([AT]).astype(object),
        pd.Series([AT.replace(tzinfo=UTC).isoformat()]),
        pl.Series([AT], dtype=pl.Datetime("us")),
        pl.Series([AT], dtype=pl.Datetime("ns")),
        pl.Series([AT]).dt.replace_time_zone("UTC").dt.convert_time_zone("America/Lima"),
        pl.Series([str(AT)]),
    ],
)
# A column of times says its unit itself, whatever is configured for bare numbers.
@pytest.mark.parametrize("unit", ["s", "ns", None])
def test_the_same_moment_in_every_kind_of_column(at: Any, unit: str | None) -> None:
    assert one(at, unit).event_time_us.tolist() == [AT_US]


def test_bare_numbers_are_in_the_configured_unit() -> None:
    assert one(pl.Series([AT_US]), None).event_time_us.tolist() == [AT_US]
    assert one(pd.Series([AT_US // 1000]), "ms").event_time_us.tolist() == [AT_US // 1000 * 1000]
    assert one(pl.Series([date(2024, 4, 3)]), "s").event_time_us.tolist() == [1_712_102_400_000_000]


# What is wrong.


def test_a_cell_that_cannot_be_read_is_told() -> None:
    frame = pd.DataFrame(ROWS).astype(object)
    frame.loc[0, "amount"] = "free"
    frame.loc[1, "code"] = "three"
    block = joined(frame_blocks(frame, KIND, 10))
    assert block.readable == [False, False, True]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputFileError, match=r"this polars frame has no column card, code; it has"):
        list(frame_blocks(pl.from_arrow(ARROW.drop(["card", "code"])), KIND, 10))


def test_a_column_with_the_truth_may_be_missing() -> None:
    _, is_fraud = decoded(ARROW.drop(["fraud"]))
    assert is_fraud == [None] * 3


@pytest.mark.parametrize("thing", [[1, 2], {"id": [1]}, np.zeros((2, 2)), None, pd.Series([1])])
def test_what_is_no_frame_is_named(thing: Any) -> None:
    with pytest.raises(InputFileError, match=f"a {type(thing).__name__} is no frame"):
        list(frame_blocks(thing, KIND, 10))


# The truth from elsewhere.


def test_labels_take_the_columns_place() -> None:
    _, is_fraud = decoded(ARROW, is_fraud=[None, True, False])
    assert is_fraud == [None, True, False]
    with pytest.raises(InputFileError, match="2 labels for 3 rows"):
        decoded(ARROW, is_fraud=[True, False])


@pytest.mark.parametrize(
    "labels",
    [
        [1, 0, None],
        np.array([1.0, 0.0, np.nan]),
        np.array([True, False, None], object),
        pd.Series([1, 0, None]),
        pd.Series([True, False, None], dtype="boolean"),
        pd.Series(["fraud", "genuine", None]),
        pl.Series([1, 0, None]),
        pl.Series([True, False, None]),
        pa.chunked_array([[True, False, None]]),
    ],
)
def test_labels_of_every_kind(labels: Any) -> None:
    assert truths_of(labels) == [True, False, None]


def test_integer_categories_are_hashed_as_live_ones_are() -> None:
    batch, _ = decoded(ARROW)
    as_text = RowKind(ROLES)
    block = joined(frame_blocks(ARROW, as_text, 10))
    texts = as_text.decoder(REPLAY_HASH_KEY, Limits()).decode(block.values, LATEST_US)
    assert batch.categorical[0].tolist() == texts.categorical[0].tolist()
    assert batch.categorical[1, 0] != texts.categorical[1, 0]


def test_nothing_that_reads_frames_needs_their_libraries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    frame = ARROW.to_pandas()
    for name in ("polars", "pyarrow", "duckdb"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    assert len(decoded(frame)[0]) == 3
