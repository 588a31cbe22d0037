"""Tasks that touch nothing in common, some of them at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache


def side_by_side(tasks: Sequence[Callable[[], object]], threads: int) -> None:
    """Run tasks, at most `threads` at once, and come back when all have ended.

    Worth it only where the tasks leave the GIL alone, as compiled kernels do.

    Raises
    ------
    Exception
        Whatever the first task that failed, in the order given, raised.
    """
    if threads == 1 or len(tasks) < 2:
        for task in tasks:
            task()
        return
    others = [_pool(threads - 1).submit(task) for task in tasks[1:]]
    try:
        tasks[0]()
    finally:
        # A task that still ran would write into what the caller takes for finished.
        failures = [other.exception() for other in others]
    for failure in failures:
        if failure is not None:
            raise failure


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """One pool for all states of the process: they can be copied and pickled, threads cannot."""
    return ThreadPoolExecutor(threads, thread_name_prefix="features")
