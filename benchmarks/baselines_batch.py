"""The window features of a whole stream at once, by Polars and by DuckDB.

Both count what had arrived at each row: of rows of equal time, those that come later in
the stream are not counted. Batch engines would count them, so the rows are ordered by
one integer made of the second and the number of the row. A window of w seconds becomes
w times the seconds' step less half a step: then a row of the last second before
the window is never inside, a row of its first second always is. This is exact for times
of whole seconds, which the Handbook's are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from stream.simulate.handbook import HandbookStream

SECOND_US = 1_000_000
DAYS = (1, 7, 30)

_DAY_S = 86_400
_MINOR_PER_UNIT = 100


@dataclass(frozen=True, slots=True)
class Columns:
    """A stream in order of time.

    Parameters
    ----------
    times_us : ndarray of int64, shape (n,)
        Whole seconds.
    customer, terminal : ndarray of int64, shape (n,)
        Ids from 0.
    amounts_minor : ndarray of int64, shape (n,)
    """

    times_us: NDArray[np.int64]
    customer: NDArray[np.int64]
    terminal: NDArray[np.int64]
    amounts_minor: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times_us)

    @property
    def step(self) -> int:
        """A power of two that is more than twice the number of rows."""
        return 1 << (2 * len(self)).bit_length()

    def order(self) -> NDArray[np.int64]:
        """Return one integer a row, strictly ascending, `step` a second."""
        seconds = self.times_us // SECOND_US - self.times_us[0] // SECOND_US
        return seconds * self.step + np.arange(len(self))

    def reach(self, days: int) -> int:
        """Return how far back a window reaches in terms of `order`."""
        return days * _DAY_S * self.step - self.step // 2


def of_handbook(stream: HandbookStream) -> Columns:
    """Take what the features need from the Handbook's stream, amounts in whole cents."""
    return Columns(
        stream.event_time_us,
        stream.customer_id,
        stream.terminal_id,
        np.rint(stream.amount * _MINOR_PER_UNIT).astype(np.int64),
    )


NAMES = tuple(
    f"{name}_{days}d"
    for name in ("customer.count", "customer.amount_mean", "terminal.count")
    for days in DAYS
)


def by_polars(rows: Columns) -> list[NDArray[np.generic]]:
    """Compute the columns of `NAMES`, in the order of the rows, with all threads."""
    import polars as pl

    windows = {days: f"{rows.reach(days)}i" for days in DAYS}

    def over(column: str, days: int, entity: str) -> pl.Expr:
        return pl.col(column).rolling_sum_by("place", windows[days]).over(entity)

    found = (
        pl.LazyFrame(
            {
                "place": rows.order(),
                "customer": rows.customer,
                "terminal": rows.terminal,
                "amount": rows.amounts_minor,
            }
        )
        .with_columns(one=pl.lit(1, pl.Int64))
        .select(
            *(over("one", days, "customer").alias(f"customer.count_{days}d") for days in DAYS),
            *(over("amount", days, "customer").alias(f"total_{days}d") for days in DAYS),
            *(over("one", days, "terminal").alias(f"terminal.count_{days}d") for days in DAYS),
        )
        .with_columns(
            (pl.col(f"total_{days}d") / _MINOR_PER_UNIT / pl.col(f"customer.count_{days}d")).alias(
                f"customer.amount_mean_{days}d"
            )
            for days in DAYS
        )
        .collect()
    )
    return [found[name].to_numpy() for name in NAMES]


def by_duckdb(rows: Columns) -> list[NDArray[np.generic]]:
    """Compute the same by window functions, with all threads."""
    import duckdb

    clauses = ", ".join(
        f"{entity}_{days} AS (PARTITION BY {entity} ORDER BY place "
        f"RANGE BETWEEN {rows.reach(days)} PRECEDING AND CURRENT ROW)"
        for entity in ("customer", "terminal")
        for days in DAYS
    )
    columns = [
        *(f"count(*) OVER customer_{days}" for days in DAYS),
        *(f"avg(amount) OVER customer_{days} / {_MINOR_PER_UNIT}" for days in DAYS),
        *(f"count(*) OVER terminal_{days}" for days in DAYS),
    ]
    named = ", ".join(f"{sql} AS c{at}" for at, sql in enumerate(columns))
    order = rows.order()
    with duckdb.connect() as connection:
        connection.register(
            "payments",
            {
                "place": order,
                "customer": rows.customer,
                "terminal": rows.terminal,
                "amount": rows.amounts_minor,
            },
        )
        found = connection.sql(f"SELECT place, {named} FROM payments WINDOW {clauses}").fetchnumpy()
    # The rows come in any order; putting them in place here is faster than ORDER BY.
    places = found["place"] & (rows.step - 1)
    return [_placed(found[f"c{at}"], places) for at in range(len(columns))]


def _placed(column: NDArray[np.generic], places: NDArray[np.int64]) -> NDArray[np.generic]:
    ordered = np.empty_like(np.asarray(column))
    ordered[places] = column
    return ordered


def by_definition(rows: Columns) -> list[NDArray[np.float64]]:
    """Look at every earlier row again, for tests."""
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for at in range(len(rows)):
        for days in DAYS:
            recent = rows.times_us[: at + 1] > rows.times_us[at] - days * _DAY_S * SECOND_US
            same = recent & (rows.customer[: at + 1] == rows.customer[at])
            amounts = rows.amounts_minor[: at + 1][same]
            found[f"customer.count_{days}d"].append(len(amounts))
            mean = int(amounts.sum()) / _MINOR_PER_UNIT / len(amounts)
            found[f"customer.amount_mean_{days}d"].append(mean)
            there = recent & (rows.terminal[: at + 1] == rows.terminal[at])
            found[f"terminal.count_{days}d"].append(int(there.sum()))
    return [np.array(found[name], np.float64) for name in NAMES]


def largest_difference(
    some: Sequence[NDArray[np.generic]], others: Sequence[NDArray[np.generic]]
) -> float:
    """Return the largest difference between two results, relative where they exceed 1."""
    pairs = [(np.float64(a), np.float64(b)) for a, b in zip(some, others, strict=True)]
    return max(float(np.max(np.abs(a - b) / np.maximum(np.abs(b), 1.0))) for a, b in pairs)
