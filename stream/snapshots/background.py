"""Snapshots written while scoring goes on: by a child process, from memory as it was.

`os.fork` gives the child the whole memory as it is at that moment; what the parent changes
afterwards is copied by the system, a page at a time, and nothing else is. So the parent
waits for the fork alone.

A fork copies one thread, and the locks of all the others as they were. So the child does
what needs no lock that one of them might hold: its digest was begun before the fork, it
imports, logs and collects nothing, calls no library but the system's, and leaves by
`os._exit`, without what other modules have to say at an exit. It dies with its parent.

Memory that is shared with a file (`stream.spill`) is no copy: the child would see it
change. What lives of it is copied before the fork, and the parent waits for that too.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from models.states.packing import Envelope
from models.states.snapshot import State
from stream.snapshots.folder import SnapshotFolder

# Scoring comes first where both want the processor.
_NICE = 10
_TEXT_MAX = 4096  # Fits into a pipe that nobody reads yet.
_DONE = b"ok"
_PR_SET_PDEATHSIG = 1
# Looked up before any fork.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Result:
    """What became of a snapshot.

    Attributes
    ----------
    number : int
    path : Path or None
        Where it lies; None if it failed.
    seconds : float
        From the request until it was seen to be done.
    bytes : int
    held_up_s : float
        How long `start` took, for which the parent waited.
    error : str
        Why it failed; empty if it did not.
    """

    number: int
    path: Path | None
    seconds: float
    bytes: int
    held_up_s: float
    error: str = ""


@dataclass(frozen=True)
class _Child:
    pid: int
    said: int  # The end of a pipe.
    number: int
    bytes: int
    began_s: float
    held_up_s: float = 0.0


class BackgroundWriter:
    """Writes one snapshot at a time.

    Parameters
    ----------
    folder : SnapshotFolder
    """

    def __init__(self, folder: SnapshotFolder) -> None:
        self.folder = folder
        self._child: _Child | None = None
        self._result: Result | None = None

    @property
    def busy(self) -> bool:
        """Whether one is being written, or was and nobody asked yet what became of it."""
        return self._child is not None or self._result is not None

    def start(self, state: State, number: int) -> bool:
        """Begin to write a state as it is now; return False if another is `busy`.

        Whatever fails is told by `poll`. The state may change once this returns; the thread
        that called must live on until it is over.

        Raises
        ------
        ValueError
            The state holds what has no bytes.
        """
        if self.busy:
            return False
        began_s = time.monotonic()
        envelope = self.folder.envelope(unshared(state))
        try:
            child = self._fork(envelope, number, began_s)
        except OSError as error:
            why = f"no process could be made to write snapshot {number}: {error.strerror}"
            self._result = Result(number, None, 0.0, envelope.size, 0.0, why)
            return True
        self._child = replace(child, held_up_s=time.monotonic() - began_s)
        return True

    def poll(self) -> Result | None:
        """Return what became of the snapshot once, when it is over; until then None."""
        child, result = self._child, self._result
        if child is not None and _is_over(child.pid):
            result, self._child = self._result_of(child), None
        self._result = None
        return result

    def wait(self, timeout_s: float) -> Result | None:
        """Return what became of the snapshot, as soon as it is over; None after the timeout."""
        deadline_s = time.monotonic() + timeout_s
        if self._child is not None:
            # It says something, or closes the pipe by dying.
            select.select([self._child.said], [], [], max(timeout_s, 0.0))
        while True:
            result = self.poll()
            if result is not None or self._child is None or time.monotonic() >= deadline_s:
                return result
            time.sleep(0.001)

    def stop(self) -> None:
        """Give the snapshot up that is being written, if any; older ones are whole."""
        child, self._child, self._result = self._child, None, None
        if child is not None:
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            os.close(child.said)
            self.folder.clear()

    def _fork(self, envelope: Envelope, number: int, began_s: float) -> _Child:
        said, say = os.pipe()
        parent = os.getpid()
        try:
            with _alone():
                pid = os.fork()
                if pid == 0:
                    _write_and_exit(self.folder, envelope, number, say, parent)
        except OSError:
            os.close(said)
            raise
        finally:
            os.close(say)
        return _Child(pid, said, number, envelope.size, began_s)

    def _result_of(self, child: _Child) -> Result:
        text = os.read(child.said, _TEXT_MAX)
        os.close(child.said)
        seconds = time.monotonic() - child.began_s
        done = Result(child.number, None, seconds, child.bytes, child.held_up_s)
        if text == _DONE:
            return replace(done, path=self.folder.path(child.number))
        self.folder.clear()
        why = text.decode("utf-8", "replace") or "its process was ended before it was done"
        return replace(done, error=why)


def unshared(state: State) -> State:
    """Return a state with copies of what lies in memory that is shared with a file."""
    arrays = {name: _own(array) for name, array in state.arrays.items()}
    parts = {name: unshared(part) for name, part in state.parts.items()}
    return replace(state, arrays=arrays, parts=parts)


def _own(array: NDArray[Any]) -> NDArray[Any]:
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if isinstance(owner, np.memmap):
            return np.array(array)
        owner = owner.base
    return np.array(array) if isinstance(owner, mmap.mmap) else array


@contextmanager
def _alone() -> Iterator[None]:
    """Fork within this: the child collects no garbage, whose destructors are others' code."""
    collects = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            # Python warns of forks beside threads; why this one is safe stands above.
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        if collects:
            gc.enable()


def _write_and_exit(
    folder: SnapshotFolder, envelope: Envelope, number: int, say: int, parent: int
) -> NoReturn:
    """Be the child."""
    text = b""
    try:
        # Ctrl-C goes to the whole group; what the parent makes of it is the parent's.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() == parent:
            os.nice(_NICE)
            folder.write_envelope(envelope, number)
            text = _DONE
    except BaseException as error:  # Nobody is above to catch it.
        text = str(error).encode()[:_TEXT_MAX] or type(error).__name__.encode()
    finally:
        try:
            os.write(say, text)
        finally:
            os._exit(text != _DONE)


def _is_over(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # Somebody else's handler has reaped it.
        return True
