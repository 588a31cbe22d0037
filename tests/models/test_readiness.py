"""Counts of labels by class."""

import numpy as np
import pytest
from seeds import seeds

from models.readiness import FRAUDS_MIN, GENUINE_MIN, ClassCounts
from models.states.snapshot import State
from schemas.errors import SnapshotError


@seeds(3)
def test_labels_are_counted_by_class(seed):
    rng = np.random.default_rng(seed)
    counts, frauds, genuine = ClassCounts(3, 20), 0, 0
    for _ in range(30):
        y = rng.random(rng.integers(0, 6)) < 0.2
        counts.count(y)
        for label in y.tolist():
            frauds, genuine = frauds + label, genuine + (not label)
        assert (counts.frauds, counts.genuine, counts.learned) == (
            frauds,
            genuine,
            frauds + genuine,
        )
        assert counts.ready is (frauds >= 3 and genuine >= 20)


def test_both_classes_are_needed():
    assert ClassCounts().ready is False
    assert ClassCounts(frauds=FRAUDS_MIN, genuine=GENUINE_MIN).ready is True
    assert ClassCounts(frauds=FRAUDS_MIN - 1, genuine=GENUINE_MIN).ready is False
    assert ClassCounts(frauds=FRAUDS_MIN, genuine=GENUINE_MIN - 1).ready is False
    assert ClassCounts(0, 0).ready is True


@pytest.mark.parametrize("name", ["frauds_min", "genuine_min", "frauds", "genuine"])
@pytest.mark.parametrize("value", [-1, 1.5, True, None, "3"])
def test_what_is_no_count_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*: give a whole number from 0 on"):
        ClassCounts(**{name: value})
    header = ClassCounts().header() | {name: value}
    with pytest.raises(SnapshotError, match=f"m/1: {name} is "):
        ClassCounts().restored(State("m/1", header))
    del header[name]
    with pytest.raises(SnapshotError, match=f"m/1: {name} is None"):
        ClassCounts().restored(State("m/1", header))


def test_a_header_brings_them_back():
    counts = ClassCounts(2, 3, 4, 5)
    header = counts.header()
    assert header == {"frauds_min": 2, "genuine_min": 3, "frauds": 4, "genuine": 5}
    fresh = ClassCounts(2, 3)
    assert fresh.restored(State("m/1", header | {"other": 1})) == counts
    assert fresh == ClassCounts(2, 3)
    counts.count(np.ones(1, np.bool_))
    assert header["frauds"] == 4


@pytest.mark.parametrize("other", [ClassCounts(2, 4), ClassCounts(1, 3)])
def test_counts_for_other_minimums_are_refused(other):
    with pytest.raises(SnapshotError, match=r"build the model with (frauds|genuine)_min="):
        other.restored(State("m/1", ClassCounts(2, 3, 4, 5).header()))
