"""Orders: noted before they are sent, approved by somebody else, refused for good."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from confluent_kafka import Consumer, Producer
from inputs.published import published

from schemas.errors import BrokerError, ConfigError, DeliveryError, SchemaError
from schemas.records import RecordCodec, builtin
from stream.audit_trail.chain import Step
from stream.audit_trail.verifying import verify
from stream.cases.administration import (
    ACT_BYTES_MAX,
    REQUEST_AGE_MAX_US,
    Administration,
    ApprovalError,
    Order,
    audit_log_of,
    own_name,
)
from stream.cases.verdict import VerdictError
from stream.config.configuration import load
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.send import Sender

CONTROL = published("control")
ORDERS = [
    Order(
        f"card:{key:016x}",
        {
            "kind": "ERASE",
            "entity": "card",
            "key": f"{key:016x}",
            "requested_at": 17,
            "request_id": "r",
        },
    )
    for key in (1, 2)
]


@pytest.fixture
def broker():
    with EmbeddedBroker({"fraud.control": 2, "fraud.audit": 1}) as broker:
        yield broker


def config_of(broker, **more):
    topics = {"control": "fraud.control"} | more.pop("topics", {})
    return load(kafka={"bootstrap": broker.bootstrap}, topics=topics, **more)


def two_persons(broker):
    return config_of(broker, security={"approvals": "two_persons"})


def order(config, by="ann", **more):
    with Administration(config) as administration:
        return administration.order("erase", by, "card 01, 02", ORDERS, **more)


def answer(config, request_id, by, how="approve", now_us=None):
    more = {} if now_us is None else {"now_us": lambda: now_us}
    with Administration(config, **more) as administration:
        return getattr(administration, how)(request_id, by)


def trail(config):
    with closing(audit_log_of(config)) as log:
        entries = list(log.read())
    assert verify(entries).findings == []
    return [entry for _, entry in entries]


def steps(config):
    return [(entry.act.who, entry.act.step.value) for entry in trail(config)]


def sent(broker, partitions=2):
    """The orders on the control topic."""
    consumer = Consumer({**broker.connection.consumer("t"), "enable.partition.eof": True})
    try:
        from confluent_kafka import TopicPartition

        consumer.assign([TopicPartition("fraud.control", p, 0) for p in range(partitions)])
        found, ended = [], set()
        while len(ended) < partitions:
            message = consumer.poll(10)
            assert message is not None
            if message.error() is None:
                found.append(CONTROL.decode(message.value()))
            else:
                ended.add(message.partition())
    finally:
        consumer.close()
    return sorted(found, key=lambda each: each["key"])


def test_an_order_is_noted_then_sent_then_noted_as_done(broker):
    config = config_of(broker)
    ordered = order(config, before={"kept": True}, after={"kept": False}, note="asked by letter")
    assert ordered.step is Step.DONE
    assert [len(places) for places in ordered.places] == [1, 1]
    assert sent(broker) == [each.record for each in ORDERS]
    first, second = trail(config)
    assert steps(config) == [("ann", "ORDERED"), ("ann", "DONE")]
    assert (first.act.what, first.act.subject, first.act.note) == (
        "erase",
        "card 01, 02",
        "asked by letter",
    )
    assert (first.act.before, first.act.after) == ('{"kept":true}', '{"kept":false}')
    assert first.act.request_id == second.act.request_id == ordered.request_id
    assert json.loads(second.act.after)["places"] == [[[p, o]] for ((p, o),) in ordered.places]


def test_what_cannot_be_noted_is_not_done(broker, monkeypatch):
    config = config_of(broker)

    def broken(*_):
        raise BrokerError("no room")

    monkeypatch.setattr("stream.cases.administration.AuditLog.append", broken)
    with pytest.raises(BrokerError, match="no room"):
        order(config)
    assert sent(broker) == []


def test_what_could_not_be_sent_is_noted_as_failed(broker, monkeypatch):
    config = config_of(broker)

    def broken(*_, **__):
        raise BrokerError("nobody there")

    monkeypatch.setattr("stream.cases.administration.Sender", broken)
    with pytest.raises(BrokerError, match="nobody there"):
        order(config)
    assert steps(config) == [("ann", "ORDERED"), ("ann", "FAILED")]
    assert trail(config)[1].act.note == "nobody there"


def test_of_orders_that_were_sent_in_part_it_is_told_how_many(broker, monkeypatch):
    class Second(Sender):
        def send(self, key, value):
            if key == ORDERS[1].key.encode():
                raise DeliveryError("no answer")
            return super().send(key, value)

    monkeypatch.setattr("stream.cases.administration.Sender", Second)
    config, told = config_of(broker), []
    with pytest.raises(DeliveryError, match="no answer; 1 of 2 orders were sent before"):
        order(config, progress=told.append)
    assert told == [1]
    assert sent(broker) == [ORDERS[0].record]
    assert trail(config)[1].act.note == "no answer; 1 of 2 orders were sent before"


def test_who_orders_may_name_the_request(broker):
    config = config_of(broker)
    assert order(config, request_id="mine").request_id == "mine"
    assert [entry.act.request_id for entry in trail(config)] == ["mine", "mine"]


def test_what_no_entry_has_room_for_is_neither_noted_nor_sent(broker):
    config = config_of(broker)
    with pytest.raises(ConfigError, match=r"would have to note 900,\d{3} bytes at once"):
        order(config, after="x" * ACT_BYTES_MAX)
    assert trail(config) == []
    assert sent(broker) == []


def test_with_two_persons_nothing_is_sent_before_the_second_has_agreed(broker):
    config = two_persons(broker)
    ordered = order(config, note="why")
    assert (ordered.step, ordered.places) == (Step.REQUESTED, [])
    assert sent(broker) == []
    request, done = answer(config, ordered.request_id, "bob")
    assert (request.act.who, request.act.subject) == ("ann", "card 01, 02")
    assert done.step is Step.DONE
    assert sent(broker) == [each.record for each in ORDERS]
    assert steps(config) == [("ann", "REQUESTED"), ("bob", "APPROVED"), ("bob", "DONE")]
    approved = json.loads(trail(config)[1].act.after)
    assert approved == {"request": 0, "hash": request.hash}


@pytest.mark.parametrize("by", ["ann", "Ann", " ANN ", "\uff41nn"])
def test_nobody_approves_their_own_request(broker, by):
    config = two_persons(broker)
    ordered = order(config)
    with pytest.raises(ApprovalError, match="somebody else has to approve it"):
        answer(config, ordered.request_id, by)
    assert sent(broker) == []
    assert len(trail(config)) == 1


def test_a_request_is_approved_once(broker):
    config = two_persons(broker)
    ordered = order(config)
    answer(config, ordered.request_id, "bob")
    with pytest.raises(ApprovalError, match="approved and sent by 'bob' already"):
        answer(config, ordered.request_id, "cy")
    assert len(sent(broker)) == 2


def test_a_request_that_was_refused_is_never_sent(broker):
    config = two_persons(broker)
    ordered = order(config)
    # One may take one's own back.
    assert answer(config, ordered.request_id, "ann", "refuse")[1].step is Step.REFUSED
    with pytest.raises(ApprovalError, match="refused by 'ann' already"):
        answer(config, ordered.request_id, "bob")
    assert sent(broker) == []
    assert steps(config) == [("ann", "REQUESTED"), ("ann", "REFUSED")]


def test_what_was_approved_and_not_sent_may_be_approved_again(broker, monkeypatch):
    config = two_persons(broker)
    ordered = order(config)

    def broken(*_, **__):
        raise BrokerError("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr("stream.cases.administration.Sender", broken)
        with pytest.raises(BrokerError):
            answer(config, ordered.request_id, "bob")
    assert answer(config, ordered.request_id, "cy")[1].step is Step.DONE
    assert len(sent(broker)) == 2


def test_an_old_request_is_asked_for_anew(broker):
    config = two_persons(broker)
    ordered = order(config)
    at_us = trail(config)[0].at_us
    with pytest.raises(ApprovalError, match="more than 7 days old"):
        answer(config, ordered.request_id, "bob", now_us=at_us + REQUEST_AGE_MAX_US + 1)
    assert answer(config, ordered.request_id, "bob", now_us=at_us + REQUEST_AGE_MAX_US)


def test_a_request_that_was_altered_is_not_sent(broker):
    config = two_persons(broker)
    ordered = order(config)
    with closing(audit_log_of(config)) as log:
        ((_, entry),) = log.read()
    forged = entry.record() | {"request_id": "forged", "sequence": 1, "previous": entry.hash}
    producer = Producer(broker.connection.producer(idempotent=False))
    producer.produce("fraud.audit", RecordCodec(builtin("audit"), 20).encode(forged), partition=0)
    assert producer.flush(20) == 0
    with pytest.raises(ApprovalError, match="altered after it was noted"):
        answer(config, "forged", "bob")
    assert answer(config, ordered.request_id, "bob")[1].step is Step.DONE


@pytest.mark.parametrize("how", ["approve", "refuse"])
def test_an_unknown_request_is_named(broker, how):
    config = two_persons(broker)
    with pytest.raises(ApprovalError, match="no request 'r-9' is on fraud"):
        answer(config, "r-9", "bob", how)


def test_a_name_and_a_note_are_looked_at_before_anything_is_noted(broker):
    config = config_of(broker)
    with pytest.raises(VerdictError, match="--by NAME"):
        order(config, by="")
    with pytest.raises(VerdictError, match="a card's number"):
        order(config, note="4111 1111 1111 1111")
    assert trail(config) == []


def test_an_order_that_does_not_fit_its_contract_is_not_noted(broker):
    config = config_of(broker)
    wrong = Order("k", {**ORDERS[0].record, "requested_at": "soon"})
    with Administration(config) as administration, pytest.raises(SchemaError):
        administration.order("erase", "ann", "card", [wrong])
    assert trail(config) == []


def test_without_an_audit_topic_orders_are_sent_all_the_same(broker):
    config = config_of(broker, topics={"audit": ""})
    assert audit_log_of(config) is None
    assert order(config).step is Step.DONE
    assert len(sent(broker)) == 2


def test_two_persons_need_a_topic_for_their_requests(broker):
    with pytest.raises(ConfigError, match=r"security\.approvals: requests are kept on"):
        config_of(broker, topics={"audit": ""}, security={"approvals": "two_persons"})


def test_where_nobody_takes_orders_none_is_taken(broker):
    with pytest.raises(ConfigError, match=r"topics\.control is not set"):
        Administration(config_of(broker, topics={"control": ""}))


def test_who_acts_is_who_they_say_or_the_login(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    assert (own_name("ann"), own_name("")) == ("ann", "root")

    def nobody():
        raise KeyError(1000)

    monkeypatch.setattr("getpass.getuser", nobody)
    with pytest.raises(ConfigError, match="give --by NAME"):
        own_name("")
