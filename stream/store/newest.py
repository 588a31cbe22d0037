"""The newest values of each entity among many: what waits to be written, once an entity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.columns import NO_KEY


@dataclass(frozen=True)
class Newest:
    """Values of entities of one type, each entity once.

    Attributes
    ----------
    keys : ndarray of uint64, shape (n,)
        Keyed hashes of the ids.
    marks : ndarray of int64, shape (3, n)
        Event time in microseconds, partition and offset of the payment they are of.
    put_s : ndarray of float64, shape (n,)
        When they came, seconds of the shell's clock.
    values : ndarray of float64, shape (n, m)
        NaN where a value is not known.
    """

    keys: NDArray[np.uint64]
    marks: NDArray[np.int64]
    put_s: NDArray[np.float64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, rows: NDArray[np.int64] | slice) -> Newest:
        """Return some of them."""
        return Newest(self.keys[rows], self.marks[:, rows], self.put_s[rows], self.values[rows])


def nobody(n_values: int) -> Newest:
    """Return the values of no entity."""
    return Newest(
        np.zeros(0, np.uint64), np.zeros((3, 0), np.int64), np.zeros(0), np.zeros((0, n_values))
    )


def newest(parts: list[Newest]) -> Newest:
    """Join parts, keep each entity's newest, and put them in order of their payments.

    The newest is that of the latest event time; among equal ones the order of partitions and
    offsets decides, so that the order in which they came does not.
    """
    keys = np.concatenate([part.keys for part in parts])
    marks = np.concatenate([part.marks for part in parts], axis=1)
    put_s = np.concatenate([part.put_s for part in parts])
    values = np.concatenate([part.values for part in parts])
    time, partition, offset = marks
    order = np.lexsort((offset, partition, time, keys))
    ordered = keys[order]
    last = np.append(ordered[1:] != ordered[:-1], True) if len(order) else order.astype(np.bool_)
    rows = order[last & (ordered != NO_KEY)]
    time, partition, offset = marks[:, rows]
    rows = rows[np.lexsort((offset, partition, time))]
    return Newest(keys[rows], marks[:, rows], put_s[rows], values[rows])
