"""Processes of our own that call functions: an executor whose calls can be ended at once.

They are started anew, never forked: a fork would share the locks of whatever threads there are.
A process that dies is one clear error, and all others are ended with it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar

from schemas.errors import ProcessError

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Call = tuple[Future[Any], bytes]

# How much of what a process said before it died is shown, characters.
_TAIL = 600
# From SIGTERM to SIGKILL, seconds.
_PATIENCE_S = 5.0
_LENGTH = struct.Struct("<Q")
_ROOT = Path(__file__).parents[2]


class SpawnedProcesses(Executor):
    """Calls functions in processes of their own, in the order in which they are submitted.

    As a context it ends its processes: in order if nothing was raised, else at once.

    Parameters
    ----------
    processes : int
        At the same time, at least 1. Each is started when there is a call for it.

    Raises
    ------
    ValueError
        `processes` is below 1.
    """

    def __init__(self, processes: int) -> None:
        if processes < 1:
            raise ValueError(f"processes must be at least 1, not {processes}")
        self.processes = processes
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._failed: ProcessError | None = None
        self._closed = False
        # A thread waits for each process, so that calls look like those of any executor.
        self._threads = [
            threading.Thread(target=self._serve, name=f"process-{at}", daemon=True)
            for at in range(processes)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that run."""
        with self._lock:
            return list(self._running)

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Call a function of a module, with what can be pickled.

        Returns
        -------
        Future
            What the function raises is its exception; ProcessError if its process died.
        """
        if self._closed:
            raise RuntimeError("no more calls: the processes are ending")
        future: Future[_T] = Future()
        self._calls.put((future, pickle.dumps((fn, args, kwargs))))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the processes end once what was submitted is done."""
        self._closed = True
        if cancel_futures:
            self._cancel()
        for _ in self._threads:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def stop(self) -> None:
        """End all processes at once, and wait until they have ended."""
        self._end_all(ProcessError("the work was stopped"))
        self.shutdown(cancel_futures=True)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """See the class."""
        if kind is None:
            self.shutdown()
        else:
            self.stop()

    def _cancel(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            if call is not None:
                call[0].cancel()

    def _end_all(self, error: ProcessError) -> None:
        with self._lock:
            # The first one to die is the cause; that others did is our doing.
            self._failed = self._failed or error
            running = list(self._running.values())
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _serve(self) -> None:
        """Have one process do call after call."""
        process: subprocess.Popen[bytes] | None = None
        with tempfile.TemporaryFile() as errors:
            try:
                while (call := self._calls.get()) is not None:
                    future, request = call
                    if not future.set_running_or_notify_cancel():
                        continue
                    process = process or self._start(errors)
                    if self._failed is not None or process is None:
                        future.set_exception(self._failed or ProcessError("it was stopped"))
                    else:
                        self._do(process, request, future, errors)
            finally:
                if process is not None:
                    _close(process)
                    with self._lock:
                        self._running.pop(process.pid, None)

    def _start(self, errors: IO[bytes]) -> subprocess.Popen[bytes] | None:
        # Under the lock: between starting and being known nobody could stop it.
        with self._lock:
            if self._failed is not None:
                return None
            others = os.environ.get("PYTHONPATH")
            path = os.pathsep.join([str(_ROOT), *([others] if others else [])])
            process = subprocess.Popen(
                [sys.executable, "-m", "stream.bulk.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": path},
                # A session of its own: Ctrl-C reaches us alone, and we end it in order.
                start_new_session=True,
            )
            self._running[process.pid] = process
            return process

    def _do(
        self,
        process: subprocess.Popen[bytes],
        request: bytes,
        future: Future[Any],
        errors: IO[bytes],
    ) -> None:
        try:
            write_message(process.stdin, request)
            answer = read_message(process.stdout)
        except OSError:
            answer = None
        if answer is None:
            status = process.wait()
            self._end_all(ProcessError(_died(status, errors)))
            future.set_exception(self._failed)
            return
        try:
            done, value = pickle.loads(answer)  # noqa: S301 - of our own process, by a pipe.
        except Exception as error:
            done, value = False, ProcessError(f"what a process said cannot be read: {error!r}")
        if done:
            future.set_result(value)
        else:
            future.set_exception(value)


def write_message(pipe: IO[bytes] | None, message: bytes) -> None:
    """Write some bytes so that `read_message` finds where they end."""
    if pipe is None:
        raise ValueError("the process has no pipe")
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def read_message(pipe: IO[bytes] | None) -> bytes | None:
    """Read what `write_message` wrote; None where the pipe ends before it is whole."""
    if pipe is None:
        raise ValueError("the process has no pipe")
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = pipe.read(length)
    return message if len(message) == length else None


def _close(process: subprocess.Popen[bytes]) -> None:
    """Let a process that has nothing to do end."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            # It may be gone already, and what it was to be told with it.
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _died(status: int, errors: IO[bytes]) -> str:
    errors.seek(0)
    said = errors.read().decode("utf-8", "replace").strip()[-_TAIL:]
    how = f"signal {-status}" if status < 0 else f"status {status}"
    memory = " (too little memory, as a rule: try fewer --processes)" if status == -9 else ""
    return (
        f"a process that did part of the work ended with {how}{memory}, so nothing was written"
        + (f": {said}" if said else "")
    )
