"""``fraudstream run --workers N``: several workers of one machine, each a process of its own."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from schemas.errors import ConfigError
from stream.cli.console import FAILED, INTERRUPTED, OK, emit_json, say, until_signalled
from stream.config.configuration import Config, load

# Names the process that a worker is to end with.
PARENT = "FRAUDSTREAM_PARENT"
_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.1
# Beyond a worker's own deadline, after which it ends itself.
_PATIENCE_S = 5.0
_PORT_MAX = 65_535


def run_workers(path: Path | None, n: int, as_json: bool, page: int | None = None) -> int:
    """Run so many workers until told to stop; return the exit status.

    One that ends by itself ends the others: whoever watches this process then starts all again.

    Parameters
    ----------
    path : Path or None
        Of the configuration.
    n : int
    as_json : bool
    page : int, optional
        Port of the first one's live page; the others have those that follow.
    """
    config = load(path)
    check_workers(config, n, page)
    reports: list[IO[bytes]] = []
    workers: list[subprocess.Popen[bytes]] = []
    with until_signalled(lambda: None) as came:
        try:
            for at in range(n):
                # Started anew and not forked: each has clients, threads and kernels of its own.
                reports.append(tempfile.TemporaryFile())  # noqa: SIM115 - read when it has ended.
                workers.append(_start(config, path, at, as_json, page, reports[-1]))
            ended = _watch(workers, came)
        finally:
            _stop(workers, config.worker.shutdown_deadline / 1e6 + _PATIENCE_S)
        if as_json:
            emit_json({"workers": [_report(each) for each in reports]})
        if ended is not None:
            status = workers[ended].returncode
            say(f"error: worker {ended + 1} of {n} ended by itself, with {_said(status)}")
            return status if status > 0 else FAILED
        # One that had not come far enough to end in order has left nothing behind.
        statuses = [each.returncode for each in workers if each.returncode != -signal.SIGTERM]
        if any(statuses):
            return next((each for each in statuses if each > 0), FAILED)
        return INTERRUPTED if signal.SIGINT in came else OK


def check_workers(config: Config, n: int, page: int | None) -> None:
    """Refuse workers that would be in each other's way.

    Raises
    ------
    ConfigError
        There is one state for all partitions, all would have one name, or ports do not suffice.
    """
    if n > 1 and not config.per_partition:
        raise ConfigError(
            f"--workers {n}: with worker.state = 'whole' one worker has all partitions, and the "
            "others would have none: set worker.state = 'per_partition' (docs/workers.md)"
        )
    if n > 1 and "group.instance.id" in config.kafka.client:
        raise ConfigError(
            f"--workers {n}: all would be the one member that kafka.client's group.instance.id "
            "names, and fence each other off: leave it out, or start each worker by itself"
        )
    port = config.admin.port if page is None else page
    if port and port + n - 1 > _PORT_MAX:
        raise ConfigError(f"--workers {n}: from port {port} on there are not so many: give a lower")


def end_with_parent(environment: Mapping[str, str] = os.environ) -> None:
    """Get SIGTERM when the process ends that started this one as one of its workers.

    However it ends: nobody else would stop them. Only Linux can tell.
    """
    parent = environment.get(PARENT, "")
    if not parent.isdecimal() or sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        # It ended before it could be told to tell.
        os.kill(os.getpid(), signal.SIGTERM)


def _start(
    config: Config, path: Path | None, at: int, as_json: bool, page: int | None, report: IO[bytes]
) -> subprocess.Popen[bytes]:
    environment = {**os.environ, PARENT: str(os.getpid())}
    if config.admin.port and page is None:
        environment["FRAUD_ADMIN__PORT"] = str(config.admin.port + at)
    arguments = ["run"]
    arguments += [] if path is None else ["--config", str(path)]
    arguments += [] if page is None else ["--page", str(page + at)]
    return subprocess.Popen(  # noqa: S603 - our own module, no shell.
        [sys.executable, "-m", "stream", *arguments, *(["--json"] if as_json else [])],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=report if as_json else None,
        # Ctrl-C reaches us alone, and we end them in order.
        process_group=0,
    )


def _watch(workers: list[subprocess.Popen[bytes]], came: list[int]) -> int | None:
    """Wait until a signal came; return which worker ended before, if one did."""
    while not came:
        for at, worker in enumerate(workers):
            if worker.poll() is not None:
                return at
        time.sleep(_LOOK_S)
    return None


def _stop(workers: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """End all that are still there, in order; whoever takes too long is killed."""
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    deadline = time.monotonic() + seconds
    for worker in workers:
        try:
            worker.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _report(file: IO[bytes]) -> Any:
    """Return what a worker said of itself; None if it said nothing."""
    with file:
        file.seek(0)
        try:
            return json.loads(file.read())
        except ValueError:
            return None


def _said(status: int) -> str:
    return f"status {status}" if status >= 0 else f"signal {-status}"
