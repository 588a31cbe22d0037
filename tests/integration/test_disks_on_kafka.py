"""A disk that is full or broken under a worker: what was whole stays, and the worker says so."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fault_log import injects, repeats, seen
from workers.lives import Life, Lives
from workers.twins import Payments, became, lost_and_repeated, said, site_of, taken, twin_of
from workers.worker_site import DEADLINE_SECONDS, SECONDS, Site

from stream.snapshots.folder import SnapshotFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.faults]

# A disk of its own, of which nobody outside knows.
OWN_MOUNTS = ("unshare", "-rm")
SMALL = 8 << 20
NO_SNAPSHOT = "no snapshot was written, the journal grows until one is"


def wait_until(so: Callable[[], bool], worker: Life, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert worker.wait(0) is None, worker.log()
        assert time.monotonic() < deadline, worker.log()
        time.sleep(0.05)


def end(worker: Life) -> None:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()


def whole(folder: Path) -> list[int]:
    """Return the numbers of the snapshots, all of which are whole."""
    listed = SnapshotFolder(folder).listed()
    assert [each.why for each in listed if each.why] == []
    assert list(folder.glob("*.part")) == []
    return [each.number for each in listed]


def take(site: Site, twin: Site, payments: Payments) -> None:
    payments.pay(150)
    taken(site, twin)
    payments.label()
    taken(site, twin)


@pytest.fixture
def own_disk() -> None:
    done = subprocess.run(
        [*OWN_MOUNTS, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    if shutil.which("unshare") is None or done.returncode:
        pytest.skip(f"no small disk: {done.stderr.decode().strip() or 'unshare is not installed'}")


@injects(
    "the disk full under a worker at work, and for its journal too; then there is room again",
    "no snapshot is damaged; it says so and goes on while the journal fits, then ends by name; the "
    "next goes on: state and output as without",
)
@pytest.mark.usefixtures("own_disk")
def test_a_disk_that_is_full(tmp_path: Path, kafka_bootstrap: str) -> None:
    site = site_of(tmp_path / "site", kafka_bootstrap)
    twin = twin_of(site, tmp_path / "twin")
    state = site.folder / "state"
    state.mkdir()
    mount = f'mount -t tmpfs -o size={SMALL} none {state} && exec "$@"'
    payments = Payments(site, 5)
    with (
        Lives(site, under=(*OWN_MOUNTS, "sh", "-c", mount, "sh")) as lives,
        Lives(twin) as others,
    ):
        worker, other = lives.worker(), others.worker()
        # As the worker sees it.
        inside = Path("/proc", str(worker.pid), "root", *state.parts[1:])
        take(site, twin, payments)
        wait_until(lambda: bool(SnapshotFolder(inside).numbers()), worker)
        filler = inside / "filler"
        fill(filler, leave=16 << 10)
        before = whole(inside)
        take(site, twin, payments)
        wait_until(lambda: NO_SNAPSHOT in worker.log(), worker)
        assert "No space left on device" in worker.log()
        assert "Older ones are whole" in worker.log()
        # A snapshot that fails is not the end, and what is there stays.
        take(site, twin, payments)
        assert whole(inside) == before
        filler.unlink()
        wait_until(lambda: whole_or_writing(inside)[:1] > before[:1], worker)
        take(site, twin, payments)
        # Not even room for the journal.
        fill(filler, leave=0)
        deadline = time.monotonic() + SECONDS
        # Some entries still fit behind the last one.
        while worker.wait(0.05) is None:
            payments.pay(2)
            assert time.monotonic() < deadline, worker.log()
        assert worker.status == 1, worker.log()
        said_last = worker.log().splitlines()[-1]
        print(said_last)
        assert "cannot be written (No space left on device)" in said_last
        assert "make room and restart" in said_last
        assert "Traceback" not in worker.log()
        host = Path("/proc", str(lives.pid), "root", *state.parts[1:])
        whole(host)
        (host / "filler").unlink()
        worker = lives.worker()
        taken(site, twin)
        payments.label()
        taken(site, twin)
        end(worker)
        shutil.copytree(host, site.folder / "copied")
        end(other)
    # What was in there went with the last process.
    state.rmdir()
    (site.folder / "copied").rename(state)
    judge(site, twin, payments, 2)


def fill(path: Path, leave: int) -> None:
    """Fill a disk but for so many bytes."""
    room = os.statvfs(path.parent)
    with path.open("wb") as file:
        left = room.f_bavail * room.f_frsize - leave
        try:
            while left > 0:
                left -= os.write(file.fileno(), b"\1" * min(left, 1 << 20))
        except OSError:
            assert leave == 0


def whole_or_writing(folder: Path) -> list[int]:
    return SnapshotFolder(folder).numbers()


def judge(site: Site, twin: Site, payments: Payments, faults: int) -> None:
    """All is said and kept as without; decisions of one that ended may come again."""
    ours, theirs = said(site), said(twin)
    lost, _ = lost_and_repeated(ours, theirs)
    seen(faults, len(payments.sent), lost, repeats(ours["alerts"].elements()))
    assert lost == 0
    assert {n: set(records) for n, records in ours.items()} == {
        n: set(records) for n, records in theirs.items()
    }
    assert ours["alerts"] == theirs["alerts"]
    assert ours["alerts"].total() > 50
    assert became(site) == became(twin)


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Callable[[int], Traced]]:
    """Let calls that force data to the disk fail, in a process that is at work."""
    if shutil.which("strace") is None:
        pytest.skip("no broken disk: strace is not installed")
    made: list[Traced] = []

    def make(pid: int) -> Traced:
        made.append(Traced(pid, tmp_path / f"trace-{len(made)}"))
        return made[-1]

    yield make
    for each in made:
        each.end()


class Traced:
    """While it is there, every fsync of a process fails with EIO."""

    def __init__(self, pid: int, log: Path) -> None:
        self.log = log
        command = ["strace", "-f", "-qq", "-y", "-e", "trace=fsync,rename,unlink"]
        command += ["-e", "inject=fsync:error=EIO", "-o", str(log), "-p", str(pid)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 10
        status = Path("/proc", str(pid), "status")
        while "TracerPid:\t0\n" in status.read_text():
            if self._process.poll() is not None:
                assert self._process.stderr is not None
                pytest.skip(f"no broken disk: {self._process.stderr.read().decode().strip()}")
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @property
    def failed(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if "(INJECTED)" in line]

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.wait(10)
        assert self._process.stderr is not None
        self._process.stderr.close()


@injects(
    "fsync fails with EIO under a worker at work, and under one that starts",
    "what could not be forced to the disk is given up, never tried again and believed; older "
    "snapshots are whole; it says so and goes on: state and output as without",
)
def test_a_disk_that_is_broken(
    tmp_path: Path, kafka_bootstrap: str, traced: Callable[[int], Traced]
) -> None:
    site = site_of(tmp_path / "site", kafka_bootstrap)
    twin = twin_of(site, tmp_path / "twin")
    state = site.folder / "state"
    payments = Payments(site, 6)
    with Lives(site) as lives:
        worker, other = lives.worker(), lives.worker(config=twin.config)
        take(site, twin, payments)
        wait_until(lambda: bool(SnapshotFolder(state).numbers()), worker)
        broken = traced(worker.pid)
        before = whole(state)
        for _ in range(2):
            failed = worker.log().count(NO_SNAPSHOT)
            take(site, twin, payments)
            wait_until(lambda failed=failed: worker.log().count(NO_SNAPSHOT) > failed, worker)
        broken.end()
        faults = len(broken.failed)
        assert faults >= 2
        assert "Input/output error" in worker.log()
        # Each file that could not be forced to the disk got no name, and was not tried again.
        files = [line.partition("<")[2].partition(">")[0] for line in broken.failed]
        assert len(set(files)) == len(files)
        assert "rename(" not in broken.log.read_text()
        assert whole(state) == before
        take(site, twin, payments)
        wait_until(lambda: SnapshotFolder(state).numbers()[:1] > before[:1], worker)
        assert not {Path(file.removesuffix(".part")) for file in files} & set(state.iterdir())
        worker.end(signal.SIGKILL, 10)
        payments.pay(100)
        # One that starts must know that its journal's beginning is on the disk.
        worker = lives.worker(hold=True)
        worker.wait_until_stopped()
        broken = traced(worker.pid)
        os.kill(worker.pid, signal.SIGCONT)
        assert worker.wait(SECONDS) == 1, worker.log()
        said_last = worker.log().splitlines()[-1]
        print(said_last)
        assert "cannot be written (Input/output error)" in said_last
        broken.end()
        faults += len(broken.failed)
        worker = lives.worker()
        taken(site, twin)
        payments.label()
        taken(site, twin)
        end(worker)
        end(other)
    judge(site, twin, payments, faults)
