"""The integer columns of an event: what windows sum, compare and tell apart.

Numbers become fixed-point integers here, so that sums are exact and free of order.
A column is named by a tuple: its kind and the name it is of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.columns import NO_KEY, Transactions
from schemas.siphash import hash_texts
from stream.features.grammar import Condition, Inputs
from stream.windows.entities import pair_keys

Column = tuple[str, str]

NUMBER_SCALE = 10_000  # Fixed-point steps in one unit of a numeric input.
_FIXED_MAX = 10**12
# What a null number is where a greatest or a least value is looked for.
LEAST = -(2**61)
MOST = 2**61

SQUARE_BITS = 40  # A square is two limbs of this many bits: high * 2**40 + low.
SQUARED_MAX = 2**SQUARE_BITS - 1  # Larger numbers' squares would not fit.
_LOW = 2**SQUARE_BITS - 1
_HALF = 2 ** (SQUARE_BITS // 2) - 1

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0.

FRAUD: Column = ("fraud", "")
# Whether there is a verdict at all.
VERDICT: Column = ("verdict", "")


class EventColumns:
    """Computes the columns of a batch.

    Parameters
    ----------
    columns : sequence of Column
        In the order of their rows.
    inputs : Inputs
    events_max : int
        Bounds what a numeric input may be, so that no sum overflows.
    hash_key : bytes
        16 bytes, the decoder's: categories are compared by their keyed hashes.
    """

    def __init__(
        self, columns: Sequence[Column], inputs: Inputs, events_max: int, hash_key: bytes
    ) -> None:
        self.columns = tuple(columns)
        self.inputs = inputs
        self.fixed_max = min(_FIXED_MAX, (2**63 - 1) // events_max)
        self._values = {
            name: hash_texts(list(condition.values), hash_key)
            for name, condition in inputs.conditions.items()
            if condition.values
        }

    def fill(
        self, batch: Transactions, rows: NDArray[np.int64] | slice, block: NDArray[np.int64]
    ) -> None:
        """Write the columns of some rows of a batch.

        Parameters
        ----------
        batch : Transactions
        rows : ndarray of int64, shape (k,), or slice
        block : ndarray of int64, shape (columns, k)
            Written.
        """
        # Several columns come of one number, one square or one condition.
        fixed_point = _Kept(partial(self.fixed_point, batch, rows))
        limbs = _Kept(lambda name: squares(fixed_point[name][0]))
        condition = _Kept(partial(self.condition, batch, rows))
        for at, (kind, name) in enumerate(self.columns):
            if kind in ("number", "known", "most", "least"):
                block[at] = _of_number(kind, *fixed_point[name])
            elif kind in ("square_high", "square_low"):
                block[at] = limbs[name][0 if kind == "square_high" else 1]
            elif kind in ("true", "decided"):
                true, decided = condition[name]
                block[at] = decided if kind == "decided" else true & decided
            elif kind == "key":
                block[at] = key_column(batch, self.inputs, name)[rows].view(np.int64)
            elif kind == "double":
                number = batch.numeric[self.inputs.numeric.index(name)]
                block[at] = np.ascontiguousarray(number[rows]).view(np.int64)
            else:
                block[at] = 0

    def fixed_point(
        self, batch: Transactions, rows: NDArray[np.int64] | slice, name: str
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return a number as integers, 0 where it is null, and where it is known."""
        if name == "amount":
            amounts = batch.amount_minor[rows]
            return amounts, np.ones(len(amounts), np.bool_)
        number = batch.numeric[self.inputs.numeric.index(name)][rows]
        # Beyond this every number is null, and a double may overflow.
        near = np.where(np.abs(number) <= self.fixed_max, number, np.nan)
        steps = np.rint(near * NUMBER_SCALE)
        known = np.abs(steps) <= self.fixed_max  # False for NaN.
        return np.where(known, steps, 0.0).astype(np.int64), known

    def condition(
        self, batch: Transactions, rows: NDArray[np.int64] | slice, name: str
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return where a condition is true, and where it is decided at all."""
        condition = self.inputs.conditions[name]
        if condition.field == "":
            true = _in_time(condition, batch.event_time_us[rows])
            return true, np.ones(len(true), np.bool_)
        if condition.values:
            keys = key_column(batch, self.inputs, condition.field)[rows]
            return np.isin(keys, self._values[name]), keys != NO_KEY
        if condition.field == "amount":
            number = batch.amount_minor[rows] / 10**self.inputs.minor_digits
        else:
            number = batch.numeric[self.inputs.numeric.index(condition.field)][rows]
        true = np.ones(len(number), np.bool_)
        if condition.above is not None:
            true &= number > condition.above
        if condition.below is not None:
            true &= number < condition.below
        return true, ~np.isnan(number)


class _Kept(dict[str, Any]):
    """What a function gives for each name, worked out when it is first asked for.

    As ``functools.cache``, which takes longer to put around a function than most of them run.
    """

    def __init__(self, function: Callable[[str], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, name: str) -> Any:
        """Work it out."""
        found = self[name] = self._function(name)
        return found


def key_column(batch: Transactions, inputs: Inputs, name: str) -> NDArray[np.uint64]:
    """Return the keyed hashes of an entity or a category; 0 is null. Shape (n,)."""
    if name in inputs.entities:
        return batch.entities[inputs.entities.index(name)]
    return batch.categorical[inputs.categorical.index(name)]


def entity_keys(batch: Transactions, inputs: Inputs, entity: Sequence[str]) -> NDArray[np.uint64]:
    """Return the keys of an entity or of a pair, 0 where it or a part of it is null."""
    keys = key_column(batch, inputs, entity[0])
    if len(entity) == 1:
        return keys
    if entity[1] == "amount":
        others = batch.amount_minor.view(np.uint64) + np.uint64(1)
    else:
        others = key_column(batch, inputs, entity[1])
    pairs = np.empty(len(keys), np.uint64)
    pair_keys(keys, others, pairs)
    return pairs


def squares(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the two limbs of each value's square; values up to SQUARED_MAX."""
    size = np.abs(values)
    top, rest = size >> (SQUARE_BITS // 2), size & _HALF
    cross = 2 * top * rest
    low = ((cross & _HALF) << (SQUARE_BITS // 2)) + rest * rest
    return top * top + (cross >> (SQUARE_BITS // 2)) + (low >> SQUARE_BITS), low & _LOW


def _of_number(
    kind: str, fixed: NDArray[np.int64], known: NDArray[np.bool_]
) -> NDArray[np.int64] | NDArray[np.bool_]:
    if kind == "number":
        return fixed
    if kind == "known":
        return known
    if kind == "most":
        return np.where(known, fixed, LEAST)
    return np.where(known, fixed, MOST)


def _in_time(condition: Condition, times_us: NDArray[np.int64]) -> NDArray[np.bool_]:
    if condition.hours is None:
        return np.isin((times_us // _DAY_US + EPOCH_WEEKDAY) % 7, condition.weekdays)
    hours = times_us % _DAY_US // _HOUR_US
    first, last = condition.hours
    if first <= last:
        return (hours >= first) & (hours <= last)
    return (hours >= first) | (hours <= last)
