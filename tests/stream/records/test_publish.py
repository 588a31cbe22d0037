"""What goes out: records that fit their contracts, headers, and no id of anybody."""

from __future__ import annotations

import dataclasses
import io
from datetime import datetime

import numpy as np
import pytest
from fastavro import schemaless_reader, schemaless_writer
from inputs.published import published
from inputs.rules_at_random import named_rules, some_matched
from seeds import seeds

from models.river.adapter import RiverLearner, logistic_pipeline
from schemas.columns import (
    AMOUNT_MINOR,
    EVENT_TIME_US,
    ID_START,
    ID_STOP,
    OFFSET,
    REASON_TEXT,
    Reason,
    Transactions,
)
from schemas.compiler import compile_schema
from schemas.decoder import Decoder, Limits
from schemas.records import RecordCodec, builtin
from schemas.roles import Roles
from stream.decide import THRESHOLD_OFF, Outcome, Thresholds
from stream.engine.effects import Effects
from stream.engine.engine import Engine
from stream.engine.parameters import EngineParameters
from stream.event_time import Timeliness
from stream.evidence.evidence import ALERT_REASONS_MAX, NO_TIME_US, Evidence
from stream.evidence.reason_codes import ReasonWords
from stream.evidence.reasons import NO_REASON
from stream.explanation.reason_files import reason_table
from stream.features.declare import declare, default_names
from stream.features.feature_set import FeatureSet
from stream.features.grammar import Inputs
from stream.features.value_states import ValueState
from stream.monitor.events import Detector, DriftEvent
from stream.records.alerts import AlertWriter
from stream.records.decisions import DecisionWriter
from stream.records.publish import (
    ATTEMPT_HEADER,
    Policy,
    Publisher,
    dead_letter_headers,
    drift_record,
)
from stream.records.wording import BuiltModel, Wording, wording_of
from stream.simulate.payments import traffic_payments
from stream.simulate.traffic import Traffic, TrafficParameters

START_US = 1_750_000_000_000_000
ROLES = Roles(entities={"card": "card_id", "device": "device_id"})
LABELLED = 300
INPUTS = Inputs(ROLES.layout.entities)
FEATURES = FeatureSet(declare(default_names(INPUTS), INPUTS), ROLES.layout, INPUTS)
TOPIC = "fraud.transactions"

ALERT = published("alert")
DECISION = published("decision")


@dataclasses.dataclass(frozen=True)
class Decided:
    batch: Transactions
    effects: Effects
    publisher: Publisher
    payments: list[dict[str, object]]


@pytest.fixture(scope="module")
def decided() -> Decided:
    """A batch with a warm model: alerts of every kind, a refused, a late and a repeated row."""
    stream = traffic_payments(Traffic(TrafficParameters(50, fraud_share=0.2), 3, START_US))
    payments = [next(stream) for _ in range(LABELLED + 200)]
    thresholds = Thresholds(0.1, 0.5, 0.9)
    parameters = EngineParameters(
        FEATURES,
        thresholds,
        events_max=10_000,
        entities_max=1_000,
        waiting_max=5_000,
        allowed_lateness_us=1_000_000,
    )
    learner = RiverLearner(logistic_pipeline(), FEATURES.names, 5, 5)
    engine = Engine(parameters, learner)
    decoder = Decoder(
        ROLES.layout, {1: compile_schema(builtin("transaction"), ROLES)}, bytes(16), Limits()
    )
    codec = RecordCodec(builtin("transaction"), 1)
    values = [codec.encode(payment.record) for payment in payments]
    first = decoder.decode(values[:LABELLED], START_US + 10**9)
    X = engine.features.observe(first, np.ones(LABELLED, np.bool_)).matrix
    learner.learn_many(X, np.array([p.is_fraud for p in payments[:LABELLED]]))
    records = [payment.record for payment in payments[LABELLED:]]
    late = {**records[0], "transaction_id": "late", "event_time": START_US}
    records += [late, records[-1], {**records[-1], "transaction_id": "nobody", "device_id": None}]
    values = [codec.encode(record) for record in records]
    values[3] = b"\0garbage"
    offsets = np.arange(1_000, 1_000 + len(values))
    batch = decoder.decode(values, START_US + 10**9, 2, offsets)
    effects = engine.step(batch)
    policy = Policy(thresholds, FEATURES.names)
    wording = wording_of(reason_table(), FEATURES, (BuiltModel("logistic", "0123456789ab"),))
    publisher = Publisher(policy, TOPIC, "/fraudstream/test", wording)
    return Decided(batch, effects, publisher, records)


def alerts_of(decided: Decided) -> list[dict[str, object]]:
    return list(decided.publisher.alerts(decided.batch, decided.effects))


def key_of(batch: Transactions, row: int) -> bytes:
    return b"%016x" % (int(batch.entities[0, row]) or int(batch.transaction_key[row]))


def written_alerts(
    batch: Transactions, effects: Effects, publisher: Publisher
) -> list[tuple[bytes, bytes]]:
    """Return what goes on the topic."""
    names, version = publisher.policy.feature_names, publisher.policy_version
    entities, wording = batch.layout.entities, publisher.wording
    writer = AlertWriter(ALERT.schema_id, version, publisher.topic, names, entities, wording)
    ids = publisher.alert_ids(batch, effects.alerts.rows)
    ruled = effects.matched, effects.rules
    return writer.write(batch, effects.decided, effects.alerts, ids, *ruled, effects.champions)


def decisions_of(decided: Decided, effects: Effects | None = None) -> list[dict[str, object]]:
    batch, effects = decided.batch, effects or decided.effects
    writer = DecisionWriter(DECISION.schema_id, decided.publisher.policy_version)
    rows = np.flatnonzero(batch.reason == Reason.OK)
    written = writer.write(batch, effects.decided, rows)
    assert [key for key, _ in written] == [key_of(batch, row) for row in rows]
    return [DECISION.decode(value) for _, value in written]


def test_the_batch_has_something_of_everything(decided: Decided) -> None:
    assert {Outcome(o) for o in decided.effects.outcomes} == set(Outcome)
    assert {a["decision"] for a in alerts_of(decided)} == {"REVIEW", "CHALLENGE", "BLOCK"}
    assert (decided.effects.timeliness == Timeliness.TOO_LATE).sum() == 1
    assert decided.effects.duplicate.sum() == 1


def test_alerts_fit_their_contract_to_the_last_bit(decided: Decided) -> None:
    for alert in alerts_of(decided):
        assert ALERT.decode(ALERT.encode(alert)) == alert


def test_alerts_are_written_as_a_general_library_writes_them(decided: Decided) -> None:
    batch, effects, publisher = decided.batch, decided.effects, decided.publisher
    written = written_alerts(batch, effects, publisher)
    assert [value for _, value in written] == [ALERT.encode(each) for each in alerts_of(decided)]
    assert [key for key, _ in written] == [key_of(batch, row) for row in effects.alerts.rows]


@seeds(20)
def test_whatever_an_alert_says_it_is_written_as_a_general_library_writes_it(
    decided: Decided, seed: int
) -> None:
    """Numbers are the least and the greatest there are, and any in between."""
    rng = np.random.default_rng(seed)
    batch, effects = alerts_at_random(decided, rng)
    wording = wording_at_random(rng)
    publisher = Publisher(decided.publisher.policy, "ü" * int(rng.integers(0, 200)), "", wording)
    expected = [
        (key_of(batch, row), ALERT.encode(each))
        for row, each in zip(effects.alerts.rows, publisher.alerts(batch, effects), strict=True)
    ]
    assert written_alerts(batch, effects, publisher) == expected
    nothing = dataclasses.replace(effects, alerted=[])
    assert written_alerts(batch, nothing, publisher) == []


def wording_at_random(rng: np.random.Generator) -> Wording:
    """Return words of every length, or none."""

    def text() -> str:
        return "ö" * int(rng.choice([0, 1, 63, 64, 200]))

    words = tuple(ReasonWords(text(), text(), text(), text()) for _ in FEATURES.names)
    flags = tuple(bool(each) for each in rng.random(len(words)) < 0.3)
    models = tuple(BuiltModel(text(), text()) for _ in range(3))
    return Wording(words, flags, text(), models, text()) if rng.random() < 0.8 else Wording()


def alerts_at_random(decided: Decided, rng: np.random.Generator) -> tuple[Transactions, Effects]:
    """Return a batch of which all rows are alerted, for reasons that make no sense."""
    n, k = len(decided.batch), len(FEATURES.names)
    batch = Transactions(decided.batch.layout, decided.batch.longs.copy(), decided.batch.data)
    longs = rng.integers(-(2**63), 2**63 - 1, (4, n))
    ends = rng.random(longs.shape) < 0.3
    longs[ends] = rng.choice([-(2**63), 2**63 - 1, 0, 63, 64, -64, -65], ends.sum())
    batch.longs[[EVENT_TIME_US, AMOUNT_MINOR, OFFSET]] = longs[:3]
    batch.partition[:] = rng.integers(0, 2**31, n)
    batch.entities[rng.random(batch.entities.shape) < 0.3] = 0
    # An id may be empty.
    batch.longs[[ID_START, ID_STOP], -1] = 0
    numbers = np.array([0.0, -0.0, 1.0, 5e-324, -1.7e308, np.inf, np.nan, 0.1])
    order = np.argsort(rng.random((n, k)), axis=1)[:, :ALERT_REASONS_MAX]
    order[np.arange(ALERT_REASONS_MAX) >= rng.integers(0, ALERT_REASONS_MAX + 1, (n, 1))] = -1
    named = named_rules(rng)
    alerts = Evidence(
        rng.permutation(n),
        rng.choice(numbers, n),
        rng.choice(numbers, n),
        rng.choice(numbers, n),
        order,
        rng.choice(numbers, order.shape),
        rng.choice(numbers, order.shape),
        rng.integers(0, len(ValueState), order.shape, dtype=np.uint8),
        rng.integers(0, 256, (n, int(rng.integers(0, 300))), dtype=np.uint8),
        rng.choice(numbers, (n, len(named.reads))),
        rng.choice(numbers, order.shape),
        np.where(rng.random(n) < 0.5, NO_REASON, rng.integers(0, k, n)),
        rng.choice(numbers, n),
        rng.choice(numbers, n),
        rng.random(n) < 0.5,
        np.where(rng.random(n) < 0.3, NO_TIME_US, rng.integers(-(2**63) + 1, 2**63 - 1, n)),
        rng.integers(0, 2**62, n),
    )
    scores = rng.choice([0.0, 1.0, 0.9999, 1e-9, np.nan], n)
    half = n // 2
    effects = dataclasses.replace(
        decided.effects,
        scores=scores,
        outcomes=rng.integers(0, len(Outcome), n, dtype=np.int8),
        timeliness=rng.integers(0, len(Timeliness), n, dtype=np.int8),
        cold=rng.random(n) < 0.5,
        unscored=rng.random(n) < 0.5,
        duplicate=rng.random(n) < 0.5,
        model_versions=longs[3],
        champions=rng.integers(0, 3, n, dtype=np.uint8),
        alerted=[alerts.of(np.arange(half)), alerts.of(np.arange(half, n))],
        rules=named,
        ruled=[(0, some_matched(rng, named, half)), (half, some_matched(rng, named, n - half))],
    )
    return batch, effects


def test_decisions_fit_their_contract_and_there_is_one_for_every_row_taken(
    decided: Decided,
) -> None:
    found = decisions_of(decided)
    assert len(found) == (decided.batch.reason == Reason.OK).sum() == len(decided.batch) - 1
    by_id = {d["transaction_id"]: d for d in found}
    assert by_id["late"]["degraded"] == ["too_late"]
    assert by_id["late"]["score"] is None
    assert by_id["late"]["timeliness"] == "TOO_LATE"
    assert [d["duplicate"] for d in found].count(True) == 1


def test_a_decision_without_a_score_says_why(decided: Decided) -> None:
    batch, effects = decided.batch, decided.effects
    whole = decisions_of(decided)
    assert not any({"no_score", "model_cold"} & {*decision["degraded"]} for decision in whole)
    for name, column in (("no_score", "unscored"), ("model_cold", "cold")):
        n = len(batch)
        silent = dataclasses.replace(
            effects, scores=np.full(n, np.nan), **{column: np.ones(n, np.bool_)}
        )
        for decision in decisions_of(decided, silent):
            assert decision["score"] is None
            assert name in decision["degraded"]


def test_an_alert_says_what_the_payment_was_and_where_it_lies(decided: Decided) -> None:
    for alert, row in zip(alerts_of(decided), decided.effects.alerts.rows, strict=True):
        record = decided.payments[row]
        assert alert["transaction_id"] == record["transaction_id"]
        assert alert["event_time"] == record["event_time"]
        assert alert["amount_minor"] == record["amount_minor"]
        assert (alert["source_topic"], alert["source_partition"]) == (TOPIC, 2)
        assert alert["source_offset"] == 1_000 + row
        assert alert["score"] == decided.effects.scores[row]
        assert alert["score_scaled"] == min(999, int(alert["score"] * 1000))
        assert (
            alert["threshold"] == {"REVIEW": 0.1, "CHALLENGE": 0.5, "BLOCK": 0.9}[alert["decision"]]
        )
        assert alert["score"] >= alert["threshold"]
        assert alert["model_version"] == LABELLED
        assert alert["policy_version"] == decided.publisher.policy.version


def test_the_reasons_are_at_most_four_the_largest_first_and_raise_the_score(
    decided: Decided,
) -> None:
    for alert in alerts_of(decided):
        parts = [reason["contribution"] for reason in alert["reasons"]]
        assert len(parts) <= 4
        assert parts == sorted(parts, reverse=True)
        assert all(part > 0 for part in parts)
        assert all(reason["feature"] in FEATURES.names for reason in alert["reasons"])


def test_alert_ids_are_all_different_and_the_same_again(decided: Decided) -> None:
    ids = [alert["alert_id"] for alert in alerts_of(decided)]
    assert len(set(ids)) == len(ids) > 10
    assert ids == [alert["alert_id"] for alert in alerts_of(decided)]


def test_another_policy_gives_other_alert_ids(decided: Decided) -> None:
    other = Publisher(Policy(Thresholds(0.11, 0.5, 0.9), FEATURES.names), TOPIC, "x")
    ids = {alert["alert_id"] for alert in other.alerts(decided.batch, decided.effects)}
    assert not ids & {alert["alert_id"] for alert in alerts_of(decided)}


def test_ids_of_cards_and_devices_are_nowhere(decided: Decided) -> None:
    secret = {
        str(record[name])
        for record in decided.payments
        for name in ("card_id", "device_id", "customer_id", "merchant_id")
        if record[name]
    }
    publisher, batch, effects = decided.publisher, decided.batch, decided.effects
    text = repr([alerts_of(decided), decisions_of(decided)])
    for alert, (key, value) in zip(
        alerts_of(decided), written_alerts(batch, effects, publisher), strict=True
    ):
        name, subject = str(alert["alert_id"]), str(alert["transaction_id"])
        text += repr((key, value, publisher.cloud_event(name, subject, START_US, key)))
    assert len(secret) > 50
    assert not [word for word in secret if word in text]


def test_entities_are_named_by_their_hashes_and_nobody_is_left_out(decided: Decided) -> None:
    for alert, row in zip(alerts_of(decided), decided.effects.alerts.rows, strict=True):
        keys = decided.batch.entities[:, row].tolist()
        known = {n: f"{k:016x}" for n, k in zip(ROLES.entities, keys, strict=True) if k}
        assert alert["entities"] == known
        has_device = decided.payments[row]["device_id"] is not None
        assert ("device" in alert["entities"]) == has_device


def test_the_key_is_the_first_entitys_hash_or_else_the_transactions(decided: Decided) -> None:
    batch = Transactions(decided.batch.layout, decided.batch.longs.copy(), decided.batch.data)
    row = int(decided.effects.alerts.rows[0])
    for key in (batch.entities[0, row], batch.transaction_key[row]):
        found = written_alerts(batch, decided.effects, decided.publisher)
        assert found[0][0] == b"%016x" % int(key)
        batch.entities[0, row] = 0


# The policy's version.


def test_equal_policies_have_equal_versions() -> None:
    one = Policy(Thresholds(0.1, 0.2, 0.3), ("a", "b"))
    assert one.version == Policy(Thresholds(0.1, 0.2, 0.3), ("a", "b")).version
    assert len(one.version) == 12
    int(one.version, 16)


def test_the_version_changes_when_anything_in_the_policy_changes() -> None:
    base = Policy(Thresholds(), ("a", "b"))
    others = [
        dataclasses.replace(base, thresholds=dataclasses.replace(Thresholds(), **{name.name: 0.4}))
        for name in dataclasses.fields(Thresholds)
    ]
    others += [
        Policy(Thresholds(review=np.nextafter(0.5, 1).item()), ("a", "b")),
        Policy(Thresholds(block=THRESHOLD_OFF), ("a", "b")),
        dataclasses.replace(base, calibrate=False),
        dataclasses.replace(base, alerts_per_day=100.0),
        dataclasses.replace(base, alerts_per_day=101.0),
        dataclasses.replace(base, explore=0.1),
        *(Policy(Thresholds(), names) for names in [("b", "a"), ("a",), ("a", "b", "c"), ("ab",)]),
    ]
    versions = {policy.version for policy in [base, *others]}
    assert len(versions) == 1 + len(others)


# Headers.


def test_an_alert_is_a_cloud_event(decided: Decided) -> None:
    headers = decided.publisher.cloud_event("name", "t-1", 1_750_000_000_123_456, b"key")
    assert dict(headers) == {
        "ce_specversion": "1.0",
        "ce_type": "fraudstream.v1.Alert",
        "ce_source": "/fraudstream/test",
        "ce_id": "name",
        "ce_time": "2025-06-15T15:06:40.123456Z",
        "ce_subject": "t-1",
        "ce_partitionkey": b"key",
        "content-type": "application/avro",
    }
    assert len(headers) == len(dict(headers))


@pytest.mark.parametrize(
    ("time_us", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (946_684_800_000_000, "2000-01-01T00:00:00Z"),
        (4_294_967_295_999_999, "2106-02-07T06:28:15.999999Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_the_time_of_an_event_is_exact(decided: Decided, time_us: int, text: str) -> None:
    assert dict(decided.publisher.cloud_event("", "", time_us, b""))["ce_time"] == text
    assert datetime.fromisoformat(text).year >= 1970


@pytest.mark.parametrize("time_us", [253_402_300_800_000_000, 2**62, 2**63 - 1])
def test_a_time_behind_the_calendar_stops_nobody(decided: Decided, time_us: int) -> None:
    found = dict(decided.publisher.cloud_event("", "", time_us, b""))["ce_time"]
    assert found == "9999-12-31T23:59:59.999999Z"


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.OK])
def test_a_dead_letter_says_what_was_wrong_and_where(reason: Reason) -> None:
    headers = dead_letter_headers(reason, "t", 3, 77, [("trace", b"abc"), ("null", None)])
    assert headers[:2] == [("trace", b"abc"), ("null", None)]
    assert dict(headers[2:]) == {
        "__streams.errors.exception": reason.name.lower(),
        "__streams.errors.message": REASON_TEXT[reason],
        "__streams.errors.topic": "t",
        "__streams.errors.partition": "3",
        "__streams.errors.offset": "77",
        "fraudstream.stage": reason.stage,
        "fraudstream.attempt": "1",
    }


def test_attempts_are_counted_on_and_old_findings_replaced() -> None:
    headers = [("trace", b"abc")]
    for attempt in range(1, 13):
        headers = dead_letter_headers(Reason.TRUNCATED, "t", 0, attempt, headers)
        assert dict(headers)[ATTEMPT_HEADER] == str(attempt)
        assert len(headers) == 8
        # As a consumer gives them back.
        headers = [(n, v.encode() if isinstance(v, str) else v) for n, v in headers]


@pytest.mark.parametrize(
    ("value", "attempt"),
    [(None, "1"), (b"", "1"), (b"x", "1"), (b"-3", "1"), (b"41", "42"), (b"9" * 40, "1000000")],
)
def test_a_foreign_attempt_cannot_break_the_count(value: bytes | None, attempt: str) -> None:
    headers = dead_letter_headers(Reason.TRUNCATED, "t", 0, 0, [(ATTEMPT_HEADER, value)])
    assert dict(headers)[ATTEMPT_HEADER] == attempt
    assert [name for name, _ in headers].count(ATTEMPT_HEADER) == 1


def test_an_alert_says_what_is_usual_what_would_have_helped_and_what_it_came_from(
    decided: Decided,
) -> None:
    alerts = alerts_of(decided)
    learned_us = {alert["labels_known_until"] for alert in alerts}
    assert all(each is not None and START_US < each < START_US + 10**9 for each in learned_us)
    for alert in alerts:
        assert alert["model"] == {"name": "logistic", "digest": "0123456789ab"}
        assert alert["feature_set"] == decided.publisher.wording.feature_set
        assert alert["reason_codes_version"] == reason_table().version
        assert all(reason["code"].startswith("R") for reason in alert["reasons"])
        assert all(reason["text"] for reason in alert["reasons"])
    changes = [alert["counterfactual"] for alert in alerts if alert["counterfactual"]]
    assert changes
    assert all(change["score"] < 0.1 for change in changes)
    beside = [
        reason
        for alert in alerts
        for reason in alert["reasons"]
        if reason["code"] == "R201" and reason["normal"] is not None
    ]
    assert beside
    for reason in beside:
        more = reason["value"] > reason["normal"]
        assert reason["text"] == f"{'High' if more else 'Low'} amount of this payment"


DRIFT = DriftEvent("error", Detector.KSWIN, True, 7, 9, 0.3, 0.1, 1e-4, float("nan"), 0.5, 30, 30)


@pytest.mark.parametrize("detector", Detector)
def test_a_drift_fits_the_contract_and_readers_of_the_first_one_get_other(
    detector: Detector,
) -> None:
    record = drift_record(dataclasses.replace(DRIFT, detector=detector), TOPIC, 3, "policy")
    written, first = builtin("drift"), builtin("drift_1")
    value = RecordCodec(written, 19).encode_checked(record)[5:]
    assert record["jensen_shannon"] is None
    assert record["p_value"] == 1e-4
    known = detector in (Detector.PSI, Detector.ADWIN)
    old = schemaless_reader(io.BytesIO(value), written, first)
    assert old["detector"] == (detector.name if known else "OTHER")
    assert old["drift_id"] == record["drift_id"]
    before = io.BytesIO()
    schemaless_writer(before, first, {**record, "detector": "ADWIN"})
    assert schemaless_reader(io.BytesIO(before.getvalue()), first, written)["detector"] == "ADWIN"


def test_ids_tell_drifts_apart_that_are_known_in_one_moment() -> None:
    def ids(detector: Detector) -> set[str]:
        events = [
            dataclasses.replace(DRIFT, detector=detector, since_us=since_us) for since_us in (5, 6)
        ]
        return {drift_record(each, TOPIC, None, "policy")["drift_id"] for each in events}

    assert all(len(ids(each)) == 2 for each in Detector if each is not Detector.PSI)
    # A window of a column is over once in a moment, and its id is that of earlier releases.
    assert len(ids(Detector.PSI)) == 1
