"""Tasks in processes of their own; one that fails does not touch the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any

# How much of what a process said before it died is shown, characters.
_TAIL = 600
# From SIGTERM to SIGKILL, seconds.
_PATIENCE_S = 5.0
# Until an interruption that was dropped is sent again.
_AGAIN_S = 0.05

Task = dict[str, Any]
TaskResult = dict[str, Any]
"""What a task found, or why it failed, under ``error``."""


class Processes:
    """The processes that are running; its methods may be called from any thread."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, task: Task, tell: Callable[[float], None]) -> TaskResult:
        """Do a task in a process, and wait for it.

        Parameters
        ----------
        task : dict
            See `stream.experiment.task`.
        tell : callable
            Told which fraction is done.
        """
        with tempfile.TemporaryFile() as errors:
            process = self._start(task, errors)
            if process is None:
                return {"error": "it was stopped"}
            try:
                found = _listen(process, tell)
                status = process.wait()
            finally:
                with self._lock:
                    self._running.discard(process)
                if process.stdout is not None:
                    process.stdout.close()
            return found or {"error": _died(status, errors)}

    def stop(self) -> None:
        """End all processes, start no more, and wait until they have ended."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, task: Task, errors: IO[bytes]) -> subprocess.Popen[bytes] | None:
        # Under the lock: between starting and being known nobody could stop it.
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(  # noqa: S603 - our own module, no shell.
                [sys.executable, "-m", "stream.experiment.task", json.dumps(task)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                # A session of its own: Ctrl-C reaches us alone, and we end it in order.
                start_new_session=True,
            )
            self._running.add(process)
            return process


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM what Ctrl-C is: a KeyboardInterrupt in the main thread.

    One that comes up where Python drops it, in a finalizer or in a callback from C, comes again.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def unraisable(dropped: sys.UnraisableHookArgs) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            timers.append(threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGTERM)))
            timers[-1].start()
        else:
            report(dropped)

    timers: list[threading.Timer] = []
    report, sys.unraisablehook = sys.unraisablehook, unraisable
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        signal.signal(signal.SIGTERM, before)
        sys.unraisablehook = report


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _listen(process: subprocess.Popen[bytes], tell: Callable[[float], None]) -> TaskResult | None:
    """Read what a process says to its end; None if it found nothing and does not say why."""
    found = None
    if process.stdout is None:
        raise ValueError("the process has no stdout")
    for line in process.stdout:
        try:
            said = json.loads(line)
        except ValueError:
            continue  # A model of somebody's that prints, or half a line of one that was killed.
        if not isinstance(said, dict):
            continue
        if "done" in said:
            tell(said["done"])
        else:
            found = said.get("found") or {"error": said.get("error", "it did not say why")}
    return found


def _died(status: int, errors: IO[bytes]) -> str:
    errors.seek(0)
    said = errors.read().decode("utf-8", "replace").strip()[-_TAIL:]
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"its process ended with {how} and no result" + (f": {said}" if said else "")
