"""Several workers of a group on a real Kafka: a state goes where its partition goes."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fault_log import injects, repeats, seen
from kafka_server import delete_topics
from seeds import seeds
from worker_site import DEADLINE_SECONDS, SECONDS, Site, Traffic, end_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker_site import Running

pytestmark = pytest.mark.kafka

MORE = """state = "per_partition"
partial_features = true
[model]
frauds_min = 5
genuine_min = 20
[decision]
review = 0.2
[recovery]
folder = "{folder}"
snapshot_interval = "2s"
"""


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def site(tmp_path: Path, kafka_bootstrap: str) -> Iterator[Site]:
    more = MORE.format(folder=tmp_path / "state")
    site = Site(tmp_path, kafka_bootstrap, '"session.timeout.ms" = 6000', more)
    site.create_topics()
    yield site
    delete_topics(kafka_bootstrap, list(site.topics.values()))


def wait_for_more(site: Site, n: int) -> None:
    """Wait until n more payments are decided."""
    before, deadline = sum(site.ends("decisions").values()), time.monotonic() + SECONDS
    while sum(site.ends("decisions").values()) < before + n:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def settled(site: Site) -> None:
    """Wait until everything was taken and committed."""
    deadline = time.monotonic() + SECONDS
    for name in ("transactions", "labels"):
        while site.committed(name) != site.ends(name):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def end(worker: Running) -> None:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.err.read_text()


@injects(
    "kill -9 of one of two workers that share partitions",
    "no payment undecided, each in one state, once; no alert twice",
)
@pytest.mark.faults
@pytest.mark.slow
@seeds(1)
def test_state_goes_with_its_partition_however_workers_die(site: Site, seed: int) -> None:
    rng = np.random.default_rng(seed)
    traffic = Traffic(site, 400, seed, label_key=None)
    traffic.start()
    workers = [site.worker(), site.worker()]
    killed = 0
    for _ in range(3):
        wait_for_more(site, 300)
        time.sleep(float(rng.uniform(0.0, 2.0)))
        victim = workers.pop(int(rng.integers(0, 2)))
        victim.process.kill()
        killed += victim.process.wait(10) == -signal.SIGKILL
        workers.append(site.worker())
    sent = traffic.finish()
    decided = site.wait_until_decided(sent)
    assert decided.keys() == sent
    settled(site)
    # The partitions of the first go to the second, with all that it knew.
    end(workers[0])
    settled(site)
    deadline = time.monotonic() + SECONDS
    last = workers[1]
    while True:
        time.sleep(1)
        if len(list((site.folder / "state").glob("partition-*/tenure-*"))) == 3:
            break
        assert time.monotonic() < deadline
    time.sleep(7)
    end(last)
    report = last.report()
    ids = [dict(m.headers())["ce_id"] for m in site.read("alerts")]
    seen(killed, len(sent), len(sent - decided.keys()), repeats(ids))
    # Each payment is in one state, once.
    assert len(report["partitions"]) == 3
    assert report["decisions"] == len(sent)
    assert report["labels"] == sum(site.ends("labels").values())
    # Only such as wait for time to go on, which it does with payments alone.
    assert report["labels_held"] < 50
    assert len(ids) > 50
    assert repeats(ids) == 0
