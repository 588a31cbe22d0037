"""The servers that other tests build on are real, and do what stand-ins get wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from servers.kafka_server import KafkaServer, admin_client, create_topic, unique_name
from servers.redis_server import RedisServer

if TYPE_CHECKING:
    from confluent_kafka import Message
    from conftest import TopicFactory

SECONDS = 30
DIES_WITH_PARENT = """
import os, signal
from servers.redis_server import RedisServer
server = RedisServer().start()
print(server.pid, server.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def producer(bootstrap: str, **settings: Any) -> Any:
    from confluent_kafka import Producer

    return Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, **settings})


def produce(bootstrap: str, topic: str, values: range, **settings: Any) -> None:
    """Write `values` keyed by themselves, and see every one of them acknowledged."""
    failed: list[object] = []
    writer = producer(bootstrap, **settings)
    for value in values:
        writer.produce(
            topic,
            key=str(value),
            value=str(value),
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    assert writer.flush(SECONDS) == 0
    assert failed == []


def read_to_end(
    bootstrap: str,
    topic: str,
    group: str,
    partitions: int = 1,
    isolation: str = "read_committed",
) -> list[Message]:
    """Read as a member of `group` to the end of every partition, then commit."""
    from confluent_kafka import Consumer, KafkaError

    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
        }
    )
    messages: list[Message] = []
    ended: set[int | None] = set()
    deadline = time.monotonic() + SECONDS
    try:
        reader.subscribe([topic])
        while len(ended) < partitions:
            assert time.monotonic() < deadline, f"{len(messages)} records, ends {ended}"
            message = reader.poll(0.2)
            if message is None:
                continue
            if (error := message.error()) is None:
                messages.append(message)
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                ended.add(message.partition())
        if messages:
            reader.commit(asynchronous=False)
    finally:
        reader.close()
    return messages


def numbers(messages: list[Message]) -> list[int]:
    return sorted(int(message.value() or b"") for message in messages)


@pytest.mark.kafka
def test_a_group_resumes_where_its_last_member_committed(
    kafka_bootstrap: str, topic_factory: TopicFactory
) -> None:
    topic = topic_factory("resume", partitions=3)
    group = unique_name("readers")
    produce(kafka_bootstrap, topic, range(100))

    first = read_to_end(kafka_bootstrap, topic, group, partitions=3)
    produce(kafka_bootstrap, topic, range(100, 110))
    second = read_to_end(kafka_bootstrap, topic, group, partitions=3)

    assert numbers(first) == list(range(100))
    assert {message.partition() for message in first} == {0, 1, 2}
    assert all(message.key() == message.value() for message in first)
    assert numbers(second) == list(range(100, 110))


@pytest.mark.kafka
def test_topics_get_their_settings_and_are_not_made_by_accident(
    kafka_bootstrap: str, topic_factory: TopicFactory
) -> None:
    from confluent_kafka.admin import ConfigResource

    topic = topic_factory("kept", config={"retention.ms": "-1"})
    admin = admin_client(kafka_bootstrap)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    future = admin.describe_configs([resource], request_timeout=SECONDS)[resource]
    assert future.result(timeout=SECONDS)["retention.ms"].value == "-1"

    absent = unique_name("absent")
    assert admin.list_topics(absent, timeout=SECONDS).topics[absent].error is not None


@pytest.mark.kafka
def test_aborted_records_are_hidden_from_read_committed(
    kafka_bootstrap: str, topic_factory: TopicFactory
) -> None:
    topic = topic_factory("transactions")
    writer = producer(kafka_bootstrap, **{"transactional.id": unique_name("writer")})
    writer.init_transactions(SECONDS)
    for values, end in (
        (range(5), writer.abort_transaction),
        (range(5, 10), writer.commit_transaction),
    ):
        writer.begin_transaction()
        for value in values:
            writer.produce(topic, value=str(value))
        # An abort drops what is still queued here: only a flushed record tests the broker.
        assert writer.flush(SECONDS) == 0
        end(SECONDS)

    seen = {
        isolation: numbers(
            read_to_end(kafka_bootstrap, topic, unique_name(isolation), isolation=isolation)
        )
        for isolation in ("read_committed", "read_uncommitted")
    }
    assert seen == {"read_committed": [5, 6, 7, 8, 9], "read_uncommitted": list(range(10))}


@pytest.mark.kafka
@pytest.mark.slow
def test_the_broker_survives_sigkill_with_records_and_offsets(kafka_server: KafkaServer) -> None:
    from confluent_kafka import KafkaException

    bootstrap = kafka_server.bootstrap
    topic, group = unique_name("durable"), unique_name("readers")
    create_topic(bootstrap, topic)
    produce(bootstrap, topic, range(50))
    assert numbers(read_to_end(bootstrap, topic, group)) == list(range(50))
    produce(bootstrap, topic, range(50, 60))

    kafka_server.kill()
    with pytest.raises(KafkaException):
        admin_client(bootstrap).list_topics(timeout=1)
    kafka_server.restart()

    assert kafka_server.bootstrap == bootstrap
    assert numbers(read_to_end(bootstrap, topic, group)) == list(range(50, 60))
    assert numbers(read_to_end(bootstrap, topic, unique_name("new"))) == list(range(60))


@pytest.mark.kafka
def test_a_paused_broker_delivers_nothing_until_it_is_resumed(kafka_server: KafkaServer) -> None:
    from confluent_kafka import KafkaError

    topic = unique_name("paused")
    create_topic(kafka_server.bootstrap, topic)
    outcomes: list[int | None] = []
    # The first that is sent would else wait for a broker that has only just come up.
    produce(kafka_server.bootstrap, topic, range(1))
    timeouts = {"message.timeout.ms": 5000, "enable.idempotence": False}
    writer = producer(kafka_server.bootstrap, **timeouts)

    def send() -> None:
        writer.produce(
            topic,
            value="1",
            on_delivery=lambda error, _: outcomes.append(error.code() if error else None),
        )
        assert writer.flush(SECONDS) == 0

    send()
    kafka_server.pause()
    send()
    kafka_server.resume()
    send()
    assert outcomes == [None, KafkaError._MSG_TIMED_OUT, None]


@pytest.mark.redis
def test_redis_keeps_what_is_set(redis_url: str) -> None:
    import redis

    key = unique_name("key")
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        assert client.set(key, "value", ex=60)
        assert client.get(key) == b"value"
        assert client.delete(key) == 1


@pytest.mark.redis
def test_a_paused_redis_times_out_and_heals_on_resume(redis_server: RedisServer) -> None:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    settings = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}
    with redis.Redis.from_url(redis_server.url, retry=Retry(NoBackoff(), 0), **settings) as client:
        client.set("key", "value")
        redis_server.pause()
        begun = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            client.get("key")
        assert 0.15 < time.monotonic() - begun < 3
        redis_server.resume()
        assert client.get("key") == b"value"


@pytest.mark.redis
def test_a_killed_redis_comes_back_empty_on_the_same_port(redis_server: RedisServer) -> None:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    url = redis_server.url
    with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=5) as client:
        client.set("key", "value")
        redis_server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("key")
        redis_server.restart()
        assert redis_server.url == url
        assert client.get("key") is None


@pytest.mark.redis
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_server_ends_with_the_process_that_started_it(redis_server: RedisServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIES_WITH_PARENT],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid, folder = done.stdout.split()
    try:
        status = Path("/proc", pid, "status")
        deadline = time.monotonic() + 5
        # Gone, or a zombie where nothing reaps orphans.
        while status.exists() and "State:\tZ" not in status.read_text():
            assert time.monotonic() < deadline, f"redis-server {pid} outlived its parent"
            time.sleep(0.01)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("ci", "status", "outcome"),
    [("true", 1, "ERROR"), ("false", 0, "SKIPPED"), (None, 0, "SKIPPED")],
)
def test_a_missing_java_fails_in_ci_and_is_a_loud_skip_elsewhere(
    tmp_path: Path, ci: str | None, status: int, outcome: str
) -> None:
    hidden = {"CI", "JAVA_HOME", "KAFKA_BOOTSTRAP", "PYTEST_ADDOPTS"}
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env |= {"PATH": str(tmp_path)} | ({"CI": ci} if ci else {})
    test = f"{__file__}::{test_a_group_resumes_where_its_last_member_committed.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        cwd=Path(__file__).parents[2],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stdout
    assert f"{outcome} " in done.stdout
    why = "`java` is not on PATH; install a Java runtime, 17 or newer, or set KAFKA_BOOTSTRAP"
    assert f"real Kafka: NOT USED - {why}" in done.stdout
    assert "real Redis: NOT USED - no test of this run asked for it" in done.stdout
