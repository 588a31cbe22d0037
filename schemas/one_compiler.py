"""One process at a time compiles a kernel; the others wait, and take it from the disk.

Processes that start together need the same kernels at the same time. Compiling takes seconds, and
Numba's files are not made for two writers: both would number their code alike, and a signature
would be given the other's.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

# Longer than any kernel takes: a process that was stopped must not hold up all others for ever.
_SECONDS_MAX = 120.0
_PAUSE_S = 0.01
# Files this process holds: a kernel may need itself, with other types.
_held: set[Path] = set()


def one_at_a_time(compiled: Any, lock: Path) -> None:
    """Let a dispatcher of Numba's look for its code, compile and keep it while no other does.

    Parameters
    ----------
    compiled : numba dispatcher
        Changed in place.
    lock : Path
        A file that is made when it is first needed; the folder too.
    """
    compile_here: Callable[[Any], Any] = compiled.compile

    def compile_alone(signature: Any) -> Any:
        # The threads of this process first: whoever holds the file must not wait for them.
        with global_compiler_lock, _alone(lock):
            return compile_here(signature)

    compiled.compile = compile_alone


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a file; give up where it cannot be had, for then a kernel is only compiled twice."""
    if lock in _held:
        yield
        return
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    _held.add(lock)
    try:
        _wait_for(file)
        yield
    finally:
        _held.discard(lock)
        os.close(file)


def _wait_for(file: int) -> None:
    deadline = time.monotonic() + _SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            # Held by the process, not by the open file: what it forks does not hold it.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            time.sleep(_PAUSE_S)
        except OSError:
            return
        else:
            return
