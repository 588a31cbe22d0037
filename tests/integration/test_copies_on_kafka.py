"""A host is lost with its disk: on a real Kafka the next worker goes on from the copy in Redis."""

from __future__ import annotations

import json
import shutil
import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import redis
from fault_log import injects, repeats, seen
from kafka_server import delete_topics
from seeds import seeds
from worker_site import DEADLINE_SECONDS, LABELS, SECONDS, TRANSACTIONS, Running, Site, end_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from redis_server import RedisServer

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

MORE = """
[model]
frauds_min = 5
genuine_min = 20
[decision]
review = 0.1
[recovery]
folder = "{folder}"
snapshot_interval = "1s"
name = "worker"
[redis]
url = "{url}"
snapshots = true
"""


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def site(tmp_path: Path, kafka_bootstrap: str, redis_server: RedisServer) -> Iterator[Site]:
    more = MORE.format(folder=tmp_path / "state", url=redis_server.url)
    site = Site(tmp_path, kafka_bootstrap, '"session.timeout.ms" = 6000', more)
    site.create_topics()
    yield site
    delete_topics(kafka_bootstrap, list(site.topics.values()))


class Traffic:
    """Payments with frauds among them, and the labels of earlier ones."""

    def __init__(self, site: Site, seed: int) -> None:
        from confluent_kafka import Producer

        settings = {"bootstrap.servers": site.bootstrap, "enable.idempotence": True}
        self._producer = Producer({**settings, "log_level": 0})
        self._site = site
        self._rng = np.random.default_rng(seed)
        self._fraud: list[bool] = []

    def send(self, n: int) -> None:
        topics = self._site.topics
        for _ in range(n):
            number, fraud = len(self._fraud), bool(self._rng.random() < 0.2)
            self._fraud.append(fraud)
            now_us = time.time_ns() // 1000
            payment = {
                "transaction_id": f"t-{number}",
                "event_time": now_us,
                "amount_minor": int(self._rng.lognormal(10 if fraud else 7, 1)),
                "card_id": f"card-{number % 50}",
                "merchant_id": f"shop-{number % 7}",
            }
            value = TRANSACTIONS.encode(payment)
            self._producer.produce(topics["transactions"], value, key=f"card-{number % 50}")
            if number >= 50:
                verdict = {
                    "transaction_id": f"t-{number - 50}",
                    "is_fraud": self._fraud[number - 50],
                }
                verdict |= {"label_time": now_us, "source": "CUSTOMER", "confidence": 1.0}
                self._producer.produce(topics["labels"], LABELS.encode(verdict), key="desk")
            if number % 20 == 0:
                self._producer.flush(SECONDS)
                time.sleep(0.02)
        assert self._producer.flush(SECONDS) == 0

    @property
    def sent(self) -> set[str]:
        return {f"t-{number}" for number in range(len(self._fraud))}


def wait_for(true: object, worker: Running) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():  # type: ignore[operator]
        assert worker.process.poll() is None, worker.err.read_text()
        assert time.monotonic() < deadline, worker.err.read_text()
        time.sleep(0.1)


def copies_in(url: str, site: Site) -> list[int]:
    with redis.Redis.from_url(url) as client:
        listed = client.hvals(f"fraudstream:{site.prefix}:snapshots:worker")
    return sorted(each["number"] for each in map(json.loads, listed) if each["whole"])


def redis_states(worker: Running) -> list[str]:
    """Return how Redis stood at each of a worker's lines of status."""
    lines = worker.err.read_text().split("\n")[:-1]
    said = [json.loads(line).get("redis") for line in lines if line.startswith("{")]
    return [each["state"] for each in said if each]


@injects(
    "kill -9 of a worker whose disk is lost too; Redis frozen for its successor",
    "it goes on from the copy: no payment undecided, each in the state once, no alert twice",
)
@pytest.mark.faults
@pytest.mark.slow
@seeds(1)
def test_a_worker_without_a_disk_goes_on_from_the_copy(
    site: Site, redis_server: RedisServer, seed: int
) -> None:
    traffic = Traffic(site, seed)
    worker = site.worker()
    traffic.send(600)
    wait_for(lambda: sum(site.ends("decisions").values()) >= 600, worker)
    before = copies_in(redis_server.url, site)
    wait_for(lambda: copies_in(redis_server.url, site)[-1:] > before[-1:], worker)
    traffic.send(300)
    wait_for(lambda: sum(site.ends("alerts").values()) >= 5, worker)
    worker.process.kill()
    worker.process.wait(10)
    shutil.rmtree(site.folder / "state")

    heir = site.worker()
    assert "the worker goes on from copy" in heir.err.read_text()
    traffic.send(300)
    # A Redis that stops answering now changes nothing.
    redis_server.pause()
    traffic.send(300)
    decided = site.wait_until_decided(traffic.sent)
    assert decided.keys() == traffic.sent
    wait_for(lambda: '"state": "degraded"' in heir.err.read_text(), heir)
    redis_server.resume()
    newest = copies_in(redis_server.url, site)[-1]
    traffic.send(100)
    decided = site.wait_until_decided(traffic.sent)
    wait_for(lambda: copies_in(redis_server.url, site)[-1] > newest, heir)
    wait_for(lambda: site.committed("labels") == site.ends("labels"), heir)
    # It asks again after a pause that has grown while Redis was frozen.
    wait_for(lambda: redis_states(heir)[-1] == "ok", heir)
    assert heir.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, heir.err.read_text()
    report = heir.report()
    print({name: report[name] for name in ("decisions", "recovery", "redis")})
    ids = [dict(m.headers())["ce_id"] for m in site.read("alerts")]
    seen(2, len(traffic.sent), len(traffic.sent - decided.keys()), repeats(ids))
    # Every payment is in the state once, and every alert on the topic once.
    assert report["decisions"] == len(traffic.sent)
    assert report["recovery"]["snapshot_copies"] > 0
    assert report["redis"]["state"] == "ok"
    assert report["redis"]["dropped"] == 0
    assert len(ids) >= 5
    assert repeats(ids) == 0
    status, out, _ = site.run(
        "features", "get", "card", "card-3", "--config", str(site.config), "--json"
    )
    assert status == 0
    assert json.loads(out)["features"]["card.count_1m"] >= 1
