"""The decisions of a batch as records of `decision.avsc`, written by a kernel.

A general Avro library takes longer to write a decision than everything else takes to make it:
where every decision is published, this is what counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import (
    EVENT_TIME_US,
    FIRST_MAPPED,
    ID_START,
    ID_STOP,
    TRANSACTION_KEY,
    Transactions,
)
from schemas.jit import kernel, uncounted
from schemas.wire import frame
from schemas.writing import (
    DOUBLE_BYTES,
    KEY_BYTES,
    VARINT_BYTES_MAX,
    pieces_of,
    string_bytes,
    write_hexadecimal,
    write_optional_double,
    write_piece,
    write_string,
    write_varint,
)
from stream.event_time import Timeliness

# What a decision says was missing when it was made, in this order.
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
# Places of the pieces that a decision is made of.
_HEAD, _POLICY, _DEGRADED = range(3)


class Verdicts(NamedTuple):
    """What an engine said of the rows of a batch; `stream.effects.Effects` has the same.

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


class DecisionWriter:
    """Write decisions as they go on the topic.

    Parameters
    ----------
    schema_id : int
        Of `decision.avsc` in the registry.
    policy_version : str
        What every decision says it was made under.
    """

    def __init__(self, schema_id: int, policy_version: str) -> None:
        always = [frame(schema_id, b""), string_bytes(policy_version)]
        self._pieces = pieces_of([*always, *DEGRADED_ARRAYS])
        # Lengths, times and versions are varints; an outcome, a timeliness, a flag and the
        # branch of a union are a byte each.
        varying = 3 * VARINT_BYTES_MAX + DOUBLE_BYTES + 4
        self._fixed = sum(map(len, always)) + max(map(len, DEGRADED_ARRAYS)) + varying

    def write(
        self, batch: Transactions, verdicts: Verdicts, rows: NDArray[np.intp]
    ) -> list[tuple[bytes, bytes]]:
        """Return the key and the value of each row's record.

        Parameters
        ----------
        batch : Transactions
        verdicts : Verdicts
        rows : ndarray of intp, shape (k,)
            Which of the batch's rows; all of them have an id.

        Returns
        -------
        list of (bytes, bytes), length k
            A key is the hash of the first entity in hexadecimal, or of the payment where that
            is nobody.
        """
        longs, k = batch.longs, len(rows)
        text = int((longs[ID_STOP, rows] - longs[ID_START, rows]).sum())
        out = np.empty(text + k * self._fixed, np.uint8)
        keys = np.empty(k * KEY_BYTES, np.uint8)
        ends = np.empty(k, np.int64)
        write_rows(
            longs,
            batch.data,
            verdicts,
            np.ascontiguousarray(verdicts.scores).view(np.uint64),
            degraded_bits(verdicts),
            rows,
            self._pieces,
            out,
            ends,
            keys,
        )
        return split(out, ends, keys)


def split(
    out: NDArray[np.uint8], ends: NDArray[np.int64], keys: NDArray[np.uint8]
) -> list[tuple[bytes, bytes]]:
    """Return keys and values that a kernel wrote end to end, record by record."""
    data, names, places = out.tobytes(), keys.tobytes(), [0, *ends.tolist()]
    return [
        (names[i * KEY_BYTES : (i + 1) * KEY_BYTES], data[places[i] : places[i + 1]])
        for i in range(len(ends))
    ]


def degraded_bits(verdicts: Verdicts) -> NDArray[np.int64]:
    """Return which of `DEGRADED` hold for each row, a bit each, shape (n,)."""
    too_late = (verdicts.timeliness == _LATEST) & ~verdicts.duplicate
    return verdicts.cold * _COLD | verdicts.unscored * _NO_SCORE | too_late * _TOO_LATE


@uncounted
@kernel
def write_rows(longs, data, verdicts, scores, lacks, rows, pieces, out, ends, keys):
    """Write rows one after the other; `ends` gets where each ends, `keys` 16 bytes for each.

    `scores` are those of the verdicts, as the words that hold them; `lacks` tell which of
    `DEGRADED` hold, a bit each.
    """
    at = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        at = write_piece(out, at, pieces, _HEAD)
        at = write_string(out, at, data, longs[ID_START, row], longs[ID_STOP, row])
        at = write_varint(out, at, longs[EVENT_TIME_US, row])
        at = write_varint(out, at, verdicts.outcomes[row])
        at = write_optional_double(out, at, verdicts.scores[row], scores[row])
        at = write_varint(out, at, verdicts.timeliness[row])
        out[at] = verdicts.duplicate[row]
        at += 1
        at = write_piece(out, at, pieces, _DEGRADED + lacks[row])
        at = write_varint(out, at, verdicts.model_versions[row])
        at = write_piece(out, at, pieces, _POLICY)
        ends[i] = at
        write_key(keys, i, longs, row)


@uncounted
@kernel
def write_key(keys, i, longs, row):
    """Write the key of a row's records as the i-th: its first entity's hash, or its own."""
    key = longs[FIRST_MAPPED, row]
    if key == 0:
        key = longs[TRANSACTION_KEY, row]
    write_hexadecimal(keys, i * KEY_BYTES, key)
