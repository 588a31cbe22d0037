"""Random seeds for the laws: new ones each run, named by the test that fails."""

from __future__ import annotations

import os
import random
import secrets
import shlex
from collections.abc import Generator
from typing import Any

import pytest

VARIABLE = "FRAUDSTREAM_SEED"
# How many times as many seeds each law takes, where many of them are simulated.
FACTOR = "FRAUDSTREAM_SEED_FACTOR"

# The workers of a parallel run must name their tests alike.
_FRESH = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(16))


_RUN = _FRESH.getrandbits(32)


def factor() -> int:
    """Return how many times as many seeds are asked for.

    Raises
    ------
    pytest.UsageError
        The variable holds no number above 0.
    """
    text = os.environ.get(FACTOR, "1")
    if not text.isdecimal() or int(text) < 1:
        raise pytest.UsageError(f"{FACTOR} is {text!r}: give a whole number from 1 on")
    return int(text)


def seeds(
    rounds: int, with_run: bool = False, known: tuple[tuple[int, str], ...] = ()
) -> pytest.MarkDecorator:
    """Run a test on fresh seeds, each in the test's name; FRAUDSTREAM_SEED replays one.

    Uncompiled, where a stream takes many times as long, there are a third as many.

    With `with_run` a seed carries the run's own, see `run_of`, so that tests can share what
    is dear and yet fresh in every run. `known` are seeds that found a fault once, and which:
    they come first in every run.
    """
    given = os.environ.get(VARIABLE)
    if given:
        values = [int(given)]
    else:
        rounds = max(1, rounds // 3) if _uncompiled() else rounds
        fresh = [_FRESH.getrandbits(32) for _ in range(rounds * factor())]
        if with_run:
            fresh = [_RUN << 32 | value for value in fresh]
        values = [seed for seed, _ in known] + fresh
    return pytest.mark.parametrize("seed", values, ids=[f"{VARIABLE}={v}" for v in values])


def _uncompiled() -> bool:
    return os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"


def run_of(seed: int) -> int:
    """Return what all seeds of a run that carry it have in common."""
    return seed >> 32


def replay_command(nodeid: str, seed: int) -> str:
    """Return the line that runs a test on one seed once more."""
    plain = "NUMBA_DISABLE_JIT=1 " if _uncompiled() else ""
    return f"{plain}{VARIABLE}={seed} python -m pytest {shlex.quote(nodeid)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, Any]:
    """Say with each failure of a seed how it is had again; tests/conftest.py registers this."""
    report = yield
    seed = getattr(item, "callspec", None) and item.callspec.params.get("seed")
    if report.failed and isinstance(seed, int) and f"{VARIABLE}={seed}" in item.nodeid:
        report.sections.append(("once more", replay_command(item.nodeid, seed)))
    return report
