"""``fraudstream alerts``: the newest ones, each once; by rule, as ids, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer
from inputs.alert_samples import alert, alert_id, publish

from stream.kafka.embedded import EmbeddedBroker

COMMAND = ("alerts",)
Run = Callable[..., tuple[int, str, str]]


def matched(name: str, mode: str) -> dict[str, object]:
    texts = {"version": "0", "action": "REVIEW", "reason_code": "", "text": "", "values": []}
    return {"id": name, "mode": mode, **texts}


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"fraud.alerts": 2}) as broker:
        producer = Producer(broker.connection.producer(idempotent=False))
        rules = {2: [matched("large", "LIVE")], 3: [matched("large", "SHADOW")]}
        for number in range(5):
            record = alert(number, rules=rules.get(number, []))
            publish(producer, "fraud.alerts", [record], number % 2)
        # A worker without recovery may say it again; and anybody may write anything.
        publish(producer, "fraud.alerts", [alert(4)], 0)
        producer.produce("fraud.alerts", b"no alert", partition=1)
        assert producer.flush(20) == 0
        yield broker


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, broker: EmbeddedBroker) -> None:
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)


def test_the_newest_come_first_and_each_once(run: Run) -> None:
    status, said, error = run("--ids")
    assert (status, error) == (0, "")
    found = said.split()
    assert found[0] == alert_id(4)
    assert sorted(found) == sorted(alert_id(n) for n in range(5))
    assert run("--ids", "--last", 1)[1].split() == [alert_id(4)]


def test_a_rule_that_was_in_shadow_asked_for_nothing(run: Run) -> None:
    assert run("--ids", "--rule", "large")[1].split() == [alert_id(2)]
    assert "no alert is on fraud.alerts that nobody matched" in run("--rule", "nobody")[1]


def test_a_person_sees_lines_and_a_script_json(run: Run) -> None:
    _, said, _ = run("--rule", "large")
    line = next(line for line in said.splitlines() if alert_id(2) in line)
    for text in ("REVIEW", "0.750", "12.34", "t-2", "rule large, amount"):
        assert text in line
    (row,) = json.loads(run("--rule", "large", "--json")[1])["alerts"]
    assert (row["alert_id"], row["rules"]) == (alert_id(2), ["large"])
    assert row["reasons"] == ["amount"]
