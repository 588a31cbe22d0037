"""From what the engine decided to the records that go out.

Alerts carry CloudEvents headers (binary content mode, Kafka protocol binding
1.0.2); dead letters keep the original key and value and say in headers what was
wrong, under the names of Kafka Streams (KIP-1034).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.columns import REASON_TEXT, Reason, Transactions
from schemas.records import RecordCodec
from stream.decide import ALERT_ID_BYTES, Outcome, Thresholds, alert_id, score_scaled
from stream.engine.effects import Effects
from stream.event_time import Timeliness
from stream.evidence.evidence import NO_TIME_US, Evidence
from stream.evidence.reasons import NO_REASON
from stream.labels.fates import Fate, Review
from stream.monitor.events import Detector, DriftEvent
from stream.records.row_decisions import DEGRADED_BY_BITS, degraded_bits
from stream.records.wording import NO_WORDING, Wording, text_of

Headers = list[tuple[str, str | bytes | None]]

_OUTCOMES, _TIMELINESS = (tuple(each.name for each in words) for words in (Outcome, Timeliness))

ATTEMPT_HEADER = "fraudstream.attempt"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The calendar ends with the year 9999; a producer's clock may be further on.
_CALENDAR_END_US = 253_402_300_799_999_999


@dataclass(frozen=True)
class Policy:
    """What decides, with a short digest that names it in every alert.

    Attributes
    ----------
    thresholds : Thresholds
    feature_names : tuple of str
    fields : str
        Which fields of the schema the features are made of, as text.
    calibrate : bool
        Whether scores are calibrated.
    alerts_per_day : float
        What moves the review threshold, if it is not 0. Where the threshold is at a time is no
        part of the policy, but of each alert.
    explore : float
        Share of that for payments drawn at random.
    """

    thresholds: Thresholds
    feature_names: tuple[str, ...]
    fields: str = ""
    calibrate: bool = True
    alerts_per_day: float = 0.0
    explore: float = 0.0

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits; equal policies have equal versions."""
        decides = (self.thresholds, self.calibrate, self.alerts_per_day, self.explore)
        text = repr((*decides, self.feature_names, self.fields))
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


class Publisher:
    """Turn effects into records of the contracts.

    Parameters
    ----------
    policy : Policy
    topic : str
        The transactions topic, as alerts name it.
    source : str
        Who speaks, in CloudEvents' ``ce_source``.
    wording : Wording
        What every alert says alike.
    """

    def __init__(
        self, policy: Policy, topic: str, source: str, wording: Wording = NO_WORDING
    ) -> None:
        self.wording = wording
        self.policy = policy
        self.policy_version = policy.version
        self.topic = topic
        self.source = source

    def alerts(self, batch: Transactions, effects: Effects) -> Iterator[dict[str, Any]]:
        """Yield a record of `alert.avsc` for each alert; `AlertWriter` writes the same."""
        columns = self._columns(batch, effects)
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))

    def alert_ids(self, batch: Transactions, rows: NDArray[np.int64]) -> list[str]:
        """Return the ids of alerts of some rows."""
        places = zip(batch.partition[rows].tolist(), batch.offset[rows].tolist(), strict=True)
        return [alert_id(self.topic, *place, self.policy_version) for place in places]

    def cloud_event(self, name: str, subject: str, time_us: int, key: bytes) -> Headers:
        """Return the CloudEvents headers of an alert.

        Parameters
        ----------
        name, subject : str
            Ids of the alert and of the payment.
        time_us : int
            When the payment was made.
        key : bytes
            The record's.
        """
        at = _EPOCH + timedelta(microseconds=min(time_us, _CALENDAR_END_US))
        return [
            ("ce_specversion", "1.0"),
            ("ce_type", "fraudstream.v1.Alert"),
            ("ce_source", self.source),
            ("ce_id", name),
            ("ce_time", at.isoformat().replace("+00:00", "Z")),
            ("ce_subject", subject),
            ("ce_partitionkey", key),
            ("content-type", "application/avro"),
        ]

    def _columns(self, batch: Transactions, effects: Effects) -> dict[str, list[Any]]:
        """Return the fields of `alert.avsc`, each with its value in every alert."""
        alerts, rows = effects.alerts, effects.alerts.rows
        scores = [None if np.isnan(each) else each for each in effects.scores[rows].tolist()]
        lacks, said = degraded_bits(effects.decided)[rows].tolist(), self.wording
        return {
            "alert_id": self.alert_ids(batch, rows),
            "transaction_id": [batch.transaction_id(row) for row in rows.tolist()],
            "event_time": batch.event_time_us[rows].tolist(),
            "decision": [_OUTCOMES[each] for each in effects.outcomes[rows].tolist()],
            "score": scores,
            "score_scaled": [None if each is None else score_scaled(each) for each in scores],
            "threshold": alerts.thresholds.tolist(),
            "selection_probability": alerts.probabilities.tolist(),
            "amount_minor": batch.amount_minor[rows].tolist(),
            "entities": _hashes(batch.layout.entities, batch.entities[:, rows]),
            "grouped": alerts.grouped.tolist(),
            "reasons": self._reasons(alerts),
            "rules": [
                _rules(effects, row, read)
                for row, read in zip(rows.tolist(), alerts.read.tolist(), strict=True)
            ],
            "value_states": [each.tobytes() for each in alerts.states],
            "base": alerts.bases.tolist(),
            "counterfactual": _changes(alerts, self.policy.feature_names),
            "timeliness": [_TIMELINESS[each] for each in effects.timeliness[rows].tolist()],
            "degraded": [list(DEGRADED_BY_BITS[each]) for each in lacks],
            "model_version": effects.model_versions[rows].tolist(),
            "model": [said.model(slot)._asdict() for slot in effects.champions[rows].tolist()],
            "feature_set": [said.feature_set] * len(rows),
            "labels_known_until": [
                None if each == NO_TIME_US else each for each in alerts.known_until.tolist()
            ],
            "reason_codes_version": [said.codes_version] * len(rows),
            "policy_version": [self.policy_version] * len(rows),
            "source_topic": [self.topic] * len(rows),
            "source_partition": batch.partition[rows].tolist(),
            "source_offset": batch.offset[rows].tolist(),
        }

    def _reasons(self, alerts: Evidence) -> list[list[dict[str, Any]]]:
        """Return the reasons of each alert."""
        names = self.policy.feature_names
        words = {name: self.wording.of(at) for at, name in enumerate(names)}
        directions = self.wording.directions(alerts).tolist()
        return [
            [
                {
                    **reason._asdict(),
                    "state": reason.state.name,
                    "code": words[reason.feature].code,
                    "text": text_of(words[reason.feature], direction),
                }
                for reason, direction in zip(reasons, of_row, strict=False)
            ]
            for reasons, of_row in zip(alerts.contributions(names), directions, strict=True)
        ]


def _hashes(names: tuple[str, ...], keys: NDArray[np.uint64]) -> list[dict[str, str]]:
    """Return the entities of each payment that there are; `keys` has shape (n_entities, n)."""
    return [
        {name: f"{key:016x}" for name, key in zip(names, each, strict=True) if key}
        for each in keys.T.tolist()
    ]


def _changes(alerts: Evidence, names: tuple[str, ...]) -> list[dict[str, Any] | None]:
    """Return the change that would not have alerted, of each alert."""
    columns = (
        alerts.change_features,
        alerts.change_values,
        alerts.change_scores,
        alerts.change_beyond,
    )
    return [
        None
        if feature == NO_REASON
        else {"feature": names[feature], "value": value, "score": score, "beyond": beyond}
        for feature, value, score, beyond in zip(*(each.tolist() for each in columns), strict=True)
    ]


def _rules(effects: Effects, row: int, read: list[float]) -> list[dict[str, Any]]:
    """Return the rules that matched a row, with what they looked at."""
    named, found = effects.rules, []
    for number, live in effects.matched.of(row):
        rule = named.rules[number]
        found.append(
            {
                "id": rule.id,
                "version": rule.version,
                "action": rule.action.name,
                "mode": "LIVE" if live else "SHADOW",
                "reason_code": rule.reason_code,
                "text": rule.text,
                "values": [
                    {"name": named.reads[each], "value": _known(read[each])} for each in rule.reads
                ],
            }
        )
    return found


def label_review(review: Review, transaction_id: str, topic: str) -> dict[str, Any]:
    """Make a record of `label_review.avsc`; `topic` is the labels topic."""
    why = "CONTRADICTION" if review.why is Fate.CORRECTED else review.why.name
    earlier = review.earlier_source
    return {
        "transaction_id": transaction_id,
        "is_fraud": review.is_fraud,
        "source": review.source.name,
        "label_time": review.time_us,
        "confidence": review.confidence,
        "why": why,
        "score": None if np.isnan(review.score) else review.score,
        "earlier_is_fraud": review.earlier_is_fraud,
        "earlier_source": None if earlier is None else earlier.name,
        "earlier_label_time": review.earlier_time_us,
        "source_topic": topic,
        "source_partition": review.partition,
        "source_offset": review.offset,
    }


def drift_record(
    drift: DriftEvent, topic: str, partition: int | None, policy: str
) -> dict[str, Any]:
    """Make a record of `drift.avsc`.

    Parameters
    ----------
    drift : DriftEvent
    topic : str
        That of the payments.
    partition : int or None
        Theirs, where each has a state of its own.
    policy : str
        The policy's version.
    """
    parts = (topic, partition, policy, drift.subject, drift.detector.name)
    # Of errors several changes become known in one moment; of a column one window is over in it.
    when = (drift.detected_us, *(() if drift.detector is Detector.PSI else (drift.since_us,)))
    text = "\0".join(map(str, (*parts, drift.drifted, *when)))
    return {
        "drift_id": hashlib.blake2b(text.encode(), digest_size=ALERT_ID_BYTES // 2).hexdigest(),
        "subject": drift.subject,
        "detector": drift.detector.name,
        "drifted": drift.drifted,
        "since": drift.since_us,
        "detected_at": drift.detected_us,
        "value": _known(drift.value),
        "reference_value": _known(drift.reference_value),
        "p_value": _known(drift.p_value),
        "jensen_shannon": _known(drift.jensen_shannon),
        "kolmogorov_smirnov": _known(drift.kolmogorov_smirnov),
        "rows": drift.rows,
        "reference_rows": drift.reference_rows,
        "policy_version": policy,
        "source_topic": topic,
        "source_partition": partition,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


# What a broker takes by default, less room for headers and framing.
DEAD_LETTER_BYTES_MAX = 900_000


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter, small enough for the topic.

    A record that the input topic just took can be too large with our headers on it.
    One record must not stop a worker, so such a one goes without its body: length
    and digest are in its headers, and its place in the input topic.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(
    reason: Reason,
    place: tuple[str, int, int],
    key: bytes | None,
    value: bytes | None,
    original: Sequence[Any],
) -> DeadLetter:
    """Make the dead letter of a record.

    Parameters
    ----------
    reason : Reason
    place : (str, int, int)
        Topic, partition and offset of the record.
    key, value : bytes or None
        As they came.
    original : sequence of (str, bytes)
        The record's own headers.
    """
    size = len(key or b"") + len(value or b"")
    size += sum(len(name) + len(content or b"") for name, content in original)
    if size <= DEAD_LETTER_BYTES_MAX:
        return DeadLetter(key, value, dead_letter_headers(reason, *place, original))
    attempts = [header for header in original if header[0] == ATTEMPT_HEADER][-1:]
    digest = hashlib.sha256(value or b"").hexdigest()
    headers = [
        *dead_letter_headers(reason, *place, attempts),
        ("fraudstream.value_bytes", str(len(value or b""))),
        ("fraudstream.value_sha256", digest),
    ]
    return DeadLetter(None, None, headers)


def dead_letter_headers(
    reason: Reason, topic: str, partition: int, offset: int, original: Sequence[Any]
) -> Headers:
    """Return what a dead letter says about itself, after the headers it came with.

    Parameters
    ----------
    reason : Reason
    topic, partition, offset
        Where the record came from.
    original : sequence of (str, bytes)
        The record's own headers. An attempt among them is counted on.
    """
    kept: Headers = [(name, value) for name, value in original if not _ours(name)]
    attempts = [value for name, value in original if name == ATTEMPT_HEADER]
    return [
        *kept,
        ("__streams.errors.exception", reason.name.lower()),
        ("__streams.errors.message", REASON_TEXT[reason]),
        ("__streams.errors.topic", topic),
        ("__streams.errors.partition", str(partition)),
        ("__streams.errors.offset", str(offset)),
        ("fraudstream.stage", reason.stage),
        (ATTEMPT_HEADER, str(1 + _number(attempts))),
    ]


def _ours(name: str) -> bool:
    return name.startswith(("__streams.errors.", "fraudstream."))


def _number(attempts: Sequence[Any]) -> int:
    text = bytes(attempts[-1] or b"")[:6] if attempts else b""
    return int(text) if text.isdigit() else 0


@dataclass(frozen=True)
class Codecs:
    """The contracts of the output topics, under their ids."""

    alert: RecordCodec
    decision: RecordCodec
    label_review: RecordCodec | None = None  # None: nobody wants them.
    drift: RecordCodec | None = None  # As above.
    control: RecordCodec | None = None  # No orders are taken.
    shared: RecordCodec | None = None  # Partitions tell each other nothing of payments.
    training: RecordCodec | None = None  # Each learns alone.
    model: RecordCodec | None = None  # As above.


def disable_order(model: str, why: str, now_us: int) -> dict[str, Any]:
    """Return the order to ask a challenger nothing any more, which a worker gives to itself."""
    what = {"model": model, "by": "worker", "why": why}
    return {
        "kind": "DISABLE",
        "entity": "",
        "key": msgspec.json.encode(what).decode(),
        "requested_at": now_us,
        "request_id": f"cost-{model}-{now_us}",
    }
