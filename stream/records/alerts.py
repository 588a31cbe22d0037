"""The alerts of a batch as records of `alert.avsc`, written by a kernel, as decisions are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import (
    AMOUNT_MINOR,
    EVENT_TIME_US,
    FIRST_MAPPED,
    ID_START,
    ID_STOP,
    OFFSET,
    PARTITION,
    Transactions,
)
from schemas.jit import kernel, uncounted
from schemas.wire import frame
from schemas.writing import (
    DOUBLE_BYTES,
    KEY_BYTES,
    VARINT_BYTES_MAX,
    Pieces,
    pieces_of,
    string_bytes,
    write_double,
    write_hexadecimal,
    write_optional_double,
    write_piece,
    write_string,
    write_varint,
)
from stream.decide import ALERT_ID_BYTES, SCORE_SCALED_MAX
from stream.evidence.evidence import ALERT_REASONS_MAX, NO_TIME_US, Evidence
from stream.evidence.reasons import NO_REASON
from stream.records.keyed import room_for, split, write_key
from stream.records.matched_rules import (
    ARRAY_BYTES_MAX,
    RulesFound,
    bytes_of,
    rule_bytes,
    write_rules,
)
from stream.records.row_decisions import DEGRADED_ARRAYS, RowDecisions, degraded_bits
from stream.records.wording import NO_WORDING, Wording, text_of
from stream.rules.matched import NO_RULES, MatchedRules, NamedRules, none_matched

# Places of the pieces that an alert is made of; entities come behind the features.
_HEAD, _FEATURE_SET, _POLICY, _TOPIC, _DEGRADED = range(5)
_FEATURES = _DEGRADED + len(DEGRADED_ARRAYS)
# Of what is written anew: lengths, times, places, counts, and what a byte would do for.
_VARINTS, _DOUBLES = 22, 6
_DIRECTIONS = 3


class AlertWriter:
    """Write alerts as they go on the topic; `Publisher.alerts` gives the same as dictionaries.

    Parameters
    ----------
    schema_id : int
        Of `alert.avsc` in the registry.
    policy_version : str
        What every alert says it was made under.
    topic : str
        The transactions topic, as alerts name it.
    features, entities : tuple of str
        Their names, in the order of the columns.
    wording : Wording
    """

    def __init__(
        self,
        schema_id: int,
        policy_version: str,
        topic: str,
        features: tuple[str, ...],
        entities: tuple[str, ...],
        wording: Wording = NO_WORDING,
    ) -> None:
        named = [string_bytes(name) for name in features]
        hashed = [string_bytes(name) for name in entities]
        self._wording = wording
        words = _words(wording, len(features))
        self._words = pieces_of(words)
        models = [
            string_bytes(each.name) + string_bytes(each.digest)
            for each in map(wording.model, range(max(len(wording.models), 1)))
        ]
        self._models = pieces_of(models)
        policy = wording.codes_version, policy_version
        always = [
            frame(schema_id, b""),
            string_bytes(wording.feature_set),
            b"".join(map(string_bytes, policy)),
            string_bytes(topic),
        ]
        self._pieces = pieces_of([*always, *DEGRADED_ARRAYS, *named, *hashed])
        self._first_entity = _FEATURES + len(features)
        varint = VARINT_BYTES_MAX
        longest = max(map(len, named), default=0)
        reason = longest + max(map(len, words), default=0) + 3 * DOUBLE_BYTES + 2 * varint
        entity = varint + KEY_BYTES
        self._fixed = (
            sum(map(len, always))
            + max(map(len, DEGRADED_ARRAYS))
            + ALERT_ID_BYTES
            + _VARINTS * varint
            + _DOUBLES * DOUBLE_BYTES
            + ALERT_REASONS_MAX * reason
            + longest
            + max(map(len, models))
            + sum(map(len, hashed))
            + len(entities) * entity
            + ARRAY_BYTES_MAX
        )
        self._rules = rule_bytes(NO_RULES)

    def write(
        self,
        batch: Transactions,
        decided: RowDecisions,
        alerts: Evidence,
        ids: Sequence[str],
        matched: MatchedRules | None = None,
        named: NamedRules = NO_RULES,
        slots: NDArray[np.uint8] | None = None,
    ) -> list[tuple[bytes, bytes]]:
        """Return the key and the value of each alert's record.

        Parameters
        ----------
        batch : Transactions
        decided : RowDecisions
        alerts : Evidence
            Why rows of the batch were alerted.
        ids : sequence of str
            The alerts' own, `ALERT_ID_BYTES` letters each.
        matched : MatchedRules, optional
            The rules that matched each row of the batch.
        named : NamedRules
            The set that they are of.
        slots : ndarray of uint8, shape (n,), optional
            Slot of the model that decided each row of the batch; the first's, all of them, if None.

        Returns
        -------
        list of (bytes, bytes)
            Keys are those of the rows' decisions.
        """
        if named.digest != self._rules.digest:
            self._rules = rule_bytes(named)
        matched = none_matched(len(batch)) if matched is None else matched
        more = bytes_of(matched, alerts.rows, self._rules.rule_bytes_max)
        room = room_for(batch, alerts.rows, self._fixed + alerts.states.shape[1], more)
        write_alerts(
            batch.longs,
            batch.data,
            decided,
            np.ascontiguousarray(decided.scores).view(np.uint64),
            degraded_bits(decided),
            alerts.words(),
            np.frombuffer("".join(ids).encode(), np.uint8),
            self._pieces,
            self._first_entity,
            room,
            RulesFound(self._rules.pieces, matched, np.ascontiguousarray(alerts.read)),
            AlertWords(
                self._words,
                self._wording.directions(alerts),
                alerts.normals,
                self._models,
                self._known(np.zeros(len(batch), np.uint8) if slots is None else slots),
            ),
        )
        return split(room)

    def _known(self, slots: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return slots of models that something is said of."""
        return slots if self._wording.models else np.zeros_like(slots)


class AlertWords(NamedTuple):
    """What is said of reasons and of models.

    Attributes
    ----------
    words : Pieces
        Code and text, of each feature in each direction.
    directions : ndarray of int64, shape (n, ALERT_REASONS_MAX)
    normals : ndarray of float64, shape (n, ALERT_REASONS_MAX)
    models : Pieces
        Name and digest, of each slot.
    slots : ndarray of uint8, shape (rows of the batch,)
    """

    words: Pieces
    directions: NDArray[np.int64]
    normals: NDArray[np.float64]
    models: Pieces
    slots: NDArray[np.uint8]


def _words(wording: Wording, n_features: int) -> list[bytes]:
    """Return code and text of each feature in each direction."""
    return [
        string_bytes(words.code) + string_bytes(text_of(words, direction))
        for words in map(wording.of, range(n_features))
        for direction in range(_DIRECTIONS)
    ]


@uncounted
@kernel
def write_alerts(
    longs, data, decided, scores, lacks, alerts, ids, pieces, first_entity, room, rules, told
):
    """Write alerts one after the other.

    `scores` and the doubles of `alerts` are given as the words that hold them; `lacks` tell what
    was missing, a bit each; `first_entity` is the piece that names the first entity; `rules` are
    those that matched; `told` is what is said of reasons and
    models.
    """
    out, at = room.values, 0
    for i in range(alerts.rows.shape[0]):
        row = alerts.rows[i]
        at = write_piece(out, at, pieces, _HEAD)
        at = write_string(out, at, ids, i * ALERT_ID_BYTES, (i + 1) * ALERT_ID_BYTES)
        at = write_string(out, at, data, longs[ID_START, row], longs[ID_STOP, row])
        at = write_varint(out, at, longs[EVENT_TIME_US, row])
        at = write_varint(out, at, decided.outcomes[row])
        at = write_optional_double(out, at, decided.scores[row], scores[row])
        at = write_scaled(out, at, decided.scores[row])
        at = write_double(out, at, alerts.thresholds[i])
        at = write_double(out, at, alerts.probabilities[i])
        at = write_varint(out, at, longs[AMOUNT_MINOR, row])
        at = write_hashes(out, at, longs, row, pieces, first_entity)
        at = write_varint(out, at, alerts.grouped[i])
        at = write_reasons(out, at, alerts, i, pieces, told)
        at = write_rules(out, at, rules, row, alerts.read, i)
        at = write_string(out, at, alerts.states[i], 0, alerts.states.shape[1])
        at = write_double(out, at, alerts.bases[i])
        at = write_change(out, at, alerts, i, pieces)
        at = write_varint(out, at, decided.timeliness[row])
        at = write_piece(out, at, pieces, _DEGRADED + lacks[row])
        at = write_varint(out, at, decided.model_versions[row])
        at = write_piece(out, at, told.models, told.slots[row])
        at = write_piece(out, at, pieces, _FEATURE_SET)
        at = write_time(out, at, alerts.known_until[i])
        at = write_piece(out, at, pieces, _POLICY)
        at = write_piece(out, at, pieces, _TOPIC)
        at = write_varint(out, at, longs[PARTITION, row])
        at = write_varint(out, at, longs[OFFSET, row])
        room.ends[i] = at
        write_key(room.keys, i, longs, row)


@uncounted
@kernel
def write_scaled(out, at, score):
    """Write the score on the card industry's scale; see `stream.decide.score_scaled`."""
    if np.isnan(score):
        return write_varint(out, at, 0)
    at = write_varint(out, at, 1)
    return write_varint(out, at, min(SCORE_SCALED_MAX, int(score * (SCORE_SCALED_MAX + 1))))


@uncounted
@kernel
def write_hashes(out, at, longs, row, pieces, first_entity):
    """Write the map of the entities that there are to their hashes."""
    n = pieces.ends.shape[0] - 1 - first_entity
    known = 0
    for entity in range(n):
        known += longs[FIRST_MAPPED + entity, row] != 0
    # One block of so many, and an empty one that ends the map.
    if known > 0:
        at = write_varint(out, at, known)
    for entity in range(n):
        key = longs[FIRST_MAPPED + entity, row]
        if key != 0:
            at = write_piece(out, at, pieces, first_entity + entity)
            at = write_varint(out, at, KEY_BYTES)
            at = write_hexadecimal(out, at, key)
    return write_varint(out, at, 0)


@uncounted
@kernel
def write_reasons(out, at, alerts, i, pieces, told):
    """Write the array of the reasons of one alert."""
    known = 0
    while known < ALERT_REASONS_MAX and alerts.reasons[i, known] != NO_REASON:
        known += 1
    if known > 0:
        at = write_varint(out, at, known)
    for k in range(known):
        feature = alerts.reasons[i, k]
        at = write_piece(out, at, pieces, _FEATURES + feature)
        at = write_double(out, at, alerts.values[i, k])
        at = write_double(out, at, alerts.parts[i, k])
        at = write_varint(out, at, alerts.reason_states[i, k])
        at = write_piece(out, at, told.words, feature * _DIRECTIONS + told.directions[i, k])
        at = write_optional_double(out, at, told.normals[i, k], alerts.normals[i, k])
    return write_varint(out, at, 0)


@uncounted
@kernel
def write_change(out, at, alerts, i, pieces):
    """Write the change that would not have alerted, or null."""
    feature = alerts.change_features[i]
    if feature == NO_REASON:
        return write_varint(out, at, 0)
    at = write_piece(out, write_varint(out, at, 1), pieces, _FEATURES + feature)
    at = write_double(out, at, alerts.change_values[i])
    at = write_double(out, at, alerts.change_scores[i])
    # A truth value is one byte.
    out[at] = 1 if alerts.change_beyond[i] else 0
    return at + 1


@uncounted
@kernel
def write_time(out, at, time_us):
    """Write a union of null and a time."""
    if time_us == NO_TIME_US:
        return write_varint(out, at, 0)
    return write_varint(out, write_varint(out, at, 1), time_us)
