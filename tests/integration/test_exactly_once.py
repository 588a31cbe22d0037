"""Exactly once on a real Kafka: killed, bounced, paused and cut off, nothing is lost or doubled."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from dying import ONCE, POINTS
from exactly_once import (
    CLIENT,
    MORE,
    CommittedReader,
    Traffic,
    assert_exactly_once,
)
from kafka_server import delete_topics
from lives import Life, Lives
from seeds import seeds
from worker_site import DEADLINE_SECONDS, SECONDS, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def exactly_once_site(folder: Path, bootstrap: str, interval: str = "1s") -> Site:
    folder.mkdir(exist_ok=True)
    more = MORE.format(folder=folder / "state", interval=interval)
    site = Site(folder, bootstrap, CLIENT, more)
    site.create_topics()
    return site


@pytest.fixture
def site(tmp_path: Path, kafka_bootstrap: str) -> Iterator[Site]:
    site = exactly_once_site(tmp_path, kafka_bootstrap)
    yield site
    delete_topics(kafka_bootstrap, list(site.topics.values()))


def end_well(worker: Life) -> None:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()


def assert_all_is_committed(site: Site) -> None:
    assert site.committed("transactions") == site.ends("transactions")
    assert site.committed("labels") == site.ends("labels")


def settle(site: Site, traffic: Traffic, reader: CommittedReader) -> None:
    """Wait until everything has come out and its offsets are committed."""
    traffic.finish()
    reader.wait_for_decisions(len(traffic.sent))
    deadline = time.monotonic() + SECONDS
    while site.committed("labels") != site.ends("labels"):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@seeds(1)
def test_killed_at_every_point_it_says_everything_once(site: Site, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # What is in a replay must have been taken before.
    points = [*rng.permutation(list(POINTS)), "after journal", "in a replay"]
    killed = []
    with Lives(site) as lives:
        reader, traffic = CommittedReader(site), Traffic(site, 9000, 200, seed)
        reader.start()
        traffic.start()
        for point in points:
            begun = time.monotonic()
            hits = 1 if point in ONCE else int(rng.integers(1, 12))
            worker = lives.worker(point, hits)
            if worker.wait(6) is None:
                # Not come by; but partitions are given back at the end.
                worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5)
            if worker.status == -signal.SIGKILL:
                killed.append(point)
            print(f"{point}, {hits}: {worker.status} in {time.monotonic() - begun:.1f} s")
            assert worker.status in (0, -signal.SIGKILL), worker.log()
        assert len(set(killed)) >= len(POINTS) - 1
        last = lives.worker()
        settle(site, traffic, reader)
        end_well(last)
    assert_all_is_committed(site)
    assert_exactly_once(site, traffic, reader.finish())
    assert last.report()["decisions"] == len(traffic.sent)
    assert len(reader.seen["alerts"]) > 50
