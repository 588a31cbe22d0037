"""Topics that become others: more partitions, or made anew, under a worker and behind its back."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from fault_log import injects, repeats, seen
from servers.kafka_server import admin_client, create_topic
from workers.lives import Life, Lives
from workers.twins import CLIENT, Payments, said, site_of, taken
from workers.worker_site import DEADLINE_SECONDS, PARTITIONS, SECONDS, Site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.faults]
# Five minutes are too long for a test.
QUICK = CLIENT + '"topic.metadata.refresh.interval.ms" = 500\n'
MOVED = "the keys have moved between them"


def add_partitions(site: Site, n: int) -> None:
    from confluent_kafka.admin import NewPartitions

    admin = admin_client(site.bootstrap)
    for name in ("transactions", "labels"):
        asked = [NewPartitions(site.topics[name], n)]
        for future in admin.create_partitions(asked).values():
            future.result(SECONDS)


def delete(site: Site, name: str) -> None:
    admin = admin_client(site.bootstrap)
    for future in admin.delete_topics([site.topics[name]]).values():
        future.result(SECONDS)
    deadline = time.monotonic() + SECONDS
    while site.topics[name] in admin.list_topics(timeout=5).topics:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def end(worker: Life) -> None:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()


def refusal(worker: Life) -> str:
    """Return the last line of a worker that ends by itself."""
    assert worker.wait(SECONDS) == 1, worker.log()
    line = worker.log().splitlines()[-1]
    print(line)
    assert line.startswith("error: ")
    assert "Traceback" not in worker.log()
    return line


def one_example(site: Site, payments: Payments, n: int = 200) -> None:
    payments.pay(n)
    taken(site)
    payments.label()
    taken(site)


@injects(
    "partitions added under workers that have a state each, and behind a stop",
    "the worker that gets a new one ends and says why, and so does every start; no new partition "
    "gets a state",
)
def test_partitions_are_added_where_each_has_a_state(tmp_path: Path, kafka_bootstrap: str) -> None:
    site = site_of(tmp_path / "site", kafka_bootstrap, state="per_partition", client=QUICK)
    payments = Payments(site, 7, PARTITIONS)
    with Lives(site) as lives:
        worker = lives.worker()
        one_example(site, payments)
        add_partitions(site, PARTITIONS + 1)
        assert MOVED in refusal(worker)
        assert MOVED in refusal(lives.worker())
    seen(2)
    state = site.folder / "state"
    assert {path.name for path in state.glob("partition-*")} == {
        f"partition-{p:05d}" for p in range(PARTITIONS)
    }


@injects(
    "partitions added under a worker with one state",
    "it takes their payments too, each once, and loses none",
)
def test_partitions_are_added_where_there_is_one_state(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    site = site_of(tmp_path / "site", kafka_bootstrap, client=QUICK)
    payments = Payments(site, 8, PARTITIONS)
    with Lives(site) as lives:
        worker = lives.worker()
        one_example(site, payments)
        add_partitions(site, PARTITIONS + 1)
        payments._partitions = PARTITIONS + 1
        time.sleep(2)
        one_example(site, payments, 400)
        deadline = time.monotonic() + SECONDS
        while sum(site.ends("decisions").values()) < len(payments.sent):
            assert time.monotonic() < deadline, worker.log()
            time.sleep(0.1)
        worker.end(signal.SIGKILL, 10)
        worker = lives.worker()
        one_example(site, payments)
        while sum(site.ends("decisions").values()) < len(payments.sent):
            assert time.monotonic() < deadline, worker.log()
            time.sleep(0.1)
        end(worker)
    decided = site.decided()
    alerts = said(site)["alerts"]
    lost = set(payments.sent) - decided.keys()
    seen(1, len(payments.sent), len(lost), repeats(alerts.elements()))
    assert lost == set()
    assert worker.report()["decisions"] == len(payments.sent)
    assert set(alerts.values()) == {1}


@pytest.mark.parametrize(
    "running",
    [
        pytest.param(
            True,
            id="running",
            marks=injects(
                "the topic of payments made anew under a worker, shorter than it was",
                "the worker ends and says why; nothing is decided by offsets of other records",
            ),
        ),
        pytest.param(
            False,
            id="killed",
            marks=injects(
                "the topic of payments made anew behind kill -9",
                "the worker ends and says why; nothing is decided by offsets of other records",
            ),
        ),
    ],
)
def test_a_topic_that_is_made_anew(tmp_path: Path, kafka_bootstrap: str, running: bool) -> None:
    site = site_of(tmp_path / "site", kafka_bootstrap, client=QUICK, interval="30s")
    payments = Payments(site, 9)
    with Lives(site) as lives:
        worker = lives.worker()
        one_example(site, payments, 300)
        if not running:
            worker.end(signal.SIGKILL, 10)
        delete(site, "transactions")
        create_topic(site.bootstrap, site.topics["transactions"], PARTITIONS)
        before = sum(site.ends("decisions").values())
        # Where it was in the old topic is beyond the new one's end: behind its end nobody can tell.
        payments.pay(100 if running else 600)
        if not running:
            worker = lives.worker()
        line = refusal(worker)
    seen(1)
    assert "made anew" in line or "does not exist" in line or "were deleted" in line
    assert sum(site.ends("decisions").values()) == before


@injects(
    "a topic made anew under a worker, with more records than the one before",
    "the worker ends and says that it is another topic",
)
def test_a_topic_that_is_made_anew_and_is_longer(tmp_path: Path, kafka_bootstrap: str) -> None:
    site = site_of(tmp_path / "site", kafka_bootstrap, client=QUICK, interval="30s")
    payments = Payments(site, 10)
    with Lives(site) as lives:
        worker = lives.worker()
        one_example(site, payments, 300)
        delete(site, "transactions")
        create_topic(site.bootstrap, site.topics["transactions"], PARTITIONS)
        payments.pay(600)
        assert "was deleted and made anew under this worker" in refusal(worker)
    seen(1)
