"""Releases that meet: one goes on with what another left, unless it decides otherwise."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest
from fault_log import injects, repeats, seen
from workers.lives import Lives
from workers.twins import Payments, became, lost_and_repeated, said, site_of, taken, twin_of
from workers.worker_site import DEADLINE_SECONDS, SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from workers.lives import Life

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
STATES = pytest.mark.parametrize("state", ["whole", "per_partition"])
OTHER_CODE = {"code": "another"}


def end(worker: Life) -> None:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()


@pytest.mark.faults
@STATES
@pytest.mark.parametrize(
    ("hardship", "stop", "why"),
    [
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
            {**OTHER_CODE, "scores": 1e-9},
            signal.SIGKILL,
            "decides it otherwise: start the worker once more with the release that it was",
            id="decides",
            marks=injects(
                "other code behind kill -9 that scores 1e-9 higher",
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
    site = site_of(tmp_path / "site", kafka_bootstrap, state=state, interval="1h")
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


@pytest.mark.faults
@injects(
    "another release takes over: behind SIGTERM, behind kill -9, and the old one again",
    "every decision is that of a worker that was never stopped; no alert twice",
)
@STATES
def test_another_release_goes_on_and_so_does_the_old_one_again(
    tmp_path: Path, kafka_bootstrap: str, state: str
) -> None:
    partitions = 3 if state == "per_partition" else 1
    site = site_of(tmp_path / "site", kafka_bootstrap, state=state, interval="1h")
    twin = twin_of(site, tmp_path / "twin", state=state)
    payments = Payments(site, 5, partitions=partitions)
    replayed = 0
    with Lives(site) as lives, Lives(twin) as others:
        undisturbed = others.worker()
        for hardship, stop in (
            ({}, signal.SIGKILL),
            ({"release": "9.9"}, signal.SIGTERM),
            (OTHER_CODE, signal.SIGKILL),
            ({}, signal.SIGTERM),
        ):
            worker = lives.worker(**hardship)
            payments.pay(200)
            taken(site, twin)
            payments.label()
            taken(site, twin)
            payments.pay(100)
            taken(site, twin)
            assert worker.end(stop, DEADLINE_SECONDS + 5) in (0, -signal.SIGKILL), worker.log()
            if stop == signal.SIGTERM:
                report = worker.report()
                states = report["partitions"].values() if partitions > 1 else [report]
                replayed += sum(each["recovery"]["replayed"] for each in states)
        end(undisturbed)
    lost, repeated = lost_and_repeated(said(site), said(twin))
    alerts = said(site)["alerts"]
    seen(2, len(payments.sent), lost, repeats(alerts.elements()))
    assert (lost, repeated) == (0, 0)
    assert alerts
    assert replayed > 600
    assert became(site) == became(twin)


@injects(
    "a rolling upgrade of three workers and back, one of each three killed",
    "every decision is that of a worker that was never stopped; no alert twice",
)
@pytest.mark.timeout(400)
def test_a_rolling_upgrade_and_back_keeps_every_decision(
    tmp_path: Path, kafka_bootstrap: str
) -> None:
    site = site_of(tmp_path / "site", kafka_bootstrap, state="per_partition", interval="2s")
    twin = twin_of(site, tmp_path / "twin", state="per_partition")
    payments = Payments(site, 6, partitions=3)

    def some() -> None:
        payments.pay(60)
        taken(site, twin)
        payments.label()
        taken(site, twin)
        payments.pay(60)

    with Lives(site) as lives, Lives(twin) as others:
        undisturbed = others.worker()
        old = [lives.worker() for _ in range(3)]
        some()
        for hardship in (OTHER_CODE, {}):
            new = []
            for number, worker in enumerate(old):
                some()
                # While payments come.
                status = worker.end(
                    signal.SIGKILL if number == 1 else signal.SIGTERM, DEADLINE_SECONDS + 10
                )
                assert status == (-signal.SIGKILL if number == 1 else 0), worker.log()
                new.append(lives.worker(**hardship))
                some()
            assert all(each.wait(0) is None for each in new), [each.log() for each in new]
            old = new
        taken(site, twin)
        for each in [*old, undisturbed]:
            end(each)
    ours, theirs = said(site), said(twin)
    lost, _ = lost_and_repeated(ours, theirs)
    seen(2, len(payments.sent), lost, repeats(ours["alerts"].elements()))
    assert lost == 0
    # At least once: after a kill a decision may come again, as it was.
    assert set(ours["decisions"]) == set(theirs["decisions"])
    assert ours["alerts"] == theirs["alerts"]
    assert set(ours["alerts"].values()) == {1}
