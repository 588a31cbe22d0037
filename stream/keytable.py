"""A hash table from 64-bit keys to places, in one flat array of fixed size.

Open addressing with linear probing; removal shifts the followers back, so there
are no tombstones and look-ups never slow down with age (Knuth, TAOCP vol. 3,
6.4, algorithm R). Keys are SipHash values, already uniform: their low bits are
the bucket. Key 0 marks an empty bucket and is nobody's hash.
"""

from __future__ import annotations

import numpy as np
from numba import int64, uint64
from numpy.typing import NDArray

from schemas.jit import kernel

NOWHERE = -1
BUCKET = np.dtype([("key", np.uint64), ("place", np.int64)])


def key_table(entries_max: int, tables: int = 1) -> NDArray[np.void]:
    """Make tables that are never more than half full with `entries_max` keys.

    Returns
    -------
    ndarray of BUCKET, shape (tables, buckets)
        `buckets` is a power of two.
    """
    return np.zeros((tables, buckets_for(entries_max)), BUCKET)


def buckets_for(entries_max: int) -> int:
    """Return how many buckets a table of `entries_max` keys has: a power of two."""
    return 1 << max(3, (2 * entries_max - 1).bit_length())


@kernel
def find(buckets, table, key):
    """Return the place of a key in one of the tables, or NOWHERE."""
    mask = uint64(buckets.shape[1] - 1)
    at = key & mask
    while buckets[table, at]["key"] != uint64(0):
        if buckets[table, at]["key"] == key:
            return buckets[table, at]["place"]
        at = (at + uint64(1)) & mask
    return int64(NOWHERE)


@kernel
def insert(buckets, table, key, place):
    """Add a key that is not in the table; the caller keeps the number of keys bounded."""
    mask = uint64(buckets.shape[1] - 1)
    at = key & mask
    while buckets[table, at]["key"] != uint64(0):
        at = (at + uint64(1)) & mask
    buckets[table, at]["key"] = key
    buckets[table, at]["place"] = place


@kernel
def remove(buckets, table, key):
    """Take a key that is in the table out of it."""
    mask = uint64(buckets.shape[1] - 1)
    hole = key & mask
    while buckets[table, hole]["key"] != key:
        hole = (hole + uint64(1)) & mask
    at = (hole + uint64(1)) & mask
    while buckets[table, at]["key"] != uint64(0):
        home = buckets[table, at]["key"] & mask
        # A follower may fill the hole unless its home lies behind the hole.
        if ((at - home) & mask) >= ((at - hole) & mask):
            buckets[table, hole]["key"] = buckets[table, at]["key"]
            buckets[table, hole]["place"] = buckets[table, at]["place"]
            hole = at
        at = (at + uint64(1)) & mask
    buckets[table, hole]["key"] = uint64(0)
