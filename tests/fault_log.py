"""What tests that inject faults saw, a line of JSON each: what docs/guarantees.md is made of.

A test says by `injects` which fault it injects and what must hold nevertheless, and by `seen`
what it saw. With FRAUDSTREAM_FAULT_LOG=FILE each of its runs becomes a line of the file, those
that fail and those that are skipped too: `python -m benchmarks faults` counts them.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Generator, Hashable, Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

VARIABLE = "FRAUDSTREAM_FAULT_LOG"
_SEEN: list[dict[str, int | None]] = []
_OUTCOMES = pytest.StashKey[dict[str, str]]()


def injects(fault: str, invariant: str) -> pytest.MarkDecorator:
    """Mark a test: the fault that it injects, and what must hold all the same."""
    return pytest.mark.injects(fault, invariant)


def seen(
    faults: int,
    inputs: int | None = None,
    lost: int | None = None,
    repeated: int | None = None,
) -> None:
    """Note what a run saw; call it before what was seen is asserted.

    Parameters
    ----------
    faults : int
        How often the fault was injected.
    inputs : int, optional
        What went in; None if nothing can be lost here.
    lost : int, optional
        Of these, how many did not come out.
    repeated : int, optional
        What came out beyond the first time.
    """
    _SEEN.append({"faults": faults, "inputs": inputs, "lost": lost, "repeated": repeated})


def repeats(names: Iterable[Hashable]) -> int:
    """Return how many are there beyond the first of each."""
    return sum(n - 1 for n in Counter(names).values())


def used(server: str) -> None:
    """Note which real server a run uses."""
    _write({"server": server})


@cache
def _commit() -> tuple[str | None, bool | None]:
    from benchmarks.machine import facts

    found = facts(0)
    return found["commit"], found["dirty"]


def _write(line: dict[str, Any]) -> None:
    path = os.environ.get(VARIABLE)
    if not path:
        return
    commit, dirty = _commit()
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line |= {"commit": commit, "dirty": dirty, "at": at}
    # One write: the processes of a parallel run share the file.
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, (json.dumps(line) + "\n").encode())
    finally:
        os.close(file)


# A plugin: tests/conftest.py registers this module.


@pytest.fixture(autouse=True)
def _what_was_seen_is_noted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no test claim to inject a fault and say nothing of it."""
    _SEEN.clear()
    yield
    called = request.node.stash.get(_OUTCOMES, {}).get("call")
    marked = request.node.get_closest_marker("injects") is not None
    if called == "passed" and marked != bool(_SEEN):
        pytest.fail("a test is marked by `injects` if, and only if, it says what was `seen`")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """Write a test's line when it is over, whatever became of it."""
    report = yield
    mark = item.get_closest_marker("injects")
    outcomes = item.stash.setdefault(_OUTCOMES, {})
    outcomes[report.when] = report.outcome
    if mark is not None and report.when == "teardown":
        outcome = next((o for o in ("failed", "skipped") if o in outcomes.values()), "passed")
        fault, invariant = mark.args
        test = item.nodeid.partition("[")[0]
        line = {"test": test, "fault": fault, "invariant": invariant, "outcome": outcome}
        _write({**line, "seen": list(_SEEN) if outcomes.get("setup") == "passed" else []})
    return report
