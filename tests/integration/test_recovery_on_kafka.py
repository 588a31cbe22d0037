"""A worker that is killed on a real Kafka becomes what it was, and says nothing twice."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fault_log import injects, repeats, seen
from kafka_server import delete_topics
from seeds import seeds
from worker_site import DEADLINE_SECONDS, SECONDS, Site, Traffic, end_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.kafka

MORE = """
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


def recovered(log: str) -> dict[str, Any]:
    (line,) = [line for line in log.splitlines() if '"recovered"' in line]
    found: dict[str, Any] = json.loads(line)
    return found


@injects(
    "kill -9 of a worker again and again, in its recovery too",
    "no payment undecided, each in the state once, no alert twice",
)
@pytest.mark.slow
@seeds(1)
def test_a_worker_that_is_killed_again_and_again_repeats_no_alert(site: Site, seed: int) -> None:
    rng = np.random.default_rng(seed)
    traffic = Traffic(site, 600, seed)
    traffic.start()
    replayed = killed = 0
    for number in range(5):
        worker = site.worker()
        if number != 2:  # That one may die while it recovers.
            # The group gives it its partitions once the one that was killed has timed out.
            before, deadline = sum(site.ends("decisions").values()), time.monotonic() + SECONDS
            while sum(site.ends("decisions").values()) < before + 200:
                assert time.monotonic() < deadline, worker.err.read_text()
                time.sleep(0.05)
        time.sleep(float(rng.uniform(0.0, 3.0)))
        worker.process.kill()
        killed += worker.process.wait(10) == -signal.SIGKILL
        report = recovered(worker.err.read_text()) if "recovered" in worker.err.read_text() else {}
        replayed += report.get("replayed", 0)
        print("killed;", {k: v for k, v in report.items() if k in ("recovery_seconds", "replayed")})
    last = site.worker()
    sent = traffic.finish()
    decided = site.wait_until_decided(sent)
    assert decided.keys() == sent
    deadline = time.monotonic() + SECONDS
    while site.committed("labels") != site.ends("labels"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert last.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, last.err.read_text()
    report = last.report()
    print("the last one:", report["recovery"])
    ids = [dict(m.headers())["ce_id"] for m in site.read("alerts")]
    seen(killed, len(sent), len(sent - decided.keys()), repeats(ids))
    # Each payment once, whatever came before: the state is that of one worker.
    assert report["decisions"] == len(sent)
    assert report["labels"] == sum(site.ends("labels").values())
    assert replayed + report["recovery"]["replayed"] > 0
    alerts = Counter(ids)
    assert len(alerts) > 50
    assert set(alerts.values()) == {1}
    assert site.committed("transactions") == site.ends("transactions")

    # After a clean stop nothing is replayed, and all is known.
    heir = site.worker()
    heir.wait_for('"recovered"')
    assert heir.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, heir.err.read_text()
    assert heir.report()["recovery"]["replayed"] == 0
    assert heir.report()["decisions"] == len(sent)
    assert len(site.read("alerts")) == len(alerts)


@pytest.mark.slow
def test_a_second_worker_in_the_folder_is_told_so(site: Site) -> None:
    worker = site.worker()
    worker.wait_for('"recovered"')
    status, out, err = site.run("run", "--config", str(site.config))
    assert (status, out) == (1, "")
    assert "another worker is at work" in err
    traffic = Traffic(site, 300, 1)
    traffic.start()
    while sum(site.ends("alerts").values()) < 30:
        time.sleep(0.05)
    traffic.finish()
    # While the worker is at work an alert of its is audited.
    alert = site.read("alerts")[-1]
    alert_id = dict(alert.headers())["ce_id"].decode()
    status, out, err = site.run("audit", alert_id, "--config", str(site.config), "--json")
    assert status == 0, out + err
    assert json.loads(out)["same"] is True
    assert json.loads(out)["records_replayed"] > 0
    status, _, err = site.run("audit", "nobody", "--config", str(site.config))
    assert status == 1
    assert "no alert 'nobody' is on" in err
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.err.read_text()


def killed_at_work(site: Site) -> None:
    """Kill a worker that has decided some payments."""
    traffic = Traffic(site, 300, 1)
    traffic.start()
    worker = site.worker()
    while sum(site.ends("decisions").values()) < 300:
        time.sleep(0.05)
    worker.process.kill()
    worker.process.wait(10)
    traffic.finish()


@injects(
    "records deleted by retention before the state that needs them was restored",
    "the worker stops, and the error names the remedy",
)
@pytest.mark.slow
def test_records_that_retention_took_are_an_error_with_a_remedy(site: Site) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    killed_at_work(site)
    ends = site.ends("transactions")
    topic = site.topics["transactions"]
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    places = [TopicPartition(topic, p, end) for p, end in ends.items()]
    for future in admin.delete_records(places).values():
        future.result(SECONDS)
    seen(1)
    status, _, err = site.run("run", "--config", str(site.config))
    assert status == 1
    assert "were deleted before the state that needs them" in err
    assert "empty recovery.folder" in err


# Refusing is tested in tests/stream/recovery too, and 20 s are long.
@pytest.mark.faults
@pytest.mark.slow
def test_other_thresholds_after_a_crash_are_refused_and_after_a_clean_stop_taken(
    site: Site,
) -> None:
    killed_at_work(site)
    old = site.config.read_text()
    site.config.write_text(old.replace("review = 0.2", "review = 0.3"))
    status, _, err = site.run("run", "--config", str(site.config))
    assert status == 1
    assert "another configuration" in err
    assert "stop it with SIGTERM" in err

    site.config.write_text(old)
    worker = site.worker()
    worker.wait_for('"recovered"')
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.err.read_text()
    site.config.write_text(old.replace("review = 0.2", "review = 0.3"))
    worker = site.worker()
    worker.wait_for('"recovered"')
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.err.read_text()
    assert worker.report()["decisions"] >= 300
