"""A worker that is killed on a real Kafka becomes what it was, and says nothing twice."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fault_log import injects, repeats, seen
from seeds import seeds
from workers.worker_site import SECONDS, Site, Traffic, end_well, remembering, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.lives import Lives

pytestmark = pytest.mark.kafka


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    return site_factory(remembering(tmp_path / "state"))


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
def test_a_worker_that_is_killed_again_and_again_repeats_no_alert(
    site: Site, lives: Lives, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    traffic = Traffic(site, 400, seed)
    traffic.start()
    replayed = killed = 0
    for number in range(5):
        worker = lives.started()
        if number == 0:  # Whatever comes later has a model that is ready: there are alerts.
            until(lambda: sum(site.ends("alerts").values()) > 50, why=worker.log)
        elif number != 2:  # That one may die while it recovers.
            # The group gives it its partitions once the one that was killed has timed out.
            site.wait_for_more(200)
        time.sleep(float(rng.uniform(0.0, 3.0)))
        killed += worker.end(signal.SIGKILL, 10) == -signal.SIGKILL
        report = recovered(worker.log()) if '"recovered"' in worker.log() else {}
        replayed += report.get("replayed", 0)
        print("killed;", {k: v for k, v in report.items() if k in ("recovery_seconds", "replayed")})
    last = lives.started()
    sent = traffic.finish()
    decided = site.wait_until_decided(sent)
    assert decided.keys() == sent
    site.wait_until_committed("labels")
    end_well(last)
    report = last.report()
    print("the last one:", report["recovery"])
    ids = site.alert_ids()
    seen(killed, len(sent), len(sent - decided.keys()), repeats(ids))
    # Each payment once, whatever came before: the state is that of one worker.
    assert report["decisions"] == len(sent)
    assert report["labels"] == sum(site.ends("labels").values())
    assert replayed + report["recovery"]["replayed"] > 0
    assert len(ids) > 50
    assert repeats(ids) == 0
    assert site.committed("transactions") == site.ends("transactions")

    # After a clean stop nothing is replayed, and all is known.
    heir = lives.started()
    heir.wait_for('"recovered"')
    end_well(heir)
    assert heir.report()["recovery"]["replayed"] == 0
    assert heir.report()["decisions"] == len(sent)
    assert len(site.read("alerts")) == len(ids)


@pytest.mark.slow
def test_a_second_worker_in_the_folder_is_told_so(site: Site, lives: Lives) -> None:
    # Whatever a reproduction begins with is kept until it does, on a busy machine too.
    site.config.write_text(site.config.read_text().replace('"2s"', '"10s"'))
    worker = lives.started()
    worker.wait_for('"recovered"')
    status, out, err = lives.run("run", "--config", str(site.config))
    assert (status, out) == (1, "")
    assert "another worker is at work" in err
    traffic = Traffic(site, 300, 1)
    traffic.start()
    until(lambda: sum(site.ends("alerts").values()) >= 30)
    traffic.finish()
    # While the worker is at work an alert of its is reproduced.
    newest = max(site.read("alerts"), key=lambda message: message.timestamp()[1])
    alert_id = dict(newest.headers())["ce_id"].decode()
    status, out, err = lives.run("reproduce", alert_id, "--config", str(site.config), "--json")
    assert status == 0, out + err
    assert json.loads(out)["same"] is True
    assert json.loads(out)["records_replayed"] > 0
    status, _, err = lives.run("reproduce", "nobody", "--config", str(site.config))
    assert status == 1
    assert "no alert 'nobody' is on" in err
    end_well(worker)


def killed_at_work(site: Site, lives: Lives) -> None:
    """Kill a worker that has decided some payments."""
    traffic = Traffic(site, 300, 1)
    traffic.start()
    worker = lives.started()
    until(lambda: sum(site.ends("decisions").values()) >= 300)
    worker.end(signal.SIGKILL, 10)
    traffic.finish()


@injects(
    "records deleted by retention before the state that needs them was restored",
    "the worker stops, and the error names the remedy",
)
@pytest.mark.slow
def test_records_that_retention_took_are_an_error_with_a_remedy(site: Site, lives: Lives) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    killed_at_work(site, lives)
    ends = site.ends("transactions")
    topic = site.topics["transactions"]
    admin = AdminClient({"bootstrap.servers": site.bootstrap})
    places = [TopicPartition(topic, p, end) for p, end in ends.items()]
    for future in admin.delete_records(places).values():
        future.result(SECONDS)
    seen(1)
    status, _, err = lives.run("run", "--config", str(site.config))
    assert status == 1
    assert "were deleted before the state that needs them" in err
    assert "empty recovery.folder" in err


# Refusing is tested in tests/stream/recovery too, and 20 s are long.
@pytest.mark.faults
@pytest.mark.slow
def test_other_thresholds_after_a_crash_are_refused_and_after_a_clean_stop_taken(
    site: Site, lives: Lives
) -> None:
    killed_at_work(site, lives)
    old = site.config.read_text()
    site.config.write_text(old.replace("review = 0.2", "review = 0.3"))
    status, _, err = lives.run("run", "--config", str(site.config))
    assert status == 1
    assert "another configuration" in err
    assert "stop it with SIGTERM" in err

    site.config.write_text(old)
    worker = lives.started()
    worker.wait_for('"recovered"')
    end_well(worker)
    site.config.write_text(old.replace("review = 0.2", "review = 0.3"))
    worker = lives.started()
    worker.wait_for('"recovered"')
    end_well(worker)
    assert worker.report()["decisions"] >= 300
