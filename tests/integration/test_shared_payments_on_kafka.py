"""Workers on a real Kafka that tell each other what a merchant did in each partition."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from fault_log import injects, repeats, seen
from workers.worker_site import PARTITIONS, TOPICS, Site, Traffic, end_well, remembering, until

from schemas.errors import RecoveryError, StorageError
from stream.config.configuration import load
from stream.histories import Histories
from stream.recovery.history import take

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.lives import Lives

pytestmark = pytest.mark.kafka

PER_PARTITION = 'state = "per_partition"\n'


def claims(site: Site) -> int:
    """How often a worker has taken up a partition."""
    return len(list((site.folder / "state").glob("partition-*/claim-*")))


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    more = PER_PARTITION + remembering(tmp_path / "state", interval="1h")
    return site_factory(more, names=(*TOPICS, "shared"))


@injects(
    "kill -9 of one of two workers whose partitions tell each other of payments",
    "every payment in the windows of every partition, once; decided as a replay decides",
)
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_payment_is_in_the_windows_of_all_partitions_once(
    site: Site, lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ("--config", str(site.config))
    status, out, err = lives.run("features", "list", "--json", *config)
    assert status == 0, err
    scopes = {each["name"]: each["scope"] for each in json.loads(out)["features"]}
    assert scopes["card.count_10s"] == "whole"
    assert scopes["merchant.count_10s"].startswith("shared")

    traffic = Traffic(site, 300, 5, label_key=None)
    traffic.start()
    first, victim = lives.started(), lives.started()
    until(lambda: claims(site) > PARTITIONS)
    site.wait_for_more(300)
    before = claims(site)
    assert victim.end(signal.SIGKILL, 10) == -signal.SIGKILL
    last = lives.started()
    until(lambda: claims(site) > before)
    site.wait_for_more(600)
    sent = traffic.finish()
    decided = site.wait_until_decided(sent)
    site.wait_until_committed("transactions", "labels")
    status, out, err = lives.run("backtest", *config, "--json")
    assert status == 0, out + err
    recorded = json.loads(out)["recorded"]
    assert recorded["decisions"]["other"] == []
    assert recorded["decisions"]["same"] > 300

    # The partitions of the first go to the last, which then has all.
    end_well(first)

    for name, value in site.environment.items():
        monkeypatch.setenv(name, value)
    with Histories(load(site.config), print) as histories:
        found: list[object] = []

        def windows() -> list[object]:
            """Return how many payments those of each partition were given, or why not yet."""
            found.clear()
            try:
                for folder in histories.folders():
                    history = histories.history(folder)
                    start = next(history.starts())
                    for taken in history.steps(start.progress, history.chain(start)):
                        take(start.engine, taken)
                    found.append(start.engine.features.arrived)
            except (StorageError, RecoveryError) as error:
                # It was the first's, and goes once the last has taken over.
                found.append(error)
            return found

        everything = [len(sent)] * PARTITIONS
        # Each look takes the whole history once more.
        until(lambda: windows() == everything, 180, lambda: f"{found}, not {everything}")
    end_well(last)
    seen(1, len(sent), len(sent - decided.keys()), repeats(site.alert_ids()))
