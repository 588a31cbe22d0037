"""``fraudstream features get``: what Redis has of one entity, or in plain words why nothing."""

import io
import json
import sys
import threading
import time

import pytest
from confluent_kafka import Producer
from servers.kafka_server import unique_name

from schemas.records import RecordCodec, builtin
from stream.assembly import worker_of
from stream.config.configuration import load
from stream.kafka.embedded import EmbeddedBroker
from stream.telemetry.summary import summary

COMMAND = ("features", "get")
KEY = "00112233445566778899aabbccddeeff"
SECONDS = 30
CONFIG = """
[kafka]
group = "{group}"
[topics]
partitions = 1
[features]
names = ["amount", "card.{{count,amount_sum}}_1h", "card.seconds_since_last", "card.new_merchant"]
[windows]
events_max = 10_000
entities_max = 1_000
[redis]
url = "{url}"
timeout = "{timeout}"
"""
TRANSACTIONS = RecordCodec(builtin("transaction"), 1)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)


def config_of(tmp_path, url, timeout="100ms"):
    path = tmp_path / "fraudstream.toml"
    path.write_text(CONFIG.format(group=unique_name("group"), url=url, timeout=timeout))
    return path


def paid(path, payments):
    """Run a worker over some payments; return its summary."""
    config = load(path)
    with EmbeddedBroker(dict.fromkeys(config.topics.names(), 1)) as broker:
        worker = worker_of(config, broker.connection, config.hash_key())
        producer = Producer(broker.connection.producer(idempotent=False))
        for payment in payments:
            producer.produce(config.topics.transactions, TRANSACTIONS.encode(payment), partition=0)
        assert producer.flush(SECONDS) == 0
        deadline = time.monotonic() + SECONDS
        while worker.stats.records < len(payments):
            assert time.monotonic() < deadline
            worker.turn(0.05)
        worker.finish(5)
        worker.close()
        assert "online features" not in {thread.name for thread in threading.enumerate()}
        return summary(worker)


@pytest.mark.redis
def test_a_worker_writes_it_and_a_person_reads_it(run, tmp_path, redis_url, monkeypatch):
    path, now_us = config_of(tmp_path, redis_url, "10s"), time.time_ns() // 1000
    payments = [
        {
            "transaction_id": f"t-{n}",
            "event_time": now_us - 5_000_000 + n,
            "amount_minor": 1_050,
            "card_id": card,
            "merchant_id": "shop",
        }
        for n, card in enumerate(["4000-1", "4000-2", "4000-1"])
    ]
    report = paid(path, payments)
    assert report["redis"] == {
        "state": "ok",
        "written": report["redis"]["written"],
        "dropped": 0,
        "failed": 0,
        "erasures_pending": 0,
        "behind_seconds": 0.0,
    }
    assert report["redis"]["written"] >= 2
    status, out, _ = run("card", "4000-1", "--config", path, "--json")
    assert status == 0
    said = json.loads(out)
    assert said["features"] == {
        "card.count_1h": 2.0,
        "card.amount_sum_1h": 21.0,
        "card.seconds_since_last": 2e-6,
    }
    assert said["event_time_us"] == now_us - 5_000_000 + 2
    assert said["source"] == "fraud.transactions/0/2"
    assert 5 <= said["age_seconds"] <= 5.001 + time.time_ns() / 1e9 - now_us / 1e6
    assert all("4000" not in key for key in said["keys"])
    status, out, _ = run("card", "4000-2", "--config", path)
    assert status == 0
    assert "card.count_1h" in out
    assert "not known" in out  # seconds_since_last of a first payment.
    assert "s ago" in out
    # An id on a command line is seen by others; on the standard input it is not.
    monkeypatch.setattr(sys, "stdin", io.StringIO("4000-2\n"))
    assert run("card", "-", "--config", path)[0] == 0


@pytest.mark.redis
def test_an_entity_that_is_not_there_is_said_in_words(run, tmp_path, redis_url):
    path = config_of(tmp_path, redis_url)
    status, out, err = run("card", "nobody", "--config", path)
    assert (status, out) == (1, "")
    assert "Redis knows nothing of this card: it had no payment since" in err
    assert "hash_key" in err
    status, out, _ = run("card", "nobody", "--config", path, "--json")
    assert status == 1
    assert json.loads(out)["found"] is False


def test_a_wrong_entity_is_told_the_right_one(run, tmp_path):
    path = config_of(tmp_path, "redis://127.0.0.1:1/0")
    status, _, err = run("crad", "x", "--config", path)
    assert status == 2
    assert "no entity 'crad'; the nearest is 'card'" in err
    status, _, err = run("merchant", "x", "--config", path)
    assert status == 2
    assert "no feature is of 'merchant' alone" in err


def test_without_redis_it_says_so(run, tmp_path, monkeypatch):
    monkeypatch.delenv("FRAUD_REDIS__URL", raising=False)
    status, _, err = run("card", "x", "--config", config_of(tmp_path, ""))
    assert status == 2
    assert "redis.url is empty" in err


def test_a_redis_that_is_not_there_is_said_at_once(run, tmp_path):
    path = config_of(tmp_path, "redis://:s3cret@127.0.0.1:1/0")
    began_s = time.monotonic()
    status, _, err = run("card", "x", "--config", path)
    assert time.monotonic() - began_s < 2.0
    assert status == 1
    assert "cannot be reached" in err
    assert "s3cret" not in err


@pytest.mark.redis
def test_a_redis_that_is_frozen_is_given_a_second(run, tmp_path, redis_server):
    path = config_of(tmp_path, redis_server.url)
    redis_server.pause()
    began_s = time.monotonic()
    status, _, err = run("card", "x", "--config", path)
    assert time.monotonic() - began_s < 2.0
    redis_server.resume()
    assert status == 1
    assert "does not answer within" in err


def test_a_number_is_looked_up_as_a_text_and_as_a_number():
    from schemas.siphash import hash_texts
    from stream.commands.features_get import _hashes

    key = bytes.fromhex(KEY)
    assert _hashes("42", key) == hash_texts(["42", 42], key).tolist()
    for text in ("042", "4 2", "x", str(2**63), "", "1_000"):
        assert _hashes(text, key) == hash_texts([text], key).tolist()
