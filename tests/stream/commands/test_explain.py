"""``fraudstream explain``: found on its topic, shown, as JSON, as HTML; or where it looked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from inputs.alert_samples import alert, alert_id, publish

from stream.kafka.embedded import EmbeddedBroker

COMMAND = ("explain",)
Run = Callable[..., tuple[int, str, str]]
REASON = {
    "feature": "card.count_1h",
    "value": 14.0,
    "contribution": 1.5,
    "state": "FRESH",
    "code": "R101",
    "text": "Many payments on this card in 1 hour",
    "normal": 2.0,
}


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"fraud.alerts": 2}) as broker:
        monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)
        producer = Producer(broker.connection.producer(idempotent=False))
        publish(producer, "fraud.alerts", [alert(n, reasons=[REASON]) for n in range(8)], 1)
        yield broker


def test_it_is_shown_to_a_person(run: Run, broker: EmbeddedBroker) -> None:
    status, said, error = run(alert_id(3))
    assert status == 0, error
    assert "Many payments on this card in 1 hour: 14, usual 2" in " ".join(said.split())
    assert alert_id(3) in said


def test_it_is_json_for_scripts_and_html_for_a_case(
    run: Run, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    page = tmp_path / "alert.html"
    status, said, error = run(alert_id(5), "--json", "--html", page)
    assert status == 0, error
    told = json.loads(said)
    assert (told["alert_id"], told["reasons"][0]["code"]) == (alert_id(5), "R101")
    assert "usual 2" in page.read_text(encoding="utf-8")


def test_with_html_alone_only_the_file_is_named(
    run: Run, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    page = tmp_path / "alert.html"
    status, said, error = run(alert_id(5), "--html", page)
    assert (status, said) == (0, "")
    assert str(page) in error
    assert page.is_file()


def test_an_alert_that_is_not_there_is_told_with_where_it_was_looked_for(
    run: Run, broker: EmbeddedBroker
) -> None:
    status, said, error = run("nobody")
    assert (status, said) == (1, "")
    assert "no alert 'nobody' is on fraud.alerts" in error
    assert broker.bootstrap in error
    assert "8 records were looked at" in error
    assert "retention" in error
