"""Workers with names of their own (`group.instance.id`), as pods of a StatefulSet have them."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from fault_log import repeats
from seeds import seeds
from workers.exactly_once import read_committed
from workers.lives import Lives
from workers.worker_site import DECISIONS, PARTITIONS, Site, Traffic, end_well, remembering, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.lives import Life

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

WORKER = """state = "{state}"
partial_features = true
guarantee = "{guarantee}"
"""
# Until the group gives a silent member's partitions away: longer than a test waits for anything,
# and the least that a broker allows.
LONG_S, SHORT_S = 45, 6
# From a kill to all partitions being worked on again: a start, and with transactions the time
# after which a broker gives up an open one.
BACK_S = 30


@pytest.fixture
def site_with(tmp_path: Path, site_factory: Callable[..., Site]) -> Callable[..., Site]:
    def make(
        session_s: int, guarantee: str = "at_least_once", state: str = "per_partition"
    ) -> Site:
        more = WORKER.format(guarantee=guarantee, state=state) + remembering(tmp_path / "state")
        return site_factory(more, f'"session.timeout.ms" = {1000 * session_s}')

    return make


def member(lives: Lives, name: str) -> Life:
    """Start a worker as a manifest does: its name comes by environment."""
    return lives.started(environment={"FRAUD_KAFKA__CLIENT__GROUP__INSTANCE__ID": name})


def owners(site: Site) -> list[int]:
    """How many owners each partition's state has had."""
    folders = [site.folder / "state" / f"partition-{number:05d}" for number in range(PARTITIONS)]
    return [len(list(folder.glob("claim-*"))) for folder in folders]


def decided(site: Site) -> set[str]:
    """Return which payments a reader of committed records sees decided."""
    records = read_committed(site, "decisions")
    return {DECISIONS.decode(each.value())["transaction_id"] for each in records}


def wait_until_shared(site: Site, names: tuple[str, ...]) -> dict[str, set[int]]:
    """Wait until the group's members have these names; return which partitions each has."""
    found: dict[str, set[int]] = {}

    def shared() -> bool:
        found.clear()
        found.update(members(site))
        return set(found) == set(names) and all(found.values())

    until(shared, why=lambda: str(found))
    return dict(found)


def members(site: Site) -> dict[str, set[int]]:
    """Ask the broker which partitions of the transactions each member has, by its name."""
    from confluent_kafka import KafkaError, KafkaException
    from servers.kafka_server import admin_client

    # Held until it has answered.
    admin = admin_client(site.bootstrap)
    try:
        group = admin.describe_consumer_groups([site.prefix])[site.prefix].result(timeout=10)
    except KafkaException as error:
        # The first group of a broker's life.
        if error.args[0].code() not in {
            KafkaError.NOT_COORDINATOR,
            KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
            KafkaError.COORDINATOR_NOT_AVAILABLE,
        }:
            raise
        return {}
    topic = site.topics["transactions"]
    return {
        each.group_instance_id: {
            place.partition for place in each.assignment.topic_partitions if place.topic == topic
        }
        for each in group.members
    }


@pytest.mark.parametrize(
    ("number", "guarantee"),
    [
        (signal.SIGKILL, "at_least_once"),
        (signal.SIGTERM, "at_least_once"),
        (signal.SIGKILL, "exactly_once"),
    ],
)
@seeds(1)
def test_a_member_that_comes_back_in_time_disturbs_nobody(
    site_with: Callable[..., Site],
    number: int,
    guarantee: str,
    seed: int,
) -> None:
    site = site_with(LONG_S, guarantee)
    with Lives(site) as lives:
        traffic = Traffic(site, 200, seed, label_key=None)
        traffic.start()
        other, gone = member(lives, "worker-0"), member(lives, "worker-1")
        given = wait_until_shared(site, ("worker-0", "worker-1"))
        site.wait_for_more(300)
        before = owners(site)
        status = gone.end(number, 10)
        assert status == (0 if number == signal.SIGTERM else -number), gone.log()
        began = time.monotonic()
        back = member(lives, "worker-1")
        sent = traffic.finish()
        until(lambda: sent <= decided(site), BACK_S)
        took_s = time.monotonic() - began
        assert members(site) == given
        # One owner more, of the partitions that the worker had that was gone, and of no other.
        more = {p for p in range(PARTITIONS) if owners(site)[p] > before[p]}
        assert more == given["worker-1"]
        assert sum(owners(site)) == sum(before) + len(more)
        # The group never heard that it was gone.
        assert took_s < LONG_S - 10
        site.wait_until_committed("transactions", "labels")
        end_well(back)
        end_well(other)
        ids = [dict(m.headers())["ce_id"] for m in read_committed(site, "alerts")]
        assert len(ids) > 10
        assert repeats(ids) == 0


@seeds(1)
def test_one_worker_that_was_killed_waits_for_no_session(
    site_with: Callable[..., Site], seed: int
) -> None:
    site = site_with(LONG_S, state="whole")
    with Lives(site) as lives:
        traffic = Traffic(site, 200, seed)
        traffic.start()
        gone = member(lives, "worker-0")
        wait_until_shared(site, ("worker-0",))
        site.wait_for_more(300)
        assert gone.end(signal.SIGKILL, 10) == -signal.SIGKILL
        back = member(lives, "worker-0")
        sent = traffic.finish()
        until(lambda: sent <= decided(site), BACK_S)
        end_well(back)
        ids = [dict(m.headers())["ce_id"] for m in read_committed(site, "alerts")]
        assert repeats(ids) == 0


@seeds(1)
def test_a_member_that_stays_away_is_replaced_when_its_session_is_over(
    site_with: Callable[..., Site], seed: int
) -> None:
    site = site_with(SHORT_S)
    with Lives(site) as lives:
        traffic = Traffic(site, 200, seed, label_key=None)
        traffic.start()
        left, gone = member(lives, "worker-0"), member(lives, "worker-1")
        wait_until_shared(site, ("worker-0", "worker-1"))
        site.wait_for_more(300)
        end_well(gone)
        # It did not say that it leaves, or nobody could come back.
        assert set(members(site)) == {"worker-0", "worker-1"}
        until(lambda: members(site) == {"worker-0": set(range(PARTITIONS))}, 4 * SHORT_S)
        sent = traffic.finish()
        until(lambda: sent <= decided(site), BACK_S)
        end_well(left)


@seeds(1)
def test_of_two_of_one_name_the_first_ends_and_says_why(
    site_with: Callable[..., Site], seed: int
) -> None:
    site = site_with(LONG_S)
    with Lives(site) as lives:
        traffic = Traffic(site, 200, seed, label_key=None)
        traffic.start()
        first = member(lives, "worker-0")
        wait_until_shared(site, ("worker-0",))
        site.wait_for_more(100)
        second = member(lives, "worker-0")
        assert first.wait(BACK_S) == 1, first.log()
        # By its claim or by the group, whichever it hears of first.
        assert first.log().splitlines()[-1].startswith("error: "), first.log()
        assert "Static consumer fenced" in first.log()
        sent = traffic.finish()
        until(lambda: sent <= decided(site), BACK_S)
        end_well(second)
        ids = [dict(m.headers())["ce_id"] for m in read_committed(site, "alerts")]
        assert repeats(ids) == 0
