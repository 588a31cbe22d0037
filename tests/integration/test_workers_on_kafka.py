"""Several workers of a group on a real Kafka: a state goes where its partition goes."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fault_log import injects, repeats, seen
from seeds import seeds
from workers.worker_site import PARTITIONS, Site, Traffic, end_well, remembering, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.lives import Lives

pytestmark = pytest.mark.kafka

PER_PARTITION = """state = "per_partition"
partial_features = true
"""


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    return site_factory(PER_PARTITION + remembering(tmp_path / "state"))


@injects(
    "kill -9 of one of two workers that share partitions",
    "no payment undecided, each in one state, once; no alert twice",
)
@pytest.mark.faults
@pytest.mark.slow
@seeds(1)
def test_state_goes_with_its_partition_however_workers_die(
    site: Site, lives: Lives, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    traffic = Traffic(site, 400, seed, label_key=None)
    traffic.start()
    workers = [lives.started(), lives.started()]
    killed = 0
    for _ in range(3):
        site.wait_for_more(300)
        time.sleep(float(rng.uniform(0.0, 2.0)))
        victim = workers.pop(int(rng.integers(0, 2)))
        killed += victim.end(signal.SIGKILL, 10) == -signal.SIGKILL
        workers.append(lives.started())
    sent = traffic.finish()
    decided = site.wait_until_decided(sent)
    assert decided.keys() == sent
    site.wait_until_committed("transactions", "labels")
    # The partitions of the first go to the second, with all that it knew.
    first, last = workers
    end_well(first)
    site.wait_until_committed("transactions", "labels")
    until(lambda: len(list((site.folder / "state").glob("partition-*/tenure-*"))) == PARTITIONS)
    time.sleep(7)
    end_well(last)
    report = last.report()
    ids = site.alert_ids()
    seen(killed, len(sent), len(sent - decided.keys()), repeats(ids))
    # Each payment is in one state, once.
    assert len(report["partitions"]) == PARTITIONS
    assert report["decisions"] == len(sent)
    assert report["labels"] == sum(site.ends("labels").values())
    # Only such as wait for time to go on, which it does with payments alone.
    assert report["labels_held"] < 50
    assert len(ids) > 50
    assert repeats(ids) == 0
