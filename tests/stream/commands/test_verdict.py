"""``fraudstream verdict``: what is sent, what is known already, and where it looked."""

import json
import time
from contextlib import closing

import pytest
from confluent_kafka import Consumer, Producer
from inputs.alert_samples import EVENT_US, alert, alert_id, publish

from schemas.records import RecordCodec, builtin
from stream.audit_trail.chain import Step
from stream.cases.administration import audit_log_of
from stream.config.configuration import load
from stream.kafka.embedded import EmbeddedBroker

COMMAND = ("verdict",)
LABELS = RecordCodec(builtin("label"), 2)
SECONDS = 20


@pytest.fixture
def broker(monkeypatch):
    with EmbeddedBroker({"fraud.alerts": 2, "fraud.labels": 4, "fraud.audit": 1}) as broker:
        monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)
        producer = Producer(broker.connection.producer(idempotent=False))
        publish(producer, "fraud.alerts", [alert(n, partition=n % 4) for n in range(8)], 1)
        yield broker


def labels_on(broker, n):
    """The first n labels of the topic: partition, record, headers."""
    consumer = Consumer({**broker.connection.consumer("test"), "auto.offset.reset": "earliest"})
    consumer.subscribe(["fraud.labels"])
    found, deadline = [], time.monotonic() + SECONDS
    try:
        while len(found) < n:
            assert time.monotonic() < deadline, f"{len(found)} of {n} labels"
            found += [m for m in consumer.consume(10, 0.1) if m.error() is None]
    finally:
        consumer.close()
    return [(m.partition(), LABELS.decode(m.value()), dict(m.headers() or [])) for m in found]


def trail(broker):
    log = audit_log_of(load(kafka={"bootstrap": broker.bootstrap}))
    with closing(log):
        return [entry for _, entry in log.read()]


def send_label(broker, **label):
    base = {"is_fraud": True, "source": "CHARGEBACK", "confidence": 1.0}
    producer = Producer(broker.connection.producer(idempotent=False))
    producer.produce("fraud.labels", LABELS.encode(base | label), partition=0)
    assert producer.flush(SECONDS) == 0


def test_a_verdict_becomes_a_label_in_the_partition_of_its_payment(run, broker):
    words = (alert_id(6), "fraud", "--by", "ann", "--note", "card was copied")
    status, said, error = run(*words, "--confidence", "0.9", "--json")
    assert status == 0, error
    report = json.loads(said)
    (row,) = report["verdicts"]
    assert (report["topic"], report["sent"], row["earlier"]) == ("fraud.labels", 1, None)
    ((partition, label, headers),) = labels_on(broker, 1)
    assert (partition, row["partition"]) == (2, 2)
    assert (label["transaction_id"], label["is_fraud"]) == ("t-6", True)
    assert (label["source"], label["confidence"]) == ("ANALYST_REVIEW", 0.9)
    assert label["label_time"] >= EVENT_US
    assert headers == {
        "fraudstream.by": b"ann",
        "fraudstream.note": b"card was copied",
        "fraudstream.alert_id": alert_id(6).encode(),
    }


def test_the_same_verdict_twice_says_so_and_another_one_corrects(run, broker):
    assert run(alert_id(3), "fraud", "--by", "ann")[0] == 0
    status, said, _ = run(alert_id(3), "fraud", "--by", "bob")
    assert status == 0
    assert "ann said fraud already" in said
    assert "nothing was sent" in said
    status, said, _ = run(alert_id(3), "legit", "--by", "bob")
    assert status == 0
    assert "before it was fraud, by ann" in said
    verdicts = [label["is_fraud"] for _, label, _ in labels_on(broker, 2)]
    assert verdicts == [True, False]
    (entry,) = trail(broker)
    assert (entry.act.who, entry.act.what, entry.act.step) == ("bob", "verdict", Step.ORDERED)
    assert entry.act.subject == f"alert {alert_id(3)}"
    before, after = (json.loads(text)[alert_id(3)] for text in (entry.act.before, entry.act.after))
    assert (before["verdict"], before["by"]) == ("fraud", "ann")
    assert after == {"verdict": "legit", "by": "bob"}


def test_a_chargeback_that_says_the_same_does_not_silence_an_analyst(run, broker):
    """Feedback apart: the model of analysts' verdicts has heard nothing of it yet."""
    send_label(broker, transaction_id="t-2", label_time=EVENT_US + 10)
    status, said, _ = run(alert_id(2), "fraud", "--by", "ann", "--json")
    report = json.loads(said)
    assert (status, report["sent"]) == (0, 1)
    assert report["verdicts"][0]["earlier"]["source"] == "CHARGEBACK"


def test_a_verdict_that_was_overridden_may_be_given_again(run, broker):
    assert run(alert_id(2), "legit", "--by", "ann")[0] == 0
    later_us = time.time_ns() // 1000 + 1_000_000
    send_label(broker, transaction_id="t-2", label_time=later_us)
    status, said, _ = run(alert_id(2), "legit", "--by", "ann", "--json")
    assert (status, json.loads(said)["sent"]) == (0, 1)


def test_an_unknown_alert_is_an_error_that_says_where_it_looked(run, broker):
    status, said, error = run("f" * 32, "fraud", "--by", "ann")
    assert (status, said) == (1, "")
    assert f"no alert {'f' * 32} is on fraud.alerts: 8 records were looked at" in error
    assert "Nothing was sent" in error


def test_many_at_once_are_all_sent_or_none(run, broker, tmp_path):
    path = tmp_path / "day.csv"
    path.write_text(f"alert_id,verdict\n{alert_id(0)},fraud\n{'f' * 32},legit\n")
    status, _, error = run("--file", path, "--by", "ann")
    assert status == 1
    assert "f" * 32 in error
    path.write_text(f"alert_id,verdict,by\n{alert_id(0)},fraud,\n{alert_id(5)},legit,bob\n")
    status, said, error = run("--file", path, "--by", "ann", "--json")
    assert status == 0, error
    assert [(row["sent"], row["by"]) for row in json.loads(said)["verdicts"]] == [
        (True, "ann"),
        (True, "bob"),
    ]
    found = {label["transaction_id"]: at for at, label, _ in labels_on(broker, 2)}
    assert found == {"t-0": 0, "t-5": 1}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "give ALERT_ID and fraud or legit, or --file FILE"),
        ((alert_id(1),), "give ALERT_ID and fraud or legit"),
        ((alert_id(1), "fraud", "--file", "x"), "give ALERT_ID and fraud or legit"),
        ((alert_id(1), "yes", "--by", "ann"), "a verdict is 'fraud' or 'legit'"),
        ((alert_id(1), "fraud"), "give --by NAME"),
        (("t-1", "fraud", "--by", "ann"), "no alert's id"),
    ],
)
def test_what_is_asked_wrongly_is_said(run, words, expected):
    status, said, error = run(*words)
    assert (status, said) == (2, "")
    assert expected in " ".join(error.replace("│", " ").split())
