"""Releases and formats that meet: what another one left is refused by name, and stays as it was."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest
from fault_log import injects, repeats, seen
from lives import Lives
from twins import Payments, became, said, site_of, taken
from worker_site import DEADLINE_SECONDS, SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from lives import Life

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.faults]


def end(worker: Life) -> None:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()


@pytest.mark.parametrize("state", ["whole", "per_partition"])
@pytest.mark.parametrize(
    ("hardship", "stop", "why"),
    [
        pytest.param(
            {"release": "9.9"},
            signal.SIGTERM,
            "and this is 9.9: go on with that one, or begin with an empty recovery.folder",
            id="release",
            marks=injects(
                "a snapshot of another release",
                "refused by name with the remedy; the release that wrote it goes on",
            ),
        ),
        pytest.param(
            {"snapshot_format": 9},
            signal.SIGTERM,
            "is in format 1, and this release reads format 9: read it with the release that wrote",
            id="format",
            marks=injects(
                "a snapshot in another format",
                "refused by name with the remedy; the release that wrote it goes on",
            ),
        ),
        pytest.param(
            {"code": "another"},
            signal.SIGKILL,
            "start the worker once more as it was and stop it with SIGTERM",
            id="code",
            marks=injects(
                "other code of the same release behind kill -9",
                "refused by name with the remedy; the code that was killed goes on",
            ),
        ),
    ],
)
def test_what_another_release_left_is_refused_by_name(
    tmp_path: Path,
    kafka_bootstrap: str,
    state: str,
    hardship: dict[str, Any],
    stop: int,
    why: str,
) -> None:
    site = site_of(tmp_path / "site", kafka_bootstrap, state=state)
    payments = Payments(site, 4, partitions=3 if state == "per_partition" else 1)
    with Lives(site) as lives:
        worker = lives.worker()
        payments.pay(300)
        taken(site)
        payments.label()
        taken(site)
        payments.pay(300)
        taken(site)
        worker.end(stop, DEADLINE_SECONDS + 5)
        payments.pay(100)
        was = said(site)
        # Upgraded, and then taken back.
        other = lives.worker(**hardship)
        assert other.wait(SECONDS) == 1, other.log()
        refused = other.log().splitlines()[-1]
        print(refused)
        assert refused.startswith("error: ")
        assert why in refused
        assert "Traceback" not in other.log()
        # It said nothing, and changed nothing.
        unchanged = said(site) == was
        worker = lives.worker()
        taken(site)
        end(worker)
    decided = worker.report()["decisions"]
    now = said(site)
    seen(1, len(payments.sent), len(payments.sent) - decided, repeats(now["alerts"].elements()))
    assert unchanged
    assert decided == len(payments.sent)
    assert set(now["alerts"].values()) == {1}
    assert became(site)
