"""The decisions of a batch as records of `decision.avsc`, written by a kernel.

A general Avro library takes longer to write a decision than everything else takes to make it:
where every decision is published, this is what counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.columns import EVENT_TIME_US, ID_START, ID_STOP, Transactions
from schemas.jit import kernel, uncounted
from schemas.wire import frame
from schemas.writing import (
    DOUBLE_BYTES,
    VARINT_BYTES_MAX,
    pieces_of,
    string_bytes,
    write_optional_double,
    write_piece,
    write_string,
    write_varint,
)
from stream.records.keyed import room_for, split, write_key
from stream.records.matched_rules import ARRAY_BYTES_MAX, bytes_of, rule_bytes, write_rule_ids
from stream.records.row_decisions import DEGRADED_ARRAYS, RowDecisions, degraded_bits
from stream.rules.matched import NO_RULES, MatchedRules, NamedRules, none_matched

# Places of the pieces that a decision is made of.
_HEAD, _POLICY, _DEGRADED = range(3)


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
        varying = 3 * VARINT_BYTES_MAX + DOUBLE_BYTES + 4 + 2 * ARRAY_BYTES_MAX
        self._fixed = sum(map(len, always)) + max(map(len, DEGRADED_ARRAYS)) + varying
        self._rules = rule_bytes(NO_RULES)

    def write(
        self,
        batch: Transactions,
        decided: RowDecisions,
        rows: NDArray[np.intp],
        matched: MatchedRules | None = None,
        named: NamedRules = NO_RULES,
    ) -> list[tuple[bytes, bytes]]:
        """Return the key and the value of each row's record.

        Parameters
        ----------
        batch : Transactions
        decided : RowDecisions
        rows : ndarray of intp, shape (k,)
            Which of the batch's rows; all of them have an id.
        matched : MatchedRules, optional
            The rules that matched each row of the batch.
        named : NamedRules
            The set that they are of.

        Returns
        -------
        list of (bytes, bytes), length k
            A key is the hash of the first entity in hexadecimal, or of the payment where that
            is nobody.
        """
        if named.digest != self._rules.digest:
            self._rules = rule_bytes(named)
        matched = none_matched(len(batch)) if matched is None else matched
        more = bytes_of(matched, rows, self._rules.id_bytes_max)
        room = room_for(batch, rows, self._fixed, more)
        write_rows(
            batch.longs,
            batch.data,
            decided,
            np.ascontiguousarray(decided.scores).view(np.uint64),
            degraded_bits(decided),
            rows,
            self._pieces,
            self._rules.pieces,
            matched,
            room,
        )
        return split(room)


@uncounted
@kernel
def write_rows(longs, data, decided, scores, lacks, rows, pieces, rules, matched, room):
    """Write rows one after the other.

    `scores` are those of the decided, as the words that hold them; `lacks` tell which of
    `DEGRADED` hold, a bit each; `rules` are the pieces of those that `matched` speaks of.
    """
    out, at = room.values, 0
    for i in range(rows.shape[0]):
        row = rows[i]
        at = write_piece(out, at, pieces, _HEAD)
        at = write_string(out, at, data, longs[ID_START, row], longs[ID_STOP, row])
        at = write_varint(out, at, longs[EVENT_TIME_US, row])
        at = write_varint(out, at, decided.outcomes[row])
        at = write_optional_double(out, at, decided.scores[row], scores[row])
        at = write_varint(out, at, decided.timeliness[row])
        out[at] = decided.duplicate[row]
        at += 1
        at = write_piece(out, at, pieces, _DEGRADED + lacks[row])
        at = write_rule_ids(out, at, rules, matched, row, True)
        at = write_rule_ids(out, at, rules, matched, row, False)
        at = write_varint(out, at, decided.model_versions[row])
        at = write_piece(out, at, pieces, _POLICY)
        room.ends[i] = at
        write_key(room.keys, i, longs, row)
