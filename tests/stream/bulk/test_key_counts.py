"""Counting keys: exact at the border, and bounded."""

from __future__ import annotations

import numpy as np
import pytest
from seeds import seeds

from stream.bulk import key_counts
from stream.bulk.key_counts import KeyCount


@seeds(5)
def test_it_is_exceeded_by_one_more_and_by_no_less(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(key_counts, "_GATHERED", int(rng.integers(1, 300)))
    keys = rng.integers(0, 60, 500).astype(np.uint64)
    there = len(set(keys.tolist()) - {0})
    for room in (there - 1, there, there + 1):
        count = KeyCount(room)
        for part in np.array_split(keys, int(rng.integers(1, 40))):
            count.add(part)
        count.settle()
        assert count.exceeded == (there > room)


def test_what_is_exceeded_keeps_nothing() -> None:
    count = KeyCount(3)
    for start in range(10):
        count.add(np.arange(1 + start, 9 + start, dtype=np.uint64))
        count.settle()
    assert count.exceeded
    assert len(count._known) == 0
