"""Random seeds for the laws: new ones each run, named by the test that fails."""

from __future__ import annotations

import os
import secrets

import pytest

VARIABLE = "FRAUDSTREAM_SEED"


def seeds(rounds: int) -> pytest.MarkDecorator:
    """Run a test on fresh seeds, each in the test's name; FRAUDSTREAM_SEED replays one."""
    given = os.environ.get(VARIABLE)
    values = [int(given)] if given else [secrets.randbits(32) for _ in range(rounds)]
    return pytest.mark.parametrize("seed", values, ids=[f"{VARIABLE}={v}" for v in values])
