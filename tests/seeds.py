"""Random seeds for the laws: new ones each run, named by the test that fails."""

from __future__ import annotations

import os
import random
import secrets

import pytest

VARIABLE = "FRAUDSTREAM_SEED"

# The workers of a parallel run must name their tests alike.
_FRESH = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(16))


_RUN = _FRESH.getrandbits(32)


def seeds(rounds: int, with_run: bool = False) -> pytest.MarkDecorator:
    """Run a test on fresh seeds, each in the test's name; FRAUDSTREAM_SEED replays one.

    With `with_run` a seed carries the run's own, see `run_of`, so that tests can share what
    is dear and yet fresh in every run.
    """
    given = os.environ.get(VARIABLE)
    values = [int(given)] if given else [_FRESH.getrandbits(32) for _ in range(rounds)]
    if with_run and not given:
        values = [_RUN << 32 | value for value in values]
    return pytest.mark.parametrize("seed", values, ids=[f"{VARIABLE}={v}" for v in values])


def run_of(seed: int) -> int:
    """Return what all seeds of a run that carry it have in common."""
    return seed >> 32
