"""Where a worker can be killed: points of its work, at which the process sends
itself a signal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

# A worker comes by these once in its life, by others all the time.
ONCE = ("before init", "after init", "before snapshot", "at assignment", "at revocation")
POINTS = (
    "before journal",
    "after journal",
    "before outcome",
    "after outcome",
    "mid publish",
    "before offsets",
    "after offsets",
    "before commit",
    "after commit",
    "in a replay",
    *ONCE,
)


def install(point: str, hits: int, number: int = signal.SIGKILL) -> None:
    """Have this process get a signal at the `hits`-th time that it comes by `point`."""
    from stream.kafka import sink
    from stream.kafka.source import Source
    from stream.kafka.transactions import TransactionalSink
    from stream.recovery import recovery
    from stream.recovery.segments import Journal

    assert point in POINTS, point
    left = [hits]

    def passes(name: str) -> None:
        if name == point:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), number)

    def around(owner: Any, method: str, before: str = "", after: str = "") -> None:
        real: Callable[..., Any] = getattr(owner, method)

        def wrapped(*given: Any, **named: Any) -> Any:
            passes(before)
            result = real(*given, **named)
            passes(after)
            return result

        setattr(owner, method, wrapped)

    around(Journal, "append", "before journal", "after journal")
    around(Journal, "append_outcome", "before outcome", "after outcome")
    # Between two records, not only between two calls of the client.
    sink._TOGETHER_MAX = 2
    around(TransactionalSink, "_produce", "mid publish")
    around(recovery.Recovery, "_begin_snapshot", "before snapshot")
    around(Source, "_assign", "", "at assignment")
    around(Source, "_revoke", "at revocation")
    call = TransactionalSink._call

    def named_call(sink: Any, doing: str, *given: Any) -> None:
        passes(f"before {doing}")
        call(sink, doing, *given)
        passes(f"after {doing}")

    TransactionalSink._call = named_call  # type: ignore[method-assign]
    replayed = recovery.replayed

    def counted(*given: Any) -> Any:
        for each in replayed(*given):
            passes("in a replay")
            yield each

    recovery.replayed = counted
