"""What the columns of a feature table are, and rows of an engine as these columns.

A table is put together from parts of `TableShape.part_rows` rows each, so that parts which
several processes made are those that one would have made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from schemas.errors import ConfigError

# A row group of Parquet, less if the rows are wide.
_GROUP_ROWS = 65_536
_GROUP_BYTES = 64 << 20
# The rows of a part: what is held at once, and what a process takes at a time.
_PART_ROWS = 16_384
# DuckDB goes through tables by so many rows: parts that are multiples of it make the same groups.
_VECTOR_ROWS = 2_048
_OK = int(Reason.OK)
_REASON_NAMES = {int(reason): reason.name.lower() for reason in Reason}
_DUPLICATE = "duplicate"
_UNKNOWN = 2  # A value state: nothing is known of a row that was refused.

# What `TableRows.is_fraud` says of a truth.
TRUTHS = {True: 1, False: 0, None: -1}

# A column's name and SQL type.
Kind = tuple[str, str]


class Taken(Protocol):
    """What became of rows: `stream.engine.effects.Effects`, or what several processes found."""

    @property
    def reasons(self) -> NDArray[np.int64]:
        """`Reason` of each row, shape (n,)."""
        ...

    @property
    def duplicate(self) -> NDArray[np.bool_]:
        """Rows that repeat another, shape (n,)."""
        ...


@dataclass(frozen=True)
class TableShape:
    """Which columns a table has, and how it is cut.

    Attributes
    ----------
    names : tuple of str
        Names of the features.
    minor_per_unit : int
        Minor units in one unit of money; the table's amounts are in units.
    truth : bool
        Whether there is a column ``is_fraud``.
    states : bool
        Whether each feature's value state is written as well.
    """

    names: tuple[str, ...]
    minor_per_unit: int
    truth: bool
    states: bool

    @property
    def with_amount(self) -> bool:
        """Whether the amount has a column of its own: it is no feature."""
        return "amount" not in self.names

    @property
    def kinds(self) -> list[Kind]:
        """The columns and their SQL types, in order."""
        columns = [("transaction_id", "varchar"), ("event_time", "timestamp")]
        if self.with_amount:
            columns.append(("amount", "double"))
        if self.truth:
            columns.append(("is_fraud", "boolean"))
        columns.append(("not_taken", "varchar"))
        columns += [(name, "double") for name in self.names]
        if self.states:
            columns += [(f"state({name})", "utinyint") for name in self.names]
        return columns

    @property
    def group_rows(self) -> int:
        """Rows of a row group."""
        row_bytes = 64 + (9 if self.states else 8) * len(self.names)
        most = min(_GROUP_ROWS, _GROUP_BYTES // row_bytes)
        return max(1, most // _VECTOR_ROWS) * _VECTOR_ROWS

    @property
    def part_rows(self) -> int:
        """Rows of every part but the last."""
        return min(_PART_ROWS, self.group_rows)

    def check_names(self, path: Path) -> None:
        """Check that no two columns would have one name.

        Raises
        ------
        ConfigError
        """
        names = [name for name, _ in self.kinds]
        if path.suffix.lower() == ".parquet":  # DuckDB, which writes it, sees no capitals.
            names = [name.lower() for name in names]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ConfigError(
                f"{path}: several columns would be called {', '.join(twice)}: rename an "
                "entity or a condition, or write .csv if only capitals differ"
            )


@dataclass(frozen=True)
class TableRows:
    """Rows as they are known before they are columns of a table.

    Attributes
    ----------
    ids : list of str or None
    times_us : ndarray of int64, shape (n,)
    amounts_minor : ndarray of int64, shape (n,)
    decoded : ndarray of bool, shape (n,)
        False for rows that were refused: whatever their columns hold, it is not known.
    is_fraud : ndarray of int8, shape (n,)
        See `TRUTHS`.
    why : list of str or None
        See `why_not_taken`.
    matrix : ndarray of float64, shape (n, n_features)
    states : ndarray of uint8, shape (n, n_features), or None
    """

    ids: list[str | None]
    times_us: NDArray[np.int64]
    amounts_minor: NDArray[np.int64]
    decoded: NDArray[np.bool_]
    is_fraud: NDArray[np.int8]
    why: list[str | None]
    matrix: NDArray[np.float64]
    states: NDArray[np.uint8] | None

    def __len__(self) -> int:
        return len(self.ids)

    def cut(self, start: int, stop: int) -> TableRows:
        """View some of the rows."""
        at = slice(start, stop)
        return TableRows(
            self.ids[at],
            self.times_us[at],
            self.amounts_minor[at],
            self.decoded[at],
            self.is_fraud[at],
            self.why[at],
            self.matrix[at],
            None if self.states is None else self.states[at],
        )


def rows_of(
    batch: Transactions,
    is_fraud: NDArray[np.int8],
    taken: Taken,
    matrix: NDArray[np.float64],
    states: NDArray[np.uint8] | None,
) -> TableRows:
    """Lay out what is known of the rows of a batch."""
    return TableRows(
        ids=[batch.transaction_id(row) or None for row in range(len(batch))],
        times_us=batch.event_time_us,
        amounts_minor=batch.amount_minor,
        decoded=batch.reason == _OK,
        is_fraud=is_fraud,
        why=why_not_taken(taken),
        matrix=matrix,
        states=states,
    )


def columns_of(held: Sequence[TableRows], shape: TableShape) -> list[NDArray[Any]]:
    """Join rows to columns, in the order of `TableShape.kinds`; masked is null, and so is NaN."""
    decoded = np.concatenate([rows.decoded for rows in held])
    times = np.concatenate([rows.times_us for rows in held]).astype("datetime64[us]")
    columns = [_texts(chain.from_iterable(rows.ids for rows in held)), _where(decoded, times)]
    if shape.with_amount:
        minor = np.concatenate([rows.amounts_minor for rows in held])
        columns.append(_where(decoded, minor / shape.minor_per_unit))
    if shape.truth:
        truths = np.concatenate([rows.is_fraud for rows in held])
        columns.append(_where(truths >= 0, truths == 1))
    columns.append(_texts(chain.from_iterable(rows.why for rows in held)))
    matrix = np.concatenate([rows.matrix for rows in held])
    matrix[~decoded] = np.nan
    columns += list(np.ascontiguousarray(matrix.T))
    if shape.states:
        states = np.concatenate([rows.states for rows in held if rows.states is not None])
        states[~decoded] = _UNKNOWN
        columns += list(np.ascontiguousarray(states.T))
    return columns


def why_not_taken(taken: Taken) -> list[str | None]:
    """Say of each row why it changed nothing; None for a row that was taken."""
    why: list[str | None] = [None] * len(taken.reasons)
    for row in np.flatnonzero((taken.reasons != _OK) | taken.duplicate).tolist():
        repeated = bool(taken.duplicate[row])
        why[row] = _DUPLICATE if repeated else _REASON_NAMES[int(taken.reasons[row])]
    return why


def _texts(values: Iterable[str | None]) -> NDArray[np.object_]:
    return np.array(list(values), object)


def _where(known: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[Any]:
    """Mask values that are not known: they become null."""
    return np.ma.masked_array(values, ~known)
