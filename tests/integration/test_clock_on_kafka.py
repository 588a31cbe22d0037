"""A clock that jumps changes nothing that is said, and no time that is waited for."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from fault_log import injects, seen
from workers.lives import Lives
from workers.twins import Payments, became, lost_and_repeated, said, site_of, taken, twin_of
from workers.worker_site import DEADLINE_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.faults]
ON, BACK = signal.SIGUSR1, signal.SIGUSR2


@pytest.mark.parametrize(
    "jumps",
    [
        pytest.param(
            [ON],
            id="on",
            marks=injects("the worker's clock jumps an hour on", "all is said and kept as without"),
        ),
        pytest.param(
            [BACK],
            id="back",
            marks=injects(
                "the worker's clock jumps an hour back", "all is said and kept as without"
            ),
        ),
    ],
)
def test_a_clock_that_jumps_changes_nothing(
    tmp_path: Path, kafka_bootstrap: str, jumps: list[int]
) -> None:
    site = site_of(tmp_path / "one", kafka_bootstrap)
    twin = twin_of(site, tmp_path / "twin")
    payments = Payments(site, 1)
    with Lives(site) as lives:
        one = lives.worker(clock=True)
        other = lives.worker(config=twin.config)
        for _ in range(3):
            payments.pay(200)
            taken(site, twin)
            payments.label()
            taken(site, twin)
        for number in jumps:
            begun = time.monotonic()
            os.kill(one.pid, number)
            payments.pay(300)
            taken(site, twin)
            payments.label()
            taken(site, twin)
            # Commits, barriers and snapshots come when they would have come.
            snapshots = set((site.folder / "state").glob("snapshot-*"))
            deadline = time.monotonic() + 15
            payments.pay(1)
            while set((site.folder / "state").glob("snapshot-*")) <= snapshots:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            print(f"{time.monotonic() - begun:.1f} s after the clock had jumped")
        payments.pay(300)
        taken(site, twin)
        for life in (one, other):
            assert life.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, life.log()
    ours, theirs = said(site), said(twin)
    seen(len(jumps), len(payments.sent), *lost_and_repeated(ours, theirs))
    print({name: records.total() for name, records in ours.items()}, one.report())
    assert ours == theirs
    assert became(site) == became(twin)
    assert ours["alerts"].total() > 50
