"""``fraudstream audit-trail`` and ``approve``: what people see of acts and of their chain."""

import json

import pytest
from confluent_kafka import Producer

from stream.kafka.embedded import EmbeddedBroker

KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture
def broker(monkeypatch):
    with EmbeddedBroker({"fraud.control": 1, "fraud.audit": 1}) as broker:
        monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", broker.bootstrap)
        monkeypatch.setenv("FRAUD_TOPICS__CONTROL", "fraud.control")
        monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)
        yield broker


def test_a_trail_is_shown_and_verified_and_its_end_can_be_noted(run, broker):
    assert run("audit-trail", "verify")[:2] == (0, "ok   fraud.audit: 0 entries, one chain\n")
    assert run("erase", "card", "4111111111111111", "--yes", "--by", "ann")[0] == 0
    status, said, _ = run("audit-trail", "verify", "--json")
    report = json.loads(said)
    assert (status, report["whole"], report["entries"]) == (0, True, 2)
    status, said, _ = run("audit-trail", "show")
    assert status == 0
    assert "ORDERED   erase of card" in said
    assert "by ann" in said
    assert "4111111111111111" not in said
    status, said, _ = run("audit-trail", "show", "--json")
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["step"] for line in lines] == ["ORDERED", "DONE"]
    assert f"1:{lines[1]['hash']}" == report["head"]
    assert run("audit-trail", "verify", "--head", report["head"])[0] == 0
    status, said, _ = run("audit-trail", "verify", "--head", "1:" + "0" * 64)
    assert status == 1
    assert "FAIL fraud.audit: another_end" in said
    assert run("audit-trail", "verify", "--head", "one")[0] == 2


def test_what_does_not_belong_there_is_found(run, broker):
    assert run("erase", "card", "1", "--yes", "--by", "ann")[0] == 0
    producer = Producer(broker.connection.producer(idempotent=False))
    producer.produce("fraud.audit", b"hello", partition=0)
    assert producer.flush(20) == 0
    status, said, _ = run("audit-trail", "verify")
    assert status == 1
    assert "FAIL fraud.audit at 2: unreadable" in said or "unreadable" in said
    # And the next act follows the last entry that is one.
    assert run("erase", "card", "2", "--yes", "--by", "ann")[0] == 0
    report = json.loads(run("audit-trail", "verify", "--json")[1])
    assert report["entries"] == 4
    assert [each["kind"] for each in report["findings"]] == ["unreadable"]


def test_an_erasure_of_two_persons(run, broker, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__APPROVALS", "two_persons")
    status, said, _ = run("erase", "card", "4111", "--yes", "--by", "ann")
    assert status == 0
    assert "Nothing is sent until somebody else has approved it" in said
    assert "is erased" not in said
    (request,) = json.loads("[" + run("audit-trail", "show", "--json")[1] + "]")
    name = request["request_id"]
    assert f"fraudstream approve {name} --by NAME" in said
    status, _, error = run("approve", name, "--by", "ann")
    assert status == 1
    assert "somebody else has to approve it" in error
    status, said, _ = run("approve", name, "--by", "bob", "--json")
    report = json.loads(said)
    assert (status, report["step"], report["asked_by"]) == (0, "done", "ann")
    assert report["orders"] == [{"partition": 0, "offset": 0}]
    status, _, error = run("approve", name, "--by", "cy", "--refuse")
    assert status == 1
    assert "approved and sent by 'bob' already" in error
    shown = run("audit-trail", "show", "--request", name, "--json")[1].splitlines()
    assert [json.loads(line)["who"] for line in shown] == ["ann", "bob", "bob"]


def test_a_refusal_is_told(run, broker, monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__APPROVALS", "two_persons")
    said = run("erase", "card", "4111", "--yes", "--by", "ann", "--json")[1]
    name = json.loads(said)["request_id"]
    assert json.loads(said)["step"] == "requested"
    status, said, _ = run("approve", name, "--by", "bob", "--refuse")
    assert status == 0
    assert said.startswith("refused: erase of card ")


def test_without_a_trail_there_is_none_to_show(run, monkeypatch):
    monkeypatch.setenv("FRAUD_TOPICS__AUDIT", "")
    status, _, error = run("audit-trail", "show")
    assert status == 2
    assert "topics.audit is empty" in error
