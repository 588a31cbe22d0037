"""``fraudstream rules matches``: counts of the newest decisions, beside what is known of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas.records import RecordCodec, builtin
from schemas.registry import value_subject
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.registry import open_registry

COMMAND = ("rules", "matches")
Run = Callable[..., tuple[int, str, str]]
EVENT_US = 1_780_000_000_000_000


def codec(name: str, topic: str) -> RecordCodec:
    return RecordCodec(builtin(name), open_registry().id_of(value_subject(topic), builtin(name)))


def decision(number: int, **changes: Any) -> dict[str, Any]:
    record = {
        "transaction_id": f"t-{number}",
        "event_time": EVENT_US + number,
        "decision": "ALLOW",
        "score": None,
        "timeliness": "ON_TIME",
        "duplicate": False,
        "degraded": [],
        "rules": [],
        "shadow_rules": [],
        "model_version": 0,
        "policy_version": "0",
    }
    return record | changes


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    said = [
        decision(0, shadow_rules=["large"]),
        decision(1, shadow_rules=["large"]),
        decision(2, decision="REVIEW", rules=["night"], shadow_rules=["large"]),
        decision(3),
        decision(3, duplicate=True, rules=["night"]),
        decision(4, decision="BLOCK", rules=["night"]),
    ]
    labels = [(0, True), (2, False), (4, False), (4, True), (3, True)]
    with EmbeddedBroker({"fraud.decisions": 1, "fraud.labels": 1}) as broker:
        producer = Producer(broker.connection.producer(idempotent=False))
        of_decisions, of_labels = (
            codec("decision", "fraud.decisions"),
            codec("label", "fraud.labels"),
        )
        for each in said:
            producer.produce("fraud.decisions", of_decisions.encode(each))
        for at, (number, is_fraud) in enumerate(labels):
            label = {"transaction_id": f"t-{number}", "is_fraud": is_fraud, "confidence": 1.0}
            label |= {"source": "CHARGEBACK", "label_time": EVENT_US + 1000 + at}
            producer.produce("fraud.labels", of_labels.encode(label))
        producer.produce("fraud.decisions", b"no decision")
        assert producer.flush(20) == 0
        yield broker


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, broker: EmbeddedBroker) -> None:
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)
    monkeypatch.setenv("FRAUD_TOPICS__DECISIONS", "fraud.decisions")


def rows(said: str) -> dict[str, list[Any]]:
    return {row["rule"]: list(row.values())[1:] for row in json.loads(said)["rules"]}


def test_each_rule_has_its_counts_and_the_last_word_on_its_payments(run: Run) -> None:
    status, said, error = run("--json")
    assert (status, error) == (0, "")
    assert json.loads(said)["decisions"] == 5
    # Live, in shadow, not alerted, fraud, genuine, the newest payment.
    assert rows(said) == {
        "large": [0, 3, 2, 1, 1, "t-2"],
        "night": [2, 0, 0, 1, 1, "t-4"],
    }


def test_only_the_newest_decisions_are_looked_at(run: Run) -> None:
    assert rows(run("--json", "--last", 1)[1]) == {"night": [1, 0, 0, 1, 0, "t-4"]}


def test_a_person_sees_a_table(run: Run) -> None:
    status, said, _ = run()
    assert status == 0
    assert "5 decisions of 2026-" in said
    line = next(line for line in said.splitlines() if "large" in line)
    assert [part.strip() for part in line.strip("│").split("│")][:4] == ["large", "0", "3", "2"]


def test_without_a_topic_of_decisions_it_says_what_to_set(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FRAUD_TOPICS__DECISIONS")
    status, _, error = run()
    assert status == 2
    assert "topics.decisions is not set" in error
