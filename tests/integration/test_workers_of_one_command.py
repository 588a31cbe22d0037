"""``fraudstream run --workers 2`` on a real Kafka: two processes that begin and end as one."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient
from workers.worker_site import DEADLINE_SECONDS, Site, Traffic, remembering, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.worker_site import Running

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

PER_PARTITION = 'state = "per_partition"\npartial_features = true\n'
# Two processes at once that import, and may compile.
START_SECONDS = 300


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    return site_factory(PER_PARTITION + remembering(tmp_path / "state"))


@pytest.fixture
def both(site: Site) -> Running:
    running = site.start("run", "--config", str(site.config), "--workers", "2", "--json")
    until(lambda: running.err.read_text().count('"started"') == 2, START_SECONDS)
    return running


def children(pid: int) -> list[int]:
    return [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def partitions_of_members(site: Site) -> list[int]:
    """Return how many partitions of payments each of the group has."""
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    group = admin.describe_consumer_groups([site.prefix])[site.prefix].result(30)
    assigned = [member.assignment.topic_partitions for member in group.members]
    payments = site.topics["transactions"]
    return [sum(each.topic == payments for each in of_one) for of_one in assigned]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_they_share_the_partitions_and_end_together(site: Site, both: Running) -> None:
    traffic = Traffic(site, 200, 3, label_key=None)
    traffic.start()
    until(lambda: sorted(partitions_of_members(site)) == [1, 2], 180)
    site.wait_for_more(300)
    sent = traffic.finish()
    site.wait_until_decided(sent)
    site.wait_until_committed("transactions", "labels")
    assert both.end(signal.SIGTERM, DEADLINE_SECONDS + 10) == 0
    (line,) = both.out.read_text().splitlines()
    reports = json.loads(line)["workers"]
    assert [each["unacknowledged"] for each in reports] == [0, 0]


def test_told_to_stop_before_they_have_begun_they_end_well(site: Site) -> None:
    running = site.start("run", "--config", str(site.config), "--workers", "2", "--json")
    until(lambda: len(children(running.process.pid)) == 2)
    assert running.end(signal.SIGTERM, DEADLINE_SECONDS + 10) == 0


def test_one_that_dies_ends_the_other_and_is_named(both: Running) -> None:
    first, second = children(both.process.pid)
    os.kill(second, signal.SIGKILL)
    until(lambda: both.process.poll() is not None, DEADLINE_SECONDS + 20)
    assert both.process.returncode == 1
    assert "error: worker 2 of 2 ended by itself, with signal 9" in both.err.read_text()
    assert gone(first)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent that ended")
def test_they_end_with_whoever_started_them_however_it_ends(both: Running) -> None:
    workers = children(both.process.pid)
    assert len(workers) == 2
    both.end(signal.SIGKILL, 10)
    began = time.monotonic()
    until(lambda: all(map(gone, workers)), DEADLINE_SECONDS + 20)
    print(f"after {time.monotonic() - began:.1f} s")
    assert both.err.read_text().count('"stopped"') == 2
