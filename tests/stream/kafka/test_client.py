"""How clients are made: refused in clear over a network, safe defaults, the user's word last."""

import pytest
from confluent_kafka import Consumer, Producer

from schemas.errors import ConfigError
from stream.kafka.client import Connection

NETWORK = "kafka.example:9092"


@pytest.mark.parametrize(
    "bootstrap",
    [
        NETWORK,
        "kafka.example",
        "192.168.1.5:9092",
        "0.0.0.0:9092",
        "[2001:db8::1]:9092",
        "127.0.0.1.example:9092",
        "localhost.example:9092",
        f"127.0.0.1:9092,{NETWORK}",
        f"127.0.0.1:9092, {NETWORK}",
        "SSL://kafka.example:9092",  # librdkafka speaks security.protocol to it all the same.
        "[::1:9092",
        "",
    ],
)
def test_payments_in_clear_to_another_machine_are_refused(bootstrap):
    with pytest.raises(ConfigError, match=r"in clear.*allow_insecure = true"):
        Connection(bootstrap).check(allow_insecure=False)


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "plaintext", "SASL_PLAINTEXT"])
def test_a_password_does_not_encrypt(protocol):
    connection = Connection(NETWORK, {"security.protocol": protocol})
    with pytest.raises(ConfigError, match=protocol.upper()):
        connection.check(allow_insecure=False)


@pytest.mark.parametrize("name", ["bootstrap.servers", "metadata.broker.list"])
def test_brokers_given_as_a_pass_through_setting_are_checked_too(name):
    connection = Connection("127.0.0.1:9092", {name: NETWORK})
    with pytest.raises(ConfigError, match=r"PLAINTEXT to kafka\.example:9092"):
        connection.check(allow_insecure=False)


@pytest.mark.parametrize(
    "bootstrap",
    [
        "127.0.0.1:9092",
        "127.8.9.10:9092",
        "localhost:9092",
        "localhost",
        "LOCALHOST:9092",
        "[::1]:9092",
        "[::1]",
        "PLAINTEXT://127.0.0.1:9092",
        "localhost:9092, 127.0.0.1:9093,[::1]:9094",
    ],
)
def test_this_machine_may_be_spoken_to_in_clear(bootstrap):
    Connection(bootstrap).check(allow_insecure=False)


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL", "sasl_ssl"])
def test_an_encrypted_protocol_may_go_anywhere(protocol):
    Connection(NETWORK, {"security.protocol": protocol}).check(allow_insecure=False)


def test_the_user_may_insist():
    Connection(NETWORK).check(allow_insecure=True)


def test_pass_through_settings_win_over_every_default():
    settings = {
        "client.id": "mine",
        "group.id": "mine",
        "bootstrap.servers": "127.0.0.1:1",
        "auto.offset.reset": "earliest",
        "queued.min.messages": 7,
        "fetch.wait.max.ms": 9,
        "linger.ms": 5,
        "acks": "1",
        "enable.idempotence": False,
        "partitioner": "consistent",
        "log_level": 6,
    }
    for embedded in (False, True):
        connection = Connection("127.0.0.1:9092", settings, embedded=embedded)
        for made in (connection.common(), connection.consumer("group"), connection.producer()):
            assert made.items() >= settings.items()


def test_a_consumer_neither_skips_nor_commits_by_itself():
    made = Connection("127.0.0.1:9092").consumer("group")
    assert made["group.id"] == "group"
    assert made["auto.offset.reset"] == "error"
    assert made["enable.auto.commit"] is False
    assert made["enable.auto.offset.store"] is False


def test_a_producer_waits_for_all_replicas_and_for_nothing_else():
    made = Connection("127.0.0.1:9092").producer()
    assert (made["acks"], made["enable.idempotence"], made["linger.ms"]) == ("all", True, 0)
    assert Connection("127.0.0.1:9092").producer(idempotent=False)["enable.idempotence"] is False


def test_only_the_embedded_broker_is_asked_every_two_milliseconds():
    assert Connection("127.0.0.1:9092").consumer("g")["fetch.wait.max.ms"] == 500
    assert Connection("127.0.0.1:9092", embedded=True).consumer("g")["fetch.wait.max.ms"] == 2


@pytest.mark.parametrize("embedded", [False, True])
def test_librdkafka_knows_every_setting(embedded):
    connection = Connection("127.0.0.1:1", {"log_level": 0}, embedded=embedded)
    Consumer(connection.consumer("group")).close()
    for idempotent in (True, False):
        Producer(connection.producer(idempotent)).purge()
