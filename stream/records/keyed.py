"""Records that a kernel writes end to end, a key for each: room for them, and each by itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import FIRST_MAPPED, ID_START, ID_STOP, TRANSACTION_KEY, Transactions
from schemas.jit import kernel, uncounted
from schemas.writing import KEY_BYTES, write_hexadecimal


class Room(NamedTuple):
    """Where a kernel writes.

    Attributes
    ----------
    values : ndarray of uint8
        One record behind the other.
    ends : ndarray of int64, shape (n,)
        Where each ends.
    keys : ndarray of uint8, shape (n * KEY_BYTES,)
    """

    values: NDArray[np.uint8]
    ends: NDArray[np.int64]
    keys: NDArray[np.uint8]


def room_for(batch: Transactions, rows: NDArray[np.intp], size: int, more: int = 0) -> Room:
    """Return room for a record of each row: its id, and at most `size` bytes beside it.

    All of them together may take `more` bytes.
    """
    n = len(rows)
    ids = int((batch.longs[ID_STOP, rows] - batch.longs[ID_START, rows]).sum())
    keys = np.empty(n * KEY_BYTES, np.uint8)
    return Room(np.empty(ids + n * size + more, np.uint8), np.empty(n, np.int64), keys)


def split(room: Room) -> list[tuple[bytes, bytes]]:
    """Return the key and the value of each record that was written."""
    values, keys, places = room.values.tobytes(), room.keys.tobytes(), [0, *room.ends.tolist()]
    return [
        (keys[i * KEY_BYTES : (i + 1) * KEY_BYTES], values[places[i] : places[i + 1]])
        for i in range(len(room.ends))
    ]


@uncounted
@kernel
def write_key(keys, i, longs, row):
    """Write the key of a row's records as the i-th: its first entity's hash, or its own."""
    key = longs[FIRST_MAPPED, row]
    if key == 0:
        key = longs[TRANSACTION_KEY, row]
    write_hexadecimal(keys, i * KEY_BYTES, key)
