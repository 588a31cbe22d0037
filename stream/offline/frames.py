"""Frames as the engine's input: pandas, Polars, PyArrow and DuckDB, through narwhals.

A row of a frame takes the road of a row of a file (`stream.files`): it is encoded as
the bytes a producer would have sent, and decoded by the decoder that runs live. So a
frame, the file it was read from and the stream it was recorded from give the same
features, and what is wrong with a row has the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from schemas.errors import InputFileError
from stream.files.inputs import FileBlock, RowEncoder, RowKind
from stream.files.rows import check_columns, truth

Columns = Mapping[str, Any]


def frame_blocks(
    frame: Any, kind: RowKind, block_rows: int, is_fraud: Sequence[bool | None] | None = None
) -> Iterator[FileBlock]:
    """Cut a frame into blocks of framed records, for the decoder of their kind.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame, polars.LazyFrame, pyarrow.Table, \
duckdb.DuckDBPyRelation
        Or whatever narwhals reads. It stays as it is.
    kind : RowKind
        Its label may be missing in a frame: then nothing is known of the rows.
    block_rows : int
    is_fraud : sequence of bool or None, optional
        The truth of each row, instead of the column's.

    Raises
    ------
    InputFileError
        If it is no frame, or lacks a column.
    """
    columns, library = _columns_of(frame)
    if is_fraud is not None or kind.label not in columns:
        kind = replace(kind, label="")
    event_time = kind.roles.event_time
    if _is_time(columns.get(event_time)):
        # Such a column says its unit itself.
        kind = replace(kind, roles=replace(kind.roles, event_time_unit="us"))
    encoder = RowEncoder(kind)
    check_columns(f"this {library} frame", columns, encoder.columns)
    names = list(dict.fromkeys(encoder.columns))
    n = len(columns[names[0]])
    if is_fraud is not None and len(is_fraud) != n:
        raise InputFileError(f"{len(is_fraud)} labels for {n} rows")
    for start in range(0, n, block_rows):
        stop = min(start + block_rows, n)
        cells = [_cells(columns[name][start:stop], name == event_time) for name in names]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
        block = encoder.block(rows)
        yield block if is_fraud is None else replace(block, is_fraud=list(is_fraud[start:stop]))


def column_names(frame: Any) -> list[str]:
    """Return the names of a frame's columns."""
    return list(_read(frame).collect_schema())


def truths_of(labels: Any) -> list[bool | None]:
    """Read the truth of each row from a series, an array or a list; None where it is null."""
    series = nw.from_native(labels, series_only=True, pass_through=True)
    values = _cells(series, False) if isinstance(series, nw.Series) else np.asarray(labels).tolist()
    return [truth(value) for value in values]


def _read(frame: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    try:
        return nw.from_native(frame)
    except TypeError as error:
        raise InputFileError(
            f"a {type(frame).__name__} is no frame: give a DataFrame of pandas or Polars, a "
            "PyArrow table or a DuckDB relation"
        ) from error


def _columns_of(frame: Any) -> tuple[Columns, str]:
    """Return a frame's columns by name, and whose frame it is."""
    found = _read(frame)
    library = str(found.implementation.value)
    if library == "duckdb":
        # narwhals would want PyArrow for it; these are masked arrays.
        columns: Columns = frame.fetchnumpy()
        return columns, library
    eager: nw.DataFrame[Any] = found.collect() if isinstance(found, nw.LazyFrame) else found
    return {name: eager[name] for name in eager.columns}, library


def _is_time(column: nw.Series[Any] | NDArray[Any] | None) -> bool:
    if isinstance(column, nw.Series):
        return isinstance(column.dtype, nw.Datetime)
    return column is not None and column.dtype.kind == "M"


def _cells(column: nw.Series[Any] | NDArray[Any], is_event_time: bool) -> list[Any]:
    """Return Python values, None for null; event times as microseconds."""
    as_us = is_event_time and _is_time(column)
    if isinstance(column, nw.Series):
        absent = column.is_null().to_list()
        values = (column.dt.timestamp("us") if as_us else column).to_list()
    else:
        absent = np.ma.getmaskarray(column).tolist()
        plain = np.ma.getdata(column)
        values = (plain.astype("datetime64[us]").astype(np.int64) if as_us else plain).tolist()
    # What stands in for a null differs: NaN, NaT, NA, or any number under a mask.
    return [None if is_absent else v for v, is_absent in zip(values, absent, strict=True)]
