"""Members that come, go and die all the time: nothing is lost, and nothing is said twice."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fault_log import injects
from seeds import seeds
from servers.kafka_server import delete_topics
from workers.exactly_once import (
    WIDE_AWAKE,
    CommittedReader,
    Traffic,
    assert_exactly_once,
    assert_none_lost,
    read_committed,
)
from workers.lives import Life, Lives
from workers.twins import site_of, taken
from workers.worker_site import DEADLINE_SECONDS, PARTITIONS, SECONDS, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAYMENTS = 7_000
pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.faults]
BOTH = pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])


@pytest.fixture
def make(tmp_path: Path, kafka_bootstrap: str) -> Iterator[Callable[[str], Site]]:
    made: list[Site] = []

    def site(guarantee: str) -> Site:
        folder = tmp_path / "site"
        made.append(site_of(folder, kafka_bootstrap, guarantee, "per_partition", WIDE_AWAKE))
        return made[-1]

    yield site
    for each in made:
        delete_topics(kafka_bootstrap, list(each.topics.values()))


def judge(
    site: Site, traffic: Traffic, read: dict[str, list[Any]], faults: int, guarantee: str
) -> None:
    """Nothing lost and no alert twice; with exactly_once nothing twice, and all in order."""
    if guarantee == "exactly_once":
        assert_exactly_once(site, traffic, read, faults)
        return
    assert assert_none_lost(traffic, read, faults) == 0


def end(worker: Life) -> None:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 10) == 0, worker.log()


def last_of(workers: list[Life], site: Site, traffic: Traffic) -> dict[str, Any]:
    """End all but one, to which all partitions go; return what it says at its end."""
    *others, last = workers
    for each in others:
        end(each)
    traffic.mark_each_partition()
    taken(site)
    end(last)
    return last.report()


def assert_in_one_state(report: dict[str, Any], site: Site, traffic: Traffic) -> None:
    assert len(report["partitions"]) == PARTITIONS
    assert report["decisions"] == len(traffic.sent)
    assert report["labels"] == sum(1 for _ in read_committed(site, "labels"))


@injects(
    "a rebalance every 2 s: members that join and leave, one after the other",
    "no payment lost, each in one state, once; no alert twice, with exactly_once nothing; all is "
    "taken when it ends",
)
@BOTH
@seeds(1)
@pytest.mark.timeout(400)
def test_a_storm_of_rebalances(make: Callable[[str], Site], guarantee: str, seed: int) -> None:
    site = make(guarantee)
    rng = np.random.default_rng(seed)
    reader, traffic = CommittedReader(site), Traffic(site, 6000, 120, seed, co_partitioned=True)
    turns, workers = 0, []
    with Lives(site) as lives:
        reader.start()
        traffic.start()
        workers.append(lives.worker())
        while traffic.is_alive():
            time.sleep(2.0)
            turns += 1
            if len(workers) == 1 or (len(workers) == 2 and rng.random() < 0.5):
                workers.append(lives.worker())
            else:
                end(workers.pop(int(rng.integers(len(workers)))))
            assert all(worker.wait(0) is None for worker in workers), workers[0].log()
        traffic.finish()
        taken(site, seconds=2 * SECONDS)
        report = last_of(workers, site, traffic)
    time.sleep(1)
    judge(site, traffic, reader.finish(), turns, guarantee)
    assert_in_one_state(report, site, traffic)
    assert turns > 15
    assert len(reader.seen["alerts"]) > 50


@injects(
    "kill -9 of workers out of three, at any moment for a minute, each started again",
    "no payment lost, each in one state, once; no alert twice, with exactly_once nothing; all is "
    "taken when it ends",
)
@BOTH
@seeds(1)
@pytest.mark.timeout(400)
def test_a_minute_of_kills_among_three(
    make: Callable[[str], Site], guarantee: str, seed: int
) -> None:
    site = make(guarantee)
    rng = np.random.default_rng(seed)
    reader, traffic = CommittedReader(site), Traffic(site, PAYMENTS, 110, seed, co_partitioned=True)
    killed = 0
    with Lives(site) as lives:
        reader.start()
        traffic.start()
        workers = [lives.worker() for _ in range(3)]
        while traffic.is_alive():
            # At work: while a group waits for one that is dead, nobody has anything to lose.
            reader.wait_for_decisions(min(len(reader.seen["decisions"]) + 150, PAYMENTS))
            time.sleep(float(rng.uniform(0.0, 1.0)))
            victim = workers.pop(int(rng.integers(3)))
            status = victim.end(signal.SIGKILL, 10)
            assert status == -signal.SIGKILL, victim.log()
            killed += 1
            workers.append(lives.worker())
        traffic.finish()
        taken(site, seconds=2 * SECONDS)
        report = last_of(workers, site, traffic)
    time.sleep(1)
    judge(site, traffic, reader.finish(), killed, guarantee)
    assert_in_one_state(report, site, traffic)
    assert killed > 4
    assert len(reader.seen["alerts"]) > 50
