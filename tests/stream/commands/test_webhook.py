"""``fraudstream webhook`` on an embedded broker: every alert arrives, and is committed then."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from inputs.alert_samples import alert, alert_id, publish
from servers.web_receiver import Receiver, free_port, hang, status

from stream.kafka.embedded import EmbeddedBroker
from stream.webhook.signature import key_of, signed

COMMAND = ("webhook",)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SECONDS = 30
ROOT = Path(__file__).parents[3]


@pytest.fixture
def broker():
    topics = {"fraud.alerts": 1, "fraud.dead_letters": 1}
    with EmbeddedBroker(topics) as broker:
        yield broker


def send(broker, *numbers):
    producer = Producer(broker.connection.producer(idempotent=False))
    publish(producer, "fraud.alerts", [alert(n) for n in numbers])


class Running:
    """The command in a process of its own."""

    def __init__(self, broker, url, *words, **settings):
        environment = {
            **os.environ,
            "FRAUD_KAFKA__BOOTSTRAP": broker.bootstrap,
            "FRAUD_WEBHOOK__URL": url,
            "FRAUD_WEBHOOK__SECRET": SECRET,
            "FRAUD_WEBHOOK__ALLOW_PRIVATE": "true",
            "FRAUD_WEBHOOK__TIMEOUT": "1s",
            "FRAUD_WEBHOOK__BACKOFF_MAX": "1s",
            "FRAUD_WEBHOOK__RETRIES": "1",
            **{f"FRAUD_WEBHOOK__{name}": value for name, value in settings.items()},
        }
        command = [sys.executable, "-m", "stream", "webhook", "--json", *words]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self):
        """Send SIGTERM; return status, report and what was said."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        said, error = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, json.loads(said or "{}"), error


@pytest.fixture
def start(broker):
    started = []

    def start(*given, **settings):
        started.append(Running(broker, *given, **settings))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def committed(broker, group="fraudstream-webhook"):
    consumer = Consumer(broker.connection.consumer(group))
    try:
        return consumer.committed([TopicPartition("fraud.alerts", 0)], timeout=10)[0].offset
    finally:
        consumer.close()


def wait_until(what):
    until_s = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def names(asked):
    return [each.headers["webhook-id"] for each in asked]


def test_alerts_come_in_their_order_signed_and_are_committed(broker, start):
    send(broker, 1, 2, 3)
    with Receiver() as receiver:
        running = start(receiver.url, "--from-beginning")
        asked = receiver.wait_for(3)
        wait_until(lambda: committed(broker) == 3)
        code, report, error = running.end()
    assert code == 0, error
    assert (report["delivered"], report["attempts"], report["parked"]) == (3, 3, 0)
    assert names(asked) == [alert_id(n) for n in (1, 2, 3)]
    for each in asked:
        at_s = int(each.headers["webhook-timestamp"])
        assert abs(at_s - time.time()) < 60
        expected = signed(key_of(SECRET), each.headers["webhook-id"], at_s, each.body)
        assert each.headers["webhook-signature"] == expected["webhook-signature"]
        assert json.loads(each.body)["data"]["alert_id"] == each.headers["webhook-id"]
    assert "/alerts?of=us" not in error, "paths of such addresses are often secrets"


def test_a_new_group_begins_with_what_comes_and_goes_on_where_it_was(broker, start):
    send(broker, 1)
    with Receiver() as receiver:
        first = start(receiver.url)
        wait_until(lambda: committed(broker) == 1)
        assert first.end()[0] == 0
        # What came while nobody was there is not lost.
        send(broker, 2, 3)
        second = start(receiver.url)
        assert names(receiver.wait_for(2)) == [alert_id(2), alert_id(3)]
        assert second.end()[0] == 0


def test_nothing_is_lost_while_the_receiver_is_away(broker, start):
    send(broker, 1, 2)
    with Receiver(hang(10), status(503), status(429), status(204)) as receiver:
        running = start(receiver.url, "--from-beginning", RETRIES="0")
        asked = receiver.wait_for(5)
        code, report, _ = running.end()
    assert code == 0
    # The same alert again, under the same id, until it was taken; only then the next.
    assert names(asked) == [alert_id(1)] * 4 + [alert_id(2)]
    assert (report["delivered"], report["unanswered"], report["parked"]) == (2, 3, 0)


def test_a_receiver_that_refuses_one_alert_gets_the_next(broker, start):
    send(broker, 1, 2)
    with Receiver(status(422, b"no such account"), status(422), status(204)) as receiver:
        running = start(receiver.url, "--from-beginning")
        asked = receiver.wait_for(3)
        wait_until(lambda: committed(broker) == 2)
        code, report, error = running.end()
    assert code == 0, error
    assert names(asked) == [alert_id(1), alert_id(1), alert_id(2)]
    assert (report["delivered"], report["parked"], report["refused"]) == (1, 1, 2)
    (letter,) = dead_letters(broker, 1)
    headers = dict(letter.headers())
    assert headers["__streams.errors.exception"] == b"webhook_refused"
    assert b"422" in headers["__streams.errors.message"]
    assert headers["__streams.errors.offset"] == b"0"
    assert headers["fraudstream.stage"] == b"webhook"
    assert headers["ce_id"] == alert_id(1).encode()


def test_a_record_that_is_no_alert_is_parked(broker, start):
    producer = Producer(broker.connection.producer(idempotent=False))
    producer.produce("fraud.alerts", b"hello")
    assert producer.flush(SECONDS) == 0
    send(broker, 1)
    with Receiver() as receiver:
        running = start(receiver.url, "--from-beginning")
        assert names(receiver.wait_for(1)) == [alert_id(1)]
        report = running.end()[1]
    assert (report["unreadable"], report["delivered"]) == (1, 1)
    assert dead_letters(broker, 1)[0].value() == b"hello"


def test_a_receiver_that_is_gone_ends_it_and_nothing_is_committed(broker, start):
    send(broker, 1)
    with Receiver(status(410)) as receiver:
        code, report, error = start(receiver.url, "--from-beginning").wait()
        assert len(receiver.asked) == 1
    assert code == 1
    assert "gone for good (410)" in error
    assert report["delivered"] == 0
    assert committed(broker) <= 0


@pytest.mark.parametrize("answers", [(hang(20),), (status(503),)])
def test_it_stops_in_time_whatever_the_receiver_does(broker, start, answers):
    send(broker, 1)
    with Receiver(*answers) as receiver:
        running = start(receiver.url, "--from-beginning", TIMEOUT="2s", BACKOFF_MAX="5m")
        receiver.wait_for(1)
        began_s = time.monotonic()
        code, report, error = running.end()
        assert time.monotonic() - began_s < 10
    assert code == 0, error
    assert report["delivered"] == 0
    assert committed(broker) <= 0


def test_an_alert_may_come_twice_and_never_not_at_all(broker, start):
    """Killed between the answer and the commit: the next one sends it again, under its id."""
    send(broker, 1, 2)
    killed = threading.Event()
    with Receiver() as receiver:

        def answer_and_kill(handler):
            if not killed.is_set():
                killed.set()
                running.process.kill()
            handler.reply(204)

        receiver.answer(answer_and_kill)
        running = start(receiver.url, "--from-beginning")
        receiver.wait_for(1)
        running.process.communicate(timeout=SECONDS)
        again = start(receiver.url, "--from-beginning")
        asked = receiver.wait_for(3)
        assert again.end()[0] == 0
    assert names(asked) == [alert_id(1), alert_id(1), alert_id(2)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "webhook.url is not set"),
        ({"URL": "https://hooks.example/T0"}, "webhook.secret must be"),
        ({"URL": "https://10.0.0.1/T0", "SECRET": SECRET}, "10.0.0.1, which is not on the public"),
        ({"URL": "http://hooks.example/T0", "SECRET": SECRET}, "in clear"),
        ({"URL": "file:/nowhere/url", "SECRET": SECRET}, "FRAUD_WEBHOOK__URL names"),
        ({"URL": "https://h.example", "SECRET": "file:/nowhere/key"}, "SECRET names"),
    ],
)
def test_what_is_missing_or_may_not_be_is_said(run, monkeypatch, settings, expected):
    monkeypatch.setenv("FRAUD_KAFKA__BOOTSTRAP", f"127.0.0.1:{free_port()}")
    for name, value in settings.items():
        monkeypatch.setenv(f"FRAUD_WEBHOOK__{name}", value)
    status, said, error = run()
    assert status in (1, 2)
    assert said == ""
    assert expected in error
    assert "T0" not in error


def dead_letters(broker, n):
    consumer = Consumer({**broker.connection.consumer("t"), "auto.offset.reset": "earliest"})
    consumer.subscribe(["fraud.dead_letters"])
    found = []
    try:
        wait_until(
            lambda: (
                found.extend(m for m in consumer.consume(10, 0.1) if m.error() is None)
                or len(found) >= n
            )
        )
    finally:
        consumer.close()
    return found
