"""A worker that is cut off from the brokers, and from nothing else, while another takes over."""

from __future__ import annotations

import copy
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from fault_log import injects
from seeds import seeds
from servers.kafka_server import KafkaServer
from servers.tcp_proxy import TcpProxy
from workers.exactly_once import (
    WIDE_AWAKE,
    CommittedReader,
    Traffic,
    assert_exactly_once,
    assert_none_lost,
    read_committed,
)
from workers.lives import Life, Lives
from workers.twins import CLIENT, site_of, taken
from workers.worker_site import DEADLINE_SECONDS, PARTITIONS, SECONDS, Site

from stream.commands.worker import TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow, pytest.mark.faults]
CUTS = 3


class TwoRoads(KafkaServer):
    """A broker with two ways to it; who takes the one through `proxy` can be cut off."""

    port_count = 3
    proxy: TcpProxy

    @property
    def properties(self) -> dict[str, str]:
        """The server's settings."""
        direct, controller, far = (f"127.0.0.1:{port}" for port in self.ports)
        protocols = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT"
        return {
            **super().properties,
            "listeners": f"PLAINTEXT://{direct},CONTROLLER://{controller},FAR://{far}",
            "advertised.listeners": f"PLAINTEXT://{direct},FAR://127.0.0.1:{self.proxy.port}",
            "listener.security.protocol.map": protocols,
            "inter.broker.listener.name": "PLAINTEXT",
        }

    def prepare(self) -> None:
        """Open the second way, and write the settings."""
        self.proxy = TcpProxy(self.ports[2])
        self.proxy.__enter__()
        super().prepare()

    def stop(self) -> None:
        """End all of it; safe to repeat."""
        if hasattr(self, "proxy"):
            self.proxy.__exit__()
            del self.proxy
        super().stop()


@pytest.fixture
def two_roads() -> Iterator[TwoRoads]:
    if os.environ.get("KAFKA_BOOTSTRAP"):
        pytest.skip("KAFKA_BOOTSTRAP is set: a broker that was given has no second way to it")
    with TwoRoads() as server:
        yield server


def far_side(site: Site, folder: Path, port: int) -> Site:
    """Return the same site, for workers that take the other way to the broker."""
    far = copy.copy(site)
    far.bootstrap, far.folder = f"127.0.0.1:{port}", folder
    folder.mkdir()
    return far


def end(worker: Life) -> None:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()


def claims(site: Site) -> list[int]:
    """Return how many owners each partition's state has had."""
    state = site.folder / "state"
    newest = [
        max(state.glob(f"partition-{p:05d}/claim-*"), default=None) for p in range(PARTITIONS)
    ]
    return [0 if each is None else int(each.name.rpartition("-")[2]) for each in newest]


def wait_until_shared(site: Site) -> None:
    """Wait until both workers have partitions, and the group is at rest."""
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": site.bootstrap, "log_level": 0})
    deadline = time.monotonic() + SECONDS
    while True:
        (future,) = admin.describe_consumer_groups([site.prefix]).values()
        group = future.result(SECONDS)
        given = [len(member.assignment.topic_partitions) for member in group.members]
        if group.state.name == "STABLE" and len(given) == 2 and min(given) > 0:
            return
        assert time.monotonic() < deadline, (group.state, given)
        time.sleep(0.2)


def last_of(near: Life, cut: Life, site: Site, traffic: Traffic) -> dict[str, Any]:
    """End the one that was cut off; return what the other, that has it all, says at its end."""
    end(cut)
    traffic.mark_each_partition()
    taken(site)
    end(near)
    return near.report()


def judge(site: Site, traffic: Traffic, read: dict[str, list[Any]], guarantee: str) -> None:
    """Nothing is lost; with exactly_once nothing comes twice."""
    if guarantee == "exactly_once":
        assert_exactly_once(site, traffic, read, CUTS)
        return
    again = assert_none_lost(traffic, read, CUTS)
    # A batch each at most: what was on its way when the network went.
    assert again <= CUTS * 20


@injects(
    "a worker cut off from the brokers beyond its session while Redis, the disk and the other "
    "worker are there; then the network heals",
    "the other takes over; no payment lost, each in one state, once; what the one that was cut off "
    "still says is under the same ids (alerts of these are counted), with exactly_once nothing",
)
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
@seeds(1)
@pytest.mark.timeout(400)
def test_who_is_cut_off_from_the_brokers_alone(
    tmp_path: Path, two_roads: TwoRoads, redis_url: str, guarantee: str, seed: int
) -> None:
    client = CLIENT if guarantee == "at_least_once" else WIDE_AWAKE
    site = site_of(tmp_path / "site", two_roads.bootstrap, guarantee, "per_partition", client)
    site.config.write_text(site.config.read_text() + f'[redis]\nurl = "{redis_url}"\n')
    proxy = two_roads.proxy
    far = far_side(site, tmp_path / "far", proxy.port)
    reader, traffic = CommittedReader(site), Traffic(site, 11_000, 120, seed, co_partitioned=True)
    fates = []
    with Lives(site) as near_lives, Lives(far) as far_lives:
        reader.start()
        traffic.start()
        near, cut = near_lives.worker(), far_lives.worker()
        for _ in range(CUTS):
            wait_until_shared(site)
            owners = sum(claims(site))
            proxy.blackhole = True
            time.sleep(14.0)
            # The other one has taken over what the one that is cut off had.
            assert sum(claims(site)) > owners
            behind = sum(site.ends("transactions").values()) - len(reader.seen["decisions"])
            assert behind < 600, behind
            assert near.wait(0) is None, near.log()
            owners = sum(claims(site))
            proxy.blackhole = False
            time.sleep(4.0)
            if cut.wait(4) is not None:
                assert cut.status in (1, TIMED_OUT), cut.log()
                fates.append(f"{cut.status}: {cut.log().splitlines()[-1][:300]}")
                assert "Traceback" not in cut.log()
                cut = far_lives.worker()
            else:
                fates.append("went on")
            # With what the other one left, and not with what it had itself.
            deadline = time.monotonic() + SECONDS
            while sum(claims(site)) == owners:
                assert time.monotonic() < deadline, fates
                time.sleep(0.1)
        traffic.finish()
        taken(site)
        print(fates)
        report = last_of(near, cut, site, traffic)
    time.sleep(1)
    judge(site, traffic, reader.finish(), guarantee)
    assert len(report["partitions"]) == PARTITIONS
    assert report["decisions"] == len(traffic.sent)
    assert report["labels"] == len(read_committed(site, "labels"))
    assert report["redis"]["state"] == "ok"
