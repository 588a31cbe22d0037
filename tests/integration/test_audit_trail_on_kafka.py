"""The audit trail on a real Kafka: many append at once, one dies, and there is one chain."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
from confluent_kafka import Producer
from fault_log import injects, seen

from schemas.any_version import AnyVersion
from schemas.records import RecordCodec, builtin
from stream.audit_trail.chain import Act, Entry, Step
from stream.audit_trail.verifying import verify
from stream.kafka.audit_log import AuditLog
from stream.kafka.client import Connection
from stream.kafka.topics import FOR_EVER

pytestmark = pytest.mark.kafka

SCHEMA_ID = 20
WRITERS, EACH = 3, 4
# Of the end of a transaction, on a busy broker.
SEEN_SECONDS = 30


@pytest.fixture
def open_log(kafka_bootstrap, topic_factory):
    topic = topic_factory("audit", 1, FOR_EVER)

    def open_log():
        schema = builtin("audit")
        reader = AnyVersion([(SCHEMA_ID, schema)])
        codec = RecordCodec(schema, SCHEMA_ID)
        return AuditLog(Connection(kafka_bootstrap), topic, codec, reader)

    return open_log


def act(who, number=0):
    return Act(who, "erase", Step.ORDERED, f"{who}-{number}", "card")


def entries(open_log, n):
    """Return the entries once there are so many: a commit is answered before readers see it."""
    deadline = time.monotonic() + SEEN_SECONDS
    with closing(open_log()) as log:
        found = list(log.read())
        while len(found) < n and time.monotonic() < deadline:
            time.sleep(0.1)
            found = list(log.read())
    verified = verify(found)
    assert verified.findings == []
    return [entry for _, entry in found if isinstance(entry, Entry)]


def test_those_who_append_at_once_make_one_chain(open_log):
    failed = []

    def append(who):
        try:
            with closing(open_log()) as log:
                for number in range(EACH):
                    log.append(act(who, number))
        except Exception as error:  # Told by the test's own thread.
            failed.append(error)

    threads = [threading.Thread(target=append, args=(f"w{n}",)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []
    found = entries(open_log, WRITERS * EACH)
    # Each once, and those of one writer in their order.
    assert sorted(entry.act.request_id for entry in found) == sorted(
        f"w{n}-{number}" for n in range(WRITERS) for number in range(EACH)
    )
    for n in range(WRITERS):
        own = [entry.act.request_id for entry in found if entry.act.who == f"w{n}"]
        assert own == sorted(own)


@injects(
    "an appender that dies between its entry and its commit",
    "its entry is no part of the trail, and the next one need not wait for it",
)
def test_one_who_dies_in_the_middle_leaves_nothing_behind(open_log, kafka_bootstrap):
    with closing(open_log()) as log:
        first = log.append(act("before"))
        dying = Producer(
            Connection(kafka_bootstrap).transactional_producer(f"fraudstream-audit-{log.topic}")
        )
        dying.init_transactions(20)
        dying.begin_transaction()
        dying.produce(log.topic, b"half an act", partition=0)
        assert dying.flush(20) == 0
        second = log.append(act("after"))
        assert (second.sequence, second.previous) == (1, first.hash)
    assert [entry.act.who for entry in entries(open_log, 2)] == ["before", "after"]
    seen(2)
