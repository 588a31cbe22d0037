"""Random seeds for the laws: new ones each run, named by the test that fails."""

from __future__ import annotations

import os
import random
import secrets

import pytest

VARIABLE = "FRAUDSTREAM_SEED"

# The workers of a parallel run must name their tests alike.
_FRESH = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(16))


def seeds(rounds: int) -> pytest.MarkDecorator:
    """Run a test on fresh seeds, each in the test's name; FRAUDSTREAM_SEED replays one."""
    given = os.environ.get(VARIABLE)
    values = [int(given)] if given else [_FRESH.getrandbits(32) for _ in range(rounds)]
    return pytest.mark.parametrize("seed", values, ids=[f"{VARIABLE}={v}" for v in values])
