"""What is remembered of each decision, to judge it once the truth is known.

One row a decision, in order of arrival, 34 bytes each: what was said when the payment
came and is never changed by what was learned later, and beside it the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DAY_US = 86_400_000_000
UNKNOWN = -1
_TRUTHS = {True: 1, False: 0, None: UNKNOWN}
_BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class Decisions:
    """Columns of decisions, n rows each, in order of arrival.

    Attributes
    ----------
    event_time_us : ndarray of int64, shape (n,)
        When the payment was made, microseconds since 1970-01-01 UTC.
    card : ndarray of uint64, shape (n,)
        Key of the entity that paid; 0 (`schemas.columns.NO_KEY`) where it is not known.
    amount_minor : ndarray of int64, shape (n,)
        Minor units.
    score : ndarray of float64, shape (n,)
        The score at decision time; NaN where there was none.
    outcome : ndarray of int8, shape (n,)
        `stream.decide.Outcome` at decision time.
    truth : ndarray of int8, shape (n,)
        1 for fraud, 0 for genuine, `UNKNOWN` where nobody knows.
    """

    event_time_us: NDArray[np.int64]
    card: NDArray[np.uint64]
    amount_minor: NDArray[np.int64]
    score: NDArray[np.float64]
    outcome: NDArray[np.int8]
    truth: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def day(self) -> NDArray[np.int64]:
        """Days since 1970-01-01, UTC, of each payment, shape (n,)."""
        return self.event_time_us // DAY_US

    @property
    def is_fraud(self) -> NDArray[np.bool_]:
        """Which are known to be frauds, shape (n,)."""
        return self.truth == 1

    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return the columns in the order of the attributes."""
        return (
            self.event_time_us,
            self.card,
            self.amount_minor,
            self.score,
            self.outcome,
            self.truth,
        )

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Decisions:
        """Return some rows: a mask, places or a slice; a slice copies nothing."""
        return Decisions(*(column[rows] for column in self.columns()))

    def judged(self) -> Decisions:
        """Return the rows whose truth is known; these are all that measures look at."""
        known = self.truth != UNKNOWN
        return self if bool(known.all()) else self.take(known)


_KINDS = (np.int64, np.uint64, np.int64, np.float64, np.int8, np.int8)
ROW_BYTES = sum(np.dtype(kind).itemsize for kind in _KINDS)
"""Memory of a row, bytes; up to twice that while the columns are joined at the end."""


class Ledger:
    """Decisions, written as they are made; memory grows by blocks of 65,536 rows."""

    def __init__(self) -> None:
        self._blocks: list[tuple[NDArray[np.generic], ...]] = []
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def add(self, decisions: Decisions, kept: NDArray[np.bool_]) -> None:
        """Append decisions; their arrays are copied.

        Parameters
        ----------
        decisions : Decisions
        kept : ndarray of bool, shape (n,)
            False for rows that are no decision of their own: refused, or a repeat.
        """
        part = decisions if kept.all() else decisions.take(kept)
        columns = part.columns()
        start, end = 0, len(part)
        while start < end:
            at = self._rows % _BLOCK_ROWS
            if at == 0:
                self._blocks.append(tuple(np.empty(_BLOCK_ROWS, kind) for kind in _KINDS))
            n = min(_BLOCK_ROWS - at, end - start)
            for held, column in zip(self._blocks[-1], columns, strict=True):
                held[at : at + n] = column[start : start + n]
            self._rows += n
            start += n

    def decisions(self) -> Decisions:
        """Return all rows so far; a copy."""
        columns = zip(*self._blocks, strict=True) if self._blocks else ([] for _ in _KINDS)
        joined = (
            np.concatenate([np.empty(0, kind), *blocks])[: self._rows]
            for kind, blocks in zip(_KINDS, columns, strict=True)
        )
        return Decisions(*joined)


def truths_of(is_fraud: Sequence[bool | None]) -> NDArray[np.int8]:
    """Return what a file says of its rows as a column of truths, shape (n,)."""
    return np.array([_TRUTHS[truth] for truth in is_fraud], np.int8)


def by_day(day: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each day that has rows, ascending, with the places of its rows in their order."""
    order = np.argsort(day, kind="stable")
    days, starts = np.unique(day[order], return_index=True)
    yield from zip(days.tolist(), np.split(order, starts[1:]), strict=False)
