"""One server for all processes of a parallel run: who first needs it starts it for the others."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

_LOOK_S = 0.1
# Longer than any file of tests takes.
_WAIT_S = 1200.0


@contextmanager
def shared(folder: Path, start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """Give the address of a server that other processes use too.

    Whoever started it stops it, once nobody uses it any more; processes that died use nothing.

    Parameters
    ----------
    folder : Path
        The same for all of them; it is made.
    start : callable
        Runs the server while it is entered, and gives its address.
    """
    folder.mkdir(parents=True, exist_ok=True)
    address, user = folder / "address", folder / f"user-{os.getpid()}"
    with ExitStack() as started:
        with _locked(folder):
            ours = not address.exists()
            if ours:
                address.write_text(started.enter_context(start()))
            user.touch()
            found = address.read_text()
        try:
            yield found
        finally:
            user.unlink()
            if ours:
                _wait_for_others(folder, address)


def _wait_for_others(folder: Path, address: Path) -> None:
    """Wait until nobody uses the server, and let nobody begin to."""
    until_s = time.monotonic() + _WAIT_S
    while True:
        with _locked(folder):
            if time.monotonic() > until_s or not any(map(_lives, folder.glob("user-*"))):
                address.unlink()
                return
        time.sleep(_LOOK_S)


def _lives(user: Path) -> bool:
    try:
        os.kill(int(user.name.removeprefix("user-")), 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with open(folder / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
