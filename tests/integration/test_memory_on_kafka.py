"""A worker that gets no more memory ends by name or goes on, and what it leaves is right."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest
from fault_log import injects, seen
from workers.lives import Lives
from workers.twins import Payments, became, lost_and_repeated, said, site_of, taken, twin_of
from workers.worker_site import DEADLINE_SECONDS

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.faults]
MB = 1 << 20
# Beside what it has when it begins: too little to begin with, to go on with, enough.
ROOMS = (0, 8, 40, 80, 160, 320, 640)


def size(pid: int) -> int:
    """Return how much memory a process has been given addresses for, bytes."""
    pages = Path("/proc", str(pid), "statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


@injects(
    "a limit to a worker's memory, from far too little to enough",
    "it ends with an error, or goes on; its successor has what it needs: state and output "
    "as without",
)
@pytest.mark.timeout(400)
def test_a_worker_without_memory(tmp_path: Path, kafka_bootstrap: str) -> None:
    site = site_of(tmp_path / "site", kafka_bootstrap)
    twin = twin_of(site, tmp_path / "twin")
    payments = Payments(site, 11)
    ended, fates = 0, []
    with Lives(site) as lives:
        other = lives.worker(config=twin.config)
        for _ in range(2):
            worker = lives.worker()
            payments.pay(200)
            taken(site, twin)
            payments.label()
            taken(site, twin)
            assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()
        for room in ROOMS:
            worker = lives.worker(room=room * MB)
            for _ in range(4):
                payments.pay(100)
                if worker.wait(1.5) is not None:
                    break
            if worker.wait(0) is None:
                fates.append(f"{room} MB: went on")
                worker.end(signal.SIGKILL, 10)
                continue
            ended += 1
            lines = [line for line in worker.log().splitlines() if line.strip()]
            fates.append(f"{room} MB: {worker.status}, {lines[-1][:200] if lines else ''}")
        for room in (0, 16):
            # At work, with payments that were taken and not acknowledged.
            worker = lives.worker()
            payments.pay(100)
            taken(site)
            limit = size(worker.pid) + room * MB
            resource.prlimit(worker.pid, resource.RLIMIT_AS, (limit, limit))
            for _ in range(4):
                payments.pay(300)
                worker.wait(0.1)
            alive = worker.wait(0) is None
            fates.append(f"{room} MB at work: {worker.end(signal.SIGKILL, 10)}")
            ended += not alive
        print("\n".join(fates))
        worker = lives.worker()
        taken(site, twin)
        payments.label()
        taken(site, twin)
        for life in (worker, other):
            assert life.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, life.log()
    ours, theirs = said(site), said(twin)
    lost, _ = lost_and_repeated(ours, theirs)
    seen(len(ROOMS) + 2, len(payments.sent), lost, (ours["alerts"] - theirs["alerts"]).total())
    assert lost == 0
    assert ours["alerts"] == theirs["alerts"]
    assert {n: set(r) for n, r in ours.items()} == {n: set(r) for n, r in theirs.items()}
    assert became(site) == became(twin)
    assert ended > 1
