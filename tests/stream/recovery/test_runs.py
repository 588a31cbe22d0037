"""Runs say exactly which records were taken, and in which order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from seeds import seeds

from stream.recovery.runs import Run, fingerprint, rows_of, runs_of


@seeds(20)
def test_runs_are_the_records_in_their_order(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 60))
    next_offset = [int(rng.integers(0, 2**40)) for _ in range(3)]
    taken = []
    partition = 0
    for _ in range(n):
        if rng.random() < 0.3:
            partition = int(rng.integers(0, 3))
        next_offset[partition] += 1 + int(rng.random() < 0.1)
        taken.append((partition, next_offset[partition]))
    columns = np.array(taken, np.int64).reshape(-1, 2).T
    runs = runs_of(columns[0], columns[1])
    assert [(run.partition, at) for run in runs for at in range(run.first, run.behind)] == taken
    assert rows_of(runs) == n
    for one, other in pairwise(runs):
        assert (one.partition, one.behind) != (other.partition, other.first)


def test_runs_are_plain_numbers():
    (run,) = runs_of(np.array([2, 2]), np.array([7, 8]))
    assert run == Run(2, 7, 2)
    assert {type(value) for value in run} == {int}


def test_a_fingerprint_tells_one_batch_from_another():
    times = np.arange(5) * 1000
    assert fingerprint(times) == fingerprint(times.copy()[::1])
    assert fingerprint(times) != fingerprint(times[::-1])
    assert fingerprint(times) != fingerprint(times[:4])
