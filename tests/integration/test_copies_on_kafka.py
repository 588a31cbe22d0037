"""A host is lost with its disk: on a real Kafka the next worker goes on from the copy in Redis."""

from __future__ import annotations

import json
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest
import redis
from fault_log import injects, repeats, seen
from inputs.payments import Payments
from seeds import seeds
from workers.worker_site import Sender, Site, end_well, remembering, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers.redis_server import RedisServer
    from workers.lives import Life, Lives

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

COPIES = """name = "worker"
[redis]
url = "{url}"
snapshots = true
"""


@pytest.fixture
def site(tmp_path: Path, redis_server: RedisServer, site_factory: Callable[..., Site]) -> Site:
    copies = COPIES.format(url=redis_server.url)
    return site_factory(remembering(tmp_path / "state", "1s") + copies)


def send(sender: Sender, n: int) -> None:
    """Send so many more payments, a thousand a second at most."""
    for number in range(n):
        sender.pay()
        if number % 20 == 0:
            time.sleep(0.02)
    sender.flush()


def copies_in(url: str, site: Site) -> list[int]:
    with redis.Redis.from_url(url) as client:
        listed = client.hvals(f"fraudstream:{site.prefix}:snapshots:worker")
    return sorted(each["number"] for each in map(json.loads, listed) if each["whole"])


def redis_states(worker: Life) -> list[str]:
    """Return how Redis stood at each of a worker's lines of status."""
    lines = worker.log().split("\n")[:-1]
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
    site: Site, lives: Lives, redis_server: RedisServer, seed: int
) -> None:
    def newest() -> int:
        return max(copies_in(redis_server.url, site), default=0)

    def wait_for(so: Callable[[], bool]) -> None:
        until(so, why=worker.log)

    sender = Sender(site, Payments(seed))
    worker = lives.started()
    send(sender, 600)
    wait_for(lambda: sum(site.ends("decisions").values()) >= 600)
    before = newest()
    wait_for(lambda: newest() > before)
    send(sender, 300)
    wait_for(lambda: sum(site.ends("alerts").values()) >= 5)
    worker.end(signal.SIGKILL, 10)
    shutil.rmtree(site.folder / "state")

    worker = lives.started()
    assert "the worker goes on from copy" in worker.log()
    send(sender, 300)
    # A Redis that stops answering now changes nothing.
    redis_server.pause()
    send(sender, 300)
    decided = site.wait_until_decided(sender.sent)
    assert decided.keys() == sender.sent
    wait_for(lambda: '"state": "degraded"' in worker.log())
    redis_server.resume()
    before = newest()
    send(sender, 100)
    decided = site.wait_until_decided(sender.sent)
    wait_for(lambda: newest() > before)
    site.wait_until_committed("labels")
    # It asks again after a pause that has grown while Redis was frozen.
    wait_for(lambda: redis_states(worker)[-1] == "ok")
    end_well(worker)
    report = worker.report()
    print({name: report[name] for name in ("decisions", "recovery", "redis")})
    ids = site.alert_ids()
    seen(2, len(sender.sent), len(sender.sent - decided.keys()), repeats(ids))
    # Every payment is in the state once, and every alert on the topic once.
    assert report["decisions"] == len(sender.sent)
    assert report["recovery"]["snapshot_copies"] > 0
    assert report["redis"]["state"] == "ok"
    assert report["redis"]["dropped"] == 0
    assert len(ids) > 50
    assert repeats(ids) == 0
    status, out, _ = site.run(
        "features", "get", "card", "card-3", "--config", str(site.config), "--json"
    )
    assert status == 0
    assert json.loads(out)["features"]["card.count_1m"] >= 1
