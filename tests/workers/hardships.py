"""What a worker's process has to live with: a clock that jumps, another release, little memory."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HOUR_NS = 3600 * 10**9


def install(given: Mapping[str, Any]) -> None:
    """Bring hardships upon this process, by their names."""
    for name, value in given.items():
        HARDSHIPS[name](value)


def clock(_: bool) -> None:
    """Have the clock go on by an hour at SIGUSR1, and back by one at SIGUSR2.

    What tells how much time has passed goes on as it did. The client library reads the
    system's own clock, which stays.
    """
    real_ns, shift_ns = time.time_ns, [0]

    def jump(number: int, _: Any) -> None:
        shift_ns[0] += HOUR_NS if number == signal.SIGUSR1 else -HOUR_NS

    signal.signal(signal.SIGUSR1, jump)
    signal.signal(signal.SIGUSR2, jump)
    time.time_ns = lambda: real_ns() + shift_ns[0]
    time.time = lambda: (real_ns() + shift_ns[0]) / 1e9


def release(number: str) -> None:
    """Be of another release."""
    from stream.recovery import code_version

    code_version.release = lambda: number
    code_version.code_version.cache_clear()


def code(name: str) -> None:
    """Be of this release, and of other sources."""
    from stream.recovery import code_version, setup

    setup.code_version = lambda: f"{code_version.release()}+{name}"


def scores(shift: float) -> None:
    """Score payments otherwise than every other code does."""
    from stream.engine.engine import Engine

    step = Engine.step

    def otherwise(engine: Engine, batch: Any) -> Any:
        effects = step(engine, batch)
        effects.scores[:] += shift
        return effects

    Engine.step = otherwise  # type: ignore[method-assign]


def snapshot_format(number: int) -> None:
    """Write and read snapshots of another format."""
    from models.states import packing

    packing.VERSION = number


def room(size: int) -> None:
    """Let this process have so many bytes of memory more than it has now, and no others."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + size, now + size))


def hold(_: bool) -> None:
    """Wait for SIGCONT before anything is done."""
    os.kill(os.getpid(), signal.SIGSTOP)


HARDSHIPS: dict[str, Callable[[Any], None]] = {
    each.__name__: each for each in (clock, release, code, scores, snapshot_format, room, hold)
}
