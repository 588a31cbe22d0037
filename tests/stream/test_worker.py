"""The worker end to end on the embedded broker: Avro in; decisions, alerts, dead letters out."""

import ctypes
import json
import math
import os
import random
import shutil
import struct
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import numpy as np
import pytest
from checks.one_row import contributions
from confluent_kafka import Consumer, Producer, TopicPartition
from inputs.published import published

from schemas.columns import REASON_TEXT, Reason
from schemas.errors import DeliveryError
from schemas.index import write_index
from schemas.records import PACKAGE, RecordCodec, builtin
from schemas.siphash import hash_texts
from schemas.wire import frame
from stream.assembly import worker_of
from stream.config.configuration import load
from stream.decide import DecisionScores, alert_id
from stream.kafka import embedded
from stream.kafka import sink as sink_module
from stream.kafka.client import Connection
from stream.kafka.embedded import EmbeddedBroker
from stream.shards.shard import Step
from stream.telemetry.summary import summary
from stream.timed_learner import TimedLearner
from stream.worker import Worker

SECONDS = 30
KEY = b"sixteen bytes ok"
IN, LABELS = "fraud.transactions", "fraud.labels"
OUT = ("fraud.alerts", "fraud.decisions", "fraud.dead_letters")
ALERTS, DECISIONS, DEAD = OUT
REVIEWS = "fraud.label_reviews"
QUICK_GROUP = {"session.timeout.ms": 1_300, "heartbeat.interval.ms": 100}
OVERRIDES = {
    "topics": {"decisions": DECISIONS, "partitions": 1},
    "features": {
        "names": (
            "amount",
            "{hour_sin,hour_cos}",
            "card.{count,amount_sum,amount_mean}_{10s,1m}",
            "card.seconds_since_last",
        )
    },
    "windows": {
        "events_max": 10_000,
        "entities_max": 10_000,
        "allowed_lateness": "100ms",
    },
    "labels": {"maturity": "1d", "waiting_max": 10_000, "learn_interval": "1s"},
    "model": {"frauds_min": 1, "genuine_min": 1},
    "decision": {"review": 0.3, "block": 0.51},
    "worker": {"commit_interval": "1us"},
}
TRANSACTIONS = RecordCodec(builtin("transaction"), 1)
LABEL_CODEC = RecordCodec(builtin("label"), 2)
CODECS = {ALERTS: published("alert"), DECISIONS: published("decision")}
CODECS[REVIEWS] = RecordCodec(builtin("label_review"), 6)
MAPPED = {
    "type": "record",
    "name": "Mine",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "value", "type": "double"},
        {"name": "who", "type": "string"},
    ],
}


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch):
    for name in [name for name in os.environ if name.startswith("FRAUD_")]:
        monkeypatch.delenv(name)


class Rig:
    """A broker, a worker, and what stands around them."""

    def __init__(self, broker, config, settings=None):
        self.broker = broker
        self.config = config
        self.connection = Connection(
            broker.bootstrap, {**QUICK_GROUP, **(settings or {})}, embedded=True
        )
        self.worker = worker_of(config, self.connection, KEY)
        self.producer = Producer(broker.connection.producer(idempotent=False))

    def send(self, topic, values, key=b"key", headers=None):
        for value in values:
            self.producer.produce(topic, value, key=key, headers=headers, partition=0)
        assert self.producer.flush(SECONDS) == 0

    def take(self, n):
        """Turn until n more records were taken, then finish as `run` does."""
        wanted, deadline = self.worker.stats.records + n, time.monotonic() + SECONDS
        while self.worker.stats.records < wanted:
            assert time.monotonic() < deadline, self.worker.stats
            self.worker.turn(0.05)
        assert self.worker.stats.records == wanted
        self.settle()

    def settle(self):
        assert self.worker.sink.flush(SECONDS) == 0
        self.worker._commit(force=True)
        deadline = time.monotonic() + SECONDS
        while self.worker.source.commits_pending:
            assert time.monotonic() < deadline
            assert self.worker.turn(0.02) == 0

    def read(self, topic):
        """Read a whole topic."""
        consumer = Consumer(self.broker.connection.consumer("reader"))
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=SECONDS)
        consumer.assign([TopicPartition(topic, 0, 0)])
        messages, deadline = [], time.monotonic() + SECONDS
        while len(messages) < end:
            assert time.monotonic() < deadline
            messages += consumer.consume(end - len(messages), 0.05)
        consumer.close()
        return messages

    def decoded(self, topic):
        return [CODECS[topic].decode(message.value()) for message in self.read(topic)]

    def committed(self, topic=IN):
        """The group's committed offset of partition 0; -1001 for none."""
        consumer = Consumer(self.connection.consumer(self.config.kafka.group))
        try:
            return consumer.committed([TopicPartition(topic, 0)], timeout=SECONDS)[0].offset
        finally:
            consumer.close()


@contextmanager
def rig_of(config=None, **settings):
    config = config or load(None, **OVERRIDES)
    with EmbeddedBroker(dict.fromkeys(config.topics.names(), 1)) as broker:
        rig = Rig(broker, config, settings)
        try:
            yield rig
        finally:
            rig.worker.close()


@pytest.fixture(scope="module")
def mapped_folder(tmp_path_factory):
    """A registry of one's own, whose transactions carry the amount as a double."""
    folder = tmp_path_factory.mktemp("registry")
    subjects = {"transactions": "mine", "labels": "label", "decisions": "decision"}
    subjects |= {"alerts": "alert", "label_reviews": "label_review", "drift": "drift"}
    lines, ours = [], {name: published(name).schema_id for name in ("alert", "decision")}
    for place, (topic, file) in enumerate(subjects.items(), start=1):
        number = ours.get(file, place)
        if file != "mine":
            shutil.copy(PACKAGE / f"{file}.avsc", folder)
        lines.append(f'[subjects."fraud.{topic}-value"]\ncompatibility = "FULL_TRANSITIVE"')
        lines.append(f'[[subjects."fraud.{topic}-value".versions]]')
        lines.append(f'id = {number}\nfile = "{file}.avsc"')
    (folder / "mine.avsc").write_text(json.dumps(MAPPED))
    (folder / "registry.toml").write_text("\n".join(lines) + "\n")
    write_index(folder)
    return folder


@pytest.fixture
def mapped_config(mapped_folder):
    fields = {
        "transaction_id": "id",
        "event_time": "at",
        "amount": "value",
        "amount_unit": "major",
        "entities": {"card": "who"},
    }
    return load(None, **OVERRIDES, fields=fields, registry={"folder": str(mapped_folder)})


def now_us():
    return time.time_ns() // 1000


def payment(number, at_us, card="card-a", amount=1000, **more):
    return {
        "transaction_id": f"t-{number}",
        "event_time": at_us,
        "amount_minor": amount,
        "card_id": card,
        "merchant_id": "shop",
        **more,
    }


def label(number, at_us, is_fraud):
    return LABEL_CODEC.encode(
        {"transaction_id": f"t-{number}", "is_fraud": is_fraud, "label_time": at_us}
    )


def mapped(number="1", at_us=None, value=12.5, who="card-a"):
    at_us = now_us() if at_us is None else at_us
    return RecordCodec(MAPPED, 1).encode({"id": number, "at": at_us, "value": value, "who": who})


def backlog(rig, n):
    """Send payments of a few minutes, and the label of each."""
    payments = [payment(i, START_US + i * 10_000, f"card-{i % 50}") for i in range(n)]
    rig.send(IN, [TRANSACTIONS.encode(each) for each in payments])
    rig.send(LABELS, [label(i, START_US + 3_600_000_000, i % 9 == 0) for i in range(n)])


def headers_of(message):
    headers = message.headers() or []
    assert len({name for name, _ in headers}) == len(headers)
    return {name: (value or b"").decode() for name, value in headers}


# A fixed moment, so that scores are the same in every run; not a whole second.
START_US = 1_700_000_000_250_000
EXAMPLES = 120
SCORED = 20


def teach_and_test(rig):
    """Send payments, the truth about them, and then payments that are scored by it."""
    first = [
        payment(n, START_US + n * 100_000, f"card-{n % 7}", 90_000 if n % 3 == 0 else 1000)
        for n in range(EXAMPLES)
    ]
    rig.send(IN, [TRANSACTIONS.encode(p) for p in first])
    rig.take(EXAMPLES)
    rig.send(LABELS, [label(n, START_US + 20_000_000, n % 3 == 0) for n in range(EXAMPLES)])
    rig.take(EXAMPLES)
    later = START_US + EXAMPLES * 100_000 + 1_500_000
    second = [
        payment(1000 + n, later + n * 100_000, f"card-{n % 7}", 90_000 if n % 3 == 0 else 1000)
        for n in range(SCORED)
    ]
    rig.send(IN, [TRANSACTIONS.encode(p) for p in second])
    rig.take(SCORED)
    return first + second


@pytest.mark.parametrize("waits", [True, False])
def test_labels_of_a_backlog_wait_for_their_payments(monkeypatch, waits):
    n, labels = 4_000, {**OVERRIDES["labels"], "early_max": 1_000}
    worker = {**OVERRIDES["worker"], "batch_rows_max": 20}
    with rig_of(load(None, **{**OVERRIDES, "labels": labels, "worker": worker})) as rig:
        source = rig.worker.source
        rig.send(IN, [TRANSACTIONS.encode(payment("first", START_US))])
        rig.take(1)
        if not waits:
            monkeypatch.setattr(source, "lag", lambda _: 0)
        backlog(rig, n)
        # A consumer is given topics as it likes: here it is given labels first.
        source.hold_back(IN)
        # Where they do not wait, until there is no more room for those that are early.
        while summary(rig.worker)["labels_held"] < (450 if waits else 1_000):
            rig.worker.turn(0.05)
        source.let_go(IN)
        rig.take(1 + 2 * n - rig.worker.stats.records)
        found = summary(rig.worker)
        assert found["labels"] == n
        assert (found["labels_held_back"] > 0) == waits
        assert (found["dead_letters"] == 0) == waits, found["dead_letters_by_reason"]
        assert not rig.worker.labels.holds


def test_every_payment_gets_its_decision_and_frauds_an_alert():
    with rig_of() as rig:
        sent = teach_and_test(rig)
        decisions = rig.decoded(DECISIONS)
        alerts = rig.decoded(ALERTS)
        assert [d["transaction_id"] for d in decisions] == [p["transaction_id"] for p in sent]
        assert [d["event_time"] for d in decisions] == [p["event_time"] for p in sent]
        assert {d["timeliness"] for d in decisions} == {"ON_TIME"}
        assert not any(d["duplicate"] for d in decisions)
        for decision in decisions[:EXAMPLES]:
            assert decision["score"] is None
            assert (decision["decision"], decision["degraded"]) == ("ALLOW", ["model_cold"])
        for decision in decisions[EXAMPLES:]:
            score = decision["score"]
            expected = "BLOCK" if score >= 0.51 else "REVIEW" if score >= 0.3 else "ALLOW"
            assert (decision["decision"], decision["degraded"]) == (expected, [])
            assert decision["model_version"] == EXAMPLES
        alerted = {d["transaction_id"] for d in decisions if d["decision"] != "ALLOW"}
        assert [a["transaction_id"] for a in alerts] == [
            d["transaction_id"] for d in decisions if d["decision"] != "ALLOW"
        ]
        assert {d["decision"] for d in decisions} == {"ALLOW", "REVIEW", "BLOCK"}
        assert alerted == {f"t-{1000 + n}" for n in range(0, SCORED, 3)}
        assert rig.read(DEAD) == []
        counters = rig.worker.shard.engine.counters
        assert (counters.decisions, counters.labels_learned) == (EXAMPLES + SCORED, EXAMPLES)
        assert rig.committed(IN) == EXAMPLES + SCORED
        assert rig.committed(LABELS) == EXAMPLES


def test_an_alert_carries_its_evidence():
    with rig_of() as rig:
        sent = {p["transaction_id"]: (n, p) for n, p in enumerate(teach_and_test(rig))}
        decisions = {d["transaction_id"]: d for d in rig.decoded(DECISIONS)}
        alerts = rig.decoded(ALERTS)
        assert alerts
        engine = rig.worker.shard.engine
        names = engine.parameters.features.names
        for alert in alerts:
            offset, record = sent[alert["transaction_id"]]
            decision = decisions[alert["transaction_id"]]
            shared = ("decision", "score", "timeliness", "degraded", "model_version")
            for name in (*shared, "policy_version", "event_time"):
                assert alert[name] == decision[name]
            assert alert["amount_minor"] == record["amount_minor"]
            assert alert["score_scaled"] == min(999, int(alert["score"] * 1000))
            assert alert["threshold"] == {"REVIEW": 0.3, "BLOCK": 0.51}[alert["decision"]]
            place = alert["source_topic"], alert["source_partition"], alert["source_offset"]
            assert place == (IN, 0, offset)
            assert alert["alert_id"] == alert_id(*place, alert["policy_version"])
            card, merchant, transaction = hash_texts(
                [record["card_id"], record["merchant_id"], record["transaction_id"]], KEY
            )
            assert alert["entities"] == {"card": f"{card:016x}", "merchant": f"{merchant:016x}"}

            # The model has learned nothing since, so it still tells how this score came about.
            row = engine.waiting.find(np.array([transaction], np.uint64))[0]
            x = engine.waiting.features[row]
            raw = DecisionScores.unpacked(engine.waiting.scores[[row]]).raw[0, 0]
            base, parts = contributions(engine.champion, x, raw)
            log_odds = math.log(alert["score"] / (1 - alert["score"]))
            assert alert["base"] == base
            assert base + parts.sum() == pytest.approx(log_odds, rel=1e-9)
            top = sorted((-part, i) for i, part in enumerate(parts) if part > 0)[:4]
            said = ("feature", "value", "contribution", "state")
            assert [tuple(each[name] for name in said) for each in alert["reasons"]] == [
                (names[i], x[i], -part, "FRESH") for part, i in top
            ]
            # Nothing came late and nothing was forgotten: what is not known is unknown.
            states = [alert["value_states"][i // 4] >> 2 * (i % 4) & 3 for i in range(len(x))]
            assert states == [2 if math.isnan(value) else 0 for value in x]


def test_an_alert_is_a_cloud_event():
    with rig_of() as rig:
        teach_and_test(rig)
        messages = rig.read(ALERTS)
        assert messages
        for message in messages:
            alert = CODECS[ALERTS].decode(message.value())
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=alert["event_time"])
            assert headers_of(message) == {
                "ce_specversion": "1.0",
                "ce_type": "fraudstream.v1.Alert",
                "ce_source": "/fraudstream/fraudstream",
                "ce_id": alert["alert_id"],
                "ce_time": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "ce_subject": alert["transaction_id"],
                "ce_partitionkey": alert["entities"]["card"],
                "content-type": "application/avro",
            }


def test_output_is_keyed_by_the_cards_hash_and_names_no_card():
    with rig_of() as rig:
        sent = {p["transaction_id"]: p for p in teach_and_test(rig)}
        for topic in (ALERTS, DECISIONS):
            messages = rig.read(topic)
            assert messages
            for message in messages:
                record = CODECS[topic].decode(message.value())
                card = sent[record["transaction_id"]]["card_id"]
                (expected,) = hash_texts([card], KEY)
                assert message.key() == b"%016x" % expected
                headers = message.headers() or []
                everything = [message.key(), message.value()]
                everything += [part for name, value in headers for part in (name.encode(), value)]
                assert not any(b"card-" in part for part in everything)


def test_the_same_log_gives_the_same_records_again():
    runs = []
    for _ in range(2):
        with rig_of() as rig:
            teach_and_test(rig)
            runs.append(
                [
                    (m.topic(), m.key(), m.value(), m.headers())
                    for topic in OUT
                    for m in rig.read(topic)
                ]
            )
    assert runs[0] == runs[1]
    assert any(topic == ALERTS for topic, *_ in runs[0])


def test_a_payment_that_comes_again_repeats_its_verdict():
    with rig_of() as rig:
        sent = teach_and_test(rig)
        alerts = len(rig.read(ALERTS))
        again = [payment(n, START_US + 20_000_000, "card-x", 1) for n in range(1000, 1000 + SCORED)]
        rig.send(IN, [TRANSACTIONS.encode(p) for p in again])
        rig.take(SCORED)
        decisions = rig.decoded(DECISIONS)
        assert len(decisions) == len(sent) + SCORED
        for first, second in zip(decisions[EXAMPLES:-SCORED], decisions[-SCORED:], strict=True):
            assert not first["duplicate"]
            assert second["duplicate"]
            for name in ("transaction_id", "decision", "score"):
                assert first[name] == second[name]
        assert len(rig.read(ALERTS)) == alerts


def poisons(at_us):
    """One record of every kind that is refused, by the reason it is refused for."""
    good = mapped("good", at_us)
    return {
        Reason.NULL_VALUE: None,
        Reason.TOO_SHORT: b"\0\0\0\0",
        Reason.WRONG_MAGIC: b"{" + good[1:],
        Reason.UNKNOWN_SCHEMA_ID: frame(999, good[5:]),
        Reason.OVERSIZE: good + bytes(5000),
        Reason.TRUNCATED: good[:-1],
        Reason.TRAILING_BYTES: good + b"\0",
        Reason.VARINT_TOO_LONG: good[:5] + b"\xff" * 11,
        Reason.NEGATIVE_LENGTH: good[:5] + b"\x01" + good[6:],
        Reason.BAD_UTF8: good.replace(b"good", b"g\xff\xfed"),
        Reason.ID_EMPTY: mapped("", at_us),
        Reason.ID_TOO_LONG: mapped("x" * 65, at_us),
        Reason.ENTITY_EMPTY: mapped("2", at_us, who=""),
        Reason.AMOUNT_NOT_FINITE: mapped("3", at_us, math.nan),
        Reason.AMOUNT_NEGATIVE: mapped("4", at_us, -0.5),
        Reason.AMOUNT_TOO_LARGE: mapped("5", at_us, 1e300),
        Reason.EVENT_TIME_TOO_EARLY: mapped("6", 0),
        Reason.EVENT_TIME_IN_FUTURE: mapped("7", 2**62),
        Reason.EVENT_TOO_LATE: mapped("8", at_us - 3600 * 10**6),
    }


def test_every_kind_of_bad_record_becomes_a_dead_letter_with_its_own_reason(mapped_config):
    at_us = now_us()
    bad = poisons(at_us)
    with rig_of(mapped_config) as rig:
        rig.send(IN, [mapped("before", at_us)], key=None)
        for number, value in enumerate(bad.values()):
            headers = [("mine", b"%d" % number), ("mine-too", None)]
            rig.send(IN, [value], key=b"key-%d" % number, headers=headers)
        rig.send(IN, [mapped("after", at_us + 1)])
        rig.take(len(bad) + 2)

        letters = rig.read(DEAD)
        assert len(letters) == len(bad)
        for number, (message, (reason, value)) in enumerate(zip(letters, bad.items(), strict=True)):
            assert message.value() == value
            assert message.key() == b"key-%d" % number
            assert headers_of(message) == {
                "mine": str(number),
                "mine-too": "",
                "__streams.errors.exception": reason.name.lower(),
                "__streams.errors.message": REASON_TEXT[reason],
                "__streams.errors.topic": IN,
                "__streams.errors.partition": "0",
                "__streams.errors.offset": str(number + 1),
                "fraudstream.stage": reason.stage,
                "fraudstream.attempt": "1",
            }
            assert ("mine-too", None) in message.headers()
        stages = {headers_of(message)["fraudstream.stage"] for message in letters}
        assert stages == {"wire", "decode", "validate", "time"}
        assert rig.worker.shard.stats.dead_letters_by_reason == {
            reason.name.lower(): 1 for reason in bad
        }
        # A late one is decided all the same, without a score; the others are not decided.
        decisions = rig.decoded(DECISIONS)
        assert [d["transaction_id"] for d in decisions] == ["before", "8", "after"]
        assert decisions[1]["degraded"] == ["too_late"]
        assert decisions[1]["timeliness"] == "TOO_LATE"
        assert rig.committed() == len(bad) + 2


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_no_infinite_amount_reaches_a_sum(mapped_config, value):
    at_us = now_us()
    with rig_of(mapped_config) as rig:
        rig.send(IN, [mapped("1", at_us), mapped("2", at_us, value), mapped("3", at_us)])
        rig.take(3)
        (letter,) = rig.read(DEAD)
        assert headers_of(letter)["__streams.errors.exception"] == "amount_not_finite"
        keys = np.array(hash_texts(["1", "3"], KEY), np.uint64)
        waiting = rig.worker.shard.engine.waiting
        features = waiting.features[waiting.find(keys)]
        # The gap since the first event is unknown; every sum is a number.
        assert np.isfinite(features[:, :-1]).all()


def test_a_label_that_fits_no_payment_is_a_dead_letter():
    at_us = now_us() - 3600 * 10**6
    with rig_of() as rig:
        rig.send(IN, [TRANSACTIONS.encode(payment(1, at_us))])
        rig.take(1)
        bad = {
            Reason.LABEL_TIME_BEFORE_EVENT: label(1, at_us - 1, True),
            Reason.TRUNCATED: label(1, at_us, True)[:-1],
            Reason.LABEL_TOO_OLD: label(2, at_us - 2 * 86_400_000_000, True),
            # Its payment may still come: held until the worker ends.
            Reason.LABEL_UNKNOWN_TRANSACTION: label(2, at_us + 1, True),
        }
        rig.send(LABELS, [*bad.values(), label(1, at_us, False), label(1, at_us, False)])
        rig.take(6)
        assert len(rig.read(DEAD)) == 3
        rig.worker.finish(5)
        letters = rig.read(DEAD)
        assert [m.value() for m in letters] == list(bad.values())
        for offset, (message, reason) in enumerate(zip(letters, bad, strict=True)):
            headers = headers_of(message)
            assert headers["__streams.errors.exception"] == reason.name.lower()
            assert headers["__streams.errors.topic"] == LABELS
            assert headers["__streams.errors.offset"] == str(offset)
            assert headers["fraudstream.stage"] == reason.stage
            assert message.key() == b"key"
        # The repeat of a verdict says nothing on any topic.
        counters = rig.worker.shard.engine.counters
        assert (counters.labels_refused, counters.labels_repeated) == (3, 1)
        assert rig.read(REVIEWS) == []
        assert rig.committed(LABELS) == 6


def test_labels_to_look_at_go_to_their_topic_with_what_stood_before():
    with rig_of() as rig:
        teach_and_test(rig)
        scored = {d["transaction_id"]: d["score"] for d in rig.decoded(DECISIONS)}
        at_us = START_US + 20_000_000
        unsure = {"transaction_id": "t-1002", "is_fraud": True, "label_time": at_us}
        unsure = LABEL_CODEC.encode({**unsure, "source": "CUSTOMER", "confidence": 0.3})
        rig.send(LABELS, [label(1, at_us + 5, True), unsure])
        rig.take(2)
        contradiction, withheld = rig.decoded(REVIEWS)
        said = {"is_fraud": True, "source": "UNKNOWN", "label_time": at_us + 5, "confidence": 1.0}
        stood = {"earlier_is_fraud": False, "earlier_source": "UNKNOWN"}
        assert contradiction == {
            "transaction_id": "t-1",
            **said,
            "why": "CONTRADICTION",
            "score": None,
            **stood,
            "earlier_label_time": at_us,
            "source_topic": LABELS,
            "source_partition": 0,
            "source_offset": EXAMPLES,
        }
        assert (withheld["why"], withheld["source"]) == ("LOW_CONFIDENCE", "CUSTOMER")
        assert withheld["score"] == scored["t-1002"] is not None
        assert withheld["earlier_is_fraud"] is withheld["earlier_label_time"] is None
        keys = hash_texts(["t-1", "t-1002"], KEY).tolist()
        assert [message.key() for message in rig.read(REVIEWS)] == [b"%016x" % key for key in keys]
        assert rig.read(DEAD) == []
        assert summary(rig.worker)["label_reviews"] == {"corrected": 1, "low_confidence": 1}


def test_a_label_before_its_payment_is_joined_or_leaves_when_its_time_is_over():
    overrides = {**OVERRIDES, "labels": {**OVERRIDES["labels"], "early_hold": "10s"}}
    with rig_of(load(None, **overrides)) as rig:
        first, second = label(1, START_US + 1, True), label(2, START_US + 1, True)
        unsure = {"transaction_id": "t-1", "is_fraud": False, "label_time": START_US + 2}
        unsure = LABEL_CODEC.encode({**unsure, "confidence": 0.3})
        rig.send(LABELS, [first, second, unsure])
        rig.take(3)
        for seconds in (0, 2, 9):
            record = payment(1 if seconds == 0 else 10 + seconds, START_US + seconds * 10**6)
            rig.send(IN, [TRANSACTIONS.encode(record)])
            rig.take(1)
            assert rig.read(DEAD) == []
        assert rig.worker.shard.engine.counters.labels_learned == 1
        (review,) = rig.decoded(REVIEWS)
        assert (review["transaction_id"], review["why"]) == ("t-1", "LOW_CONFIDENCE")
        assert (review["earlier_is_fraud"], review["source_offset"]) == (True, 2)
        rig.send(IN, [TRANSACTIONS.encode(payment(20, START_US + 12 * 10**6))])
        rig.take(1)
        (letter,) = rig.read(DEAD)
        assert letter.value() == second
        assert headers_of(letter)["__streams.errors.offset"] == "1"
        assert len(rig.worker.shard.held) == 0
        assert rig.committed(LABELS) == 3


def test_without_a_topic_for_them_reviews_are_only_counted():
    topics = {**OVERRIDES["topics"], "label_reviews": ""}
    with rig_of(load(None, **{**OVERRIDES, "topics": topics})) as rig:
        rig.send(IN, [TRANSACTIONS.encode(payment(1, START_US))])
        rig.take(1)
        rig.send(LABELS, [label(1, START_US, True), label(1, START_US, False)])
        rig.take(2)
        assert summary(rig.worker)["label_reviews"] == {"corrected": 1}


def test_an_attempt_is_counted_on_and_hostile_attempts_start_again():
    given = {"1": 2, "41": 42, "": 1, "-3": 1, "x": 1, "9" * 400: 1_000_000, "٣": 1, None: 1}
    with rig_of() as rig:
        for attempt in given:
            headers = [("mine", b"x"), ("fraudstream.stage", b"old")]
            headers += [("__streams.errors.offset", b"7"), ("fraudstream.attempt", attempt)]
            rig.send(IN, [b"poison"], headers=headers)
        rig.take(len(given))
        letters = [headers_of(message) for message in rig.read(DEAD)]
    assert [int(letter["fraudstream.attempt"]) for letter in letters] == list(given.values())
    for offset, letter in enumerate(letters):
        assert letter["mine"] == "x"
        assert letter["__streams.errors.offset"] == str(offset)
        assert letter["fraudstream.stage"] == "wire"


def test_a_dead_letter_sent_again_as_it_is_comes_back_with_one_attempt_more():
    with rig_of() as rig:
        rig.send(IN, [b"poison"], headers=[("mine", b"x")])
        for attempt in range(1, 4):
            rig.take(1)
            letter = rig.read(DEAD)[-1]
            headers = headers_of(letter)
            assert headers["fraudstream.attempt"] == str(attempt)
            assert headers["__streams.errors.offset"] == str(attempt - 1)
            assert len(headers) == 8
            rig.send(IN, [letter.value()], key=letter.key(), headers=letter.headers())


def test_an_offset_is_committed_only_behind_the_acknowledged_dead_letter(monkeypatch):
    with rig_of() as rig:
        produce, held = rig.worker.sink._produce, []
        monkeypatch.setattr(
            rig.worker.sink, "_produce", lambda some, delivered: held.append((some, delivered))
        )
        rig.send(IN, [b"poison"])
        deadline = time.monotonic() + SECONDS
        while not held:
            assert time.monotonic() < deadline
            rig.worker.turn(0.05)
        # A good record behind it does not help it over the line.
        monkeypatch.setattr(rig.worker.sink, "_produce", produce)
        rig.send(IN, [TRANSACTIONS.encode(payment(1, now_us()))])
        rig.take(1)
        for _ in range(3):
            rig.worker.turn(0.05)
        assert [[record.topic for record in some] for some, _ in held] == [[DEAD]]
        assert rig.committed() == -1001
        assert len(rig.read(DECISIONS)) == 1
        produce(*held[0])
        rig.settle()
        assert len(rig.read(DEAD)) == 1
        assert rig.committed() == 2


def test_a_topic_full_of_poison_does_not_stop_the_partition(mapped_config):
    values = [value for value in poisons(now_us()).values() if value is not None] * 40
    with rig_of(mapped_config) as rig:
        rig.send(IN, values)
        rig.send(IN, [mapped("good", now_us())])
        rig.take(len(values) + 1)
        assert rig.decoded(DECISIONS)[-1]["transaction_id"] == "good"
        # Without a first event nothing is too late; that one was taken.
        letters = [message.value() for message in rig.read(DEAD)]
        assert len(letters) >= len(values) - 40
        assert set(letters) <= set(values)
        assert rig.committed() == len(values) + 1


def test_no_bytes_make_an_exception_leave_the_loop(mapped_config):
    seed = random.SystemRandom().getrandbits(32)
    rng = random.Random(seed)
    good = mapped("good", now_us())

    def mutant():
        body = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        return bytes(body[: rng.randint(0, len(body))] + rng.randbytes(rng.choice([0, 0, 3])))

    values = [mutant() for _ in range(300)] + [frame(1, rng.randbytes(n)) for n in range(100)]
    with rig_of(mapped_config) as rig:
        for topic in (IN, LABELS):
            rig.send(topic, values)
        rig.take(2 * len(values))
        stats, counters = rig.worker.shard.stats, rig.worker.shard.engine.counters
        assert len(rig.read(DEAD)) == stats.dead_letters, seed
        assert len(rig.read(DECISIONS)) == counters.decisions, seed
        assert counters.decisions + counters.refused == len(values), seed
        assert rig.committed(IN) == rig.committed(LABELS) == len(values), seed


def test_a_header_name_that_is_no_text_does_not_stop_the_partition():
    # Kafka's header names are UTF-8 by contract only: any byte can be sent.
    library = embedded._load_library()
    producev = library.rd_kafka_producev
    producev.restype = ctypes.c_int
    library.rd_kafka_flush.argtypes = [ctypes.c_void_p, ctypes.c_int]
    topic, partition, value_of, header, end = 1, 3, 4, 9, 0
    with rig_of() as rig:
        text = ctypes.create_string_buffer(512)
        conf = library.rd_kafka_conf_new()
        bootstrap = rig.broker.bootstrap.encode()
        assert library.rd_kafka_conf_set(conf, b"bootstrap.servers", bootstrap, text, 512) == 0
        handle = library.rd_kafka_new(0, conf, text, 512)
        try:
            arguments = [topic, ctypes.c_char_p(IN.encode()), partition, 0]
            arguments += [value_of, ctypes.c_char_p(b"poison"), ctypes.c_size_t(6)]
            arguments += [header, ctypes.c_char_p(b"\xff\xfe"), ctypes.c_char_p(b"x")]
            arguments += [ctypes.c_ssize_t(1), end]
            assert producev(ctypes.c_void_p(handle), *arguments) == 0
            assert library.rd_kafka_flush(handle, 10_000) == 0
        finally:
            library.rd_kafka_destroy(handle)
        rig.send(IN, [b"poison too"])
        rig.take(2)
        letters = rig.read(DEAD)
        assert len(letters) == 2
        assert letters[0].value() == b"poison"
        assert rig.committed() == 2


def test_back_pressure_pauses_resumes_and_loses_nothing(monkeypatch):
    monkeypatch.setattr(sink_module, "QUEUED_HIGH", 5)
    n = 1200
    # Records that linger are still there when the worker looks.
    with rig_of(**{"linger.ms": 50}) as rig:
        rig.send(IN, [TRANSACTIONS.encode(payment(i, START_US + i)) for i in range(n)])
        stop, polls = threading.Event(), []

        def polled():
            polls.append(1)
            if rig.worker.stats.records >= n:
                stop.set()

        timer = threading.Timer(SECONDS, stop.set)
        timer.start()
        rig.worker.run(stop, polled)
        timer.cancel()
        assert len(polls) == rig.worker.stats.polls
        assert rig.worker.stats.pauses > 0
        assert rig.worker.unacknowledged == 0
        assert [d["transaction_id"] for d in rig.decoded(DECISIONS)] == [f"t-{i}" for i in range(n)]
        assert rig.committed() == n


def test_a_worker_that_is_told_to_stop_commits_what_it_took():
    overrides = {**OVERRIDES, "worker": {"commit_interval": "1h"}}
    start_us = now_us()
    with rig_of(load(None, **overrides)) as rig:
        rig.send(IN, [TRANSACTIONS.encode(payment(i, start_us + i)) for i in range(10)])
        while rig.worker.stats.records < 10:
            rig.worker.turn(0.05)
        stop = threading.Event()
        stop.set()
        rig.worker.run(stop)
        assert rig.committed() == 10
        assert rig.worker.unacknowledged == 0
    with rig_of(load(None, **overrides)) as rig:
        rig.worker.finish(1)  # Nothing was taken: nothing to commit.
        assert rig.committed() == -1001


def test_a_record_too_large_for_the_dead_letters_goes_without_its_body():
    with rig_of() as rig:
        rig.send(IN, [b"1" * 1_000_000])
        rig.take(1)
        rig.worker.finish(5)
        assert rig.committed() == 1
        (letter,) = rig.read(DEAD)
        headers = dict(letter.headers())
        assert letter.value() is None
        assert headers["__streams.errors.exception"] == b"oversize"
        assert headers["fraudstream.value_bytes"] == b"1000000"
        assert headers["fraudstream.value_sha256"] == sha256(b"1" * 1_000_000).hexdigest().encode()


def test_output_that_cannot_be_delivered_ends_the_run_and_commits_nothing():
    with rig_of(**{"message.max.bytes": 1000, "log_level": 0}) as rig:
        rig.send(IN, [b"1" * 3000])  # Its dead letter is as large as it is.
        stop = threading.Event()
        with pytest.raises(DeliveryError, match=r"fraud\.dead_letters was refused"):
            rig.worker.run(stop)
        assert rig.committed() == -1001


def test_the_next_worker_goes_on_where_the_last_one_committed():
    start_us = now_us()
    config = load(None, **OVERRIDES)
    with EmbeddedBroker(dict.fromkeys(config.topics.names(), 1)) as broker:
        for begin in (0, 10):
            rig = Rig(broker, config)
            values = [payment(i, start_us + i) for i in range(begin, begin + 10)]
            rig.send(IN, [TRANSACTIONS.encode(p) for p in values])
            rig.take(10)
            rig.worker.close()
        assert [d["transaction_id"] for d in rig.decoded(DECISIONS)] == [
            f"t-{i}" for i in range(20)
        ]


def test_without_a_decisions_topic_only_alerts_and_dead_letters_go_out():
    overrides = {**OVERRIDES, "topics": {"partitions": 1}}
    with rig_of(load(None, **overrides)) as rig:
        rig.send(IN, [TRANSACTIONS.encode(payment(1, now_us())), struct.pack(">I", 0)])
        rig.take(2)
        assert rig.worker.sink.delivered == 1
        assert len(rig.read(DEAD)) == 1
        assert rig.committed() == 2


class Mute:
    """A model that is ready, says nothing and learns nothing."""

    learned, ready, unlearned = 0, True, 0

    def predict_proba_many(self, X):
        return np.full(len(X), np.nan)

    def learn_many(self, X, y, w=None):
        self.unlearned += len(X)


def test_the_summary_counts_what_the_model_could_not_score_and_not_learn():
    with rig_of() as rig:
        assert {summary(rig.worker)[name] for name in ("unscored", "unlearned")} == {0}
        rig.worker.shard.engine.champion.learner = TimedLearner(Mute())
        teach_and_test(rig)
        report = summary(rig.worker)
        assert (report["unscored"], report["unlearned"]) == (EXAMPLES + SCORED, EXAMPLES)
        assert {tuple(d["degraded"]) for d in rig.decoded(DECISIONS)} == {("no_score",)}


def test_an_engine_that_fails_in_a_step_leaves_its_input_uncommitted():
    at_us = now_us()
    with rig_of() as rig:
        rig.send(IN, [TRANSACTIONS.encode(payment(number, at_us)) for number in range(3)])
        rig.take(3)
        step = rig.worker.shard.engine.step

        def fails(batch):
            # As a model of somebody's own may, or a machine without memory.
            step(batch)
            raise MemoryError

        def work():
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                rig.worker.turn(0.05)

        rig.worker.shard.engine.step = fails
        rig.send(IN, [TRANSACTIONS.encode(payment(3, at_us))])
        with pytest.raises(MemoryError):
            work()
        assert rig.worker.sink.flush(SECONDS) == 0
        assert rig.worker.sink.safe_offsets() == {}
        # What a worker does when it is closed.
        rig.worker.revoked()
        deadline = time.monotonic() + SECONDS
        while rig.worker.source.commits_pending:
            assert time.monotonic() < deadline
            rig.worker.source.poll(1, 0.02)
        assert rig.committed(IN) == 3


class Frozen:
    """A source that is given a partition at the first poll, and a sink that nobody relieves."""

    due_s = math.inf
    relieved = congested = False
    commits_pending = 0

    def __init__(self):
        self.waited = 0

    def follow(self, positions):
        self.positions = positions

    def poll(self, *_):
        if len(_) == 2:
            self.positions.assigned({(IN, 0): 7})
        else:
            self.waited += 1
        return []

    def publish(self, records, offsets): ...

    def hear_offsets(self, committed): ...

    def safe_offsets(self):
        return {}

    def flush(self, timeout_s):
        return 0

    def commit(self, offsets): ...

    def pause(self): ...


class Replaying:
    """Shards that have many steps to take again before they are what they were."""

    def __init__(self, stop):
        self.stop, self.taken, self.finished = stop, 0, False

    def __iter__(self):
        return iter(())

    def assigned(self, committed, publish, settle, going_on):
        while going_on():
            publish(Step(iter(()), {}, 1))
            self.taken += 1
            assert self.taken < 100
            if self.taken == 3:
                self.stop.set()
        return dict(committed)

    def finish(self, timeout_s):
        self.finished = True


def test_a_worker_that_is_told_to_stop_amid_a_replay_ends_as_after_any_stop():
    stop, frozen = threading.Event(), Frozen()
    shards = Replaying(stop)
    worker = Worker(load(None), shards, frozen, frozen)
    frozen.relieved = True
    worker.run(stop)
    assert (shards.taken, shards.finished) == (3, True)


def test_a_worker_that_is_told_to_stop_waits_for_no_frozen_broker():
    stop, frozen = threading.Event(), Frozen()
    shards = Replaying(stop)
    shards.taken = 2
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    frozen.waited = 0
    worker = Worker(load(None), shards, frozen, frozen)
    worker.run(stop)
    assert (shards.taken, frozen.waited > 0) == (3, True)
    timer.join()
