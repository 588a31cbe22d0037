"""What an engine said of the rows of a batch, and what was missing when it did."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.writing import string_bytes
from stream.event_time import Timeliness

# What may be missing, in this order.
DEGRADED = ("model_cold", "no_score", "too_late")
_COLD, _NO_SCORE, _TOO_LATE = 1, 2, 4
DEGRADED_BY_BITS = tuple(
    tuple(name for i, name in enumerate(DEGRADED) if bits >> i & 1)
    for bits in range(1 << len(DEGRADED))
)
_LATEST = int(Timeliness.TOO_LATE)


def _array_bytes(names: tuple[str, ...]) -> bytes:
    """Return an array of few strings as Avro has it: one block of so many, and an empty one."""
    count = bytes([2 * len(names)]) if names else b""
    return count + b"".join(map(string_bytes, names)) + b"\0"


# By the bits of what was missing.
DEGRADED_ARRAYS = tuple(map(_array_bytes, DEGRADED_BY_BITS))


class RowDecisions(NamedTuple):
    """What an engine said of the rows of a batch; `stream.engine.effects.Effects` has the same.

    Attributes
    ----------
    scores : ndarray of float64, shape (n,)
        NaN where there is none.
    outcomes, timeliness : ndarray of int8, shape (n,)
    duplicate, cold, unscored : ndarray of bool, shape (n,)
    model_versions : ndarray of int64, shape (n,)
    """

    scores: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    timeliness: NDArray[np.int8]
    duplicate: NDArray[np.bool_]
    cold: NDArray[np.bool_]
    unscored: NDArray[np.bool_]
    model_versions: NDArray[np.int64]


def degraded_bits(decided: RowDecisions) -> NDArray[np.int64]:
    """Return which of `DEGRADED` hold for each row, a bit each, shape (n,)."""
    too_late = (decided.timeliness == _LATEST) & ~decided.duplicate
    return decided.cold * _COLD | decided.unscored * _NO_SCORE | too_late * _TOO_LATE
