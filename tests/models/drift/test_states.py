"""States of detectors: whole, or refused without a change."""

from dataclasses import replace

import numpy as np
import pytest
from seeds import seeds

from models.drift.adwin import DRIFTED, FOUND, TICK, TOP, WIDTH, Detectors, new, update
from models.drift.states import restored, state_of
from schemas.errors import SnapshotError


def lived(seed, **params):
    detectors = new(3, **params)
    rng = np.random.default_rng(seed)
    for value in rng.normal(0, 1, 400):
        update(detectors, int(rng.integers(2)), value)
    return detectors


@seeds(3)
def test_a_state_is_the_detectors(seed):
    detectors = lived(seed, clock=1)
    found = restored(state_of(detectors), new(3, clock=1))
    for name in Detectors._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(detectors, name))


def test_a_state_is_a_copy_and_so_is_what_is_restored():
    detectors = lived(1)
    state = state_of(detectors)
    kept = {name: values.copy() for name, values in state.arrays.items()}
    update(detectors, 0, 5.0)
    found = restored(state, detectors)
    update(found, 0, 5.0)
    for name, values in kept.items():
        np.testing.assert_array_equal(state.arrays[name], values)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"max_buckets": 4}, "max_buckets is 5 in the state and 4 in the model"),
        ({"levels": 9}, "levels"),
        ({"delta": 0.1}, "deltas"),
        ({"clock": 3}, "rules"),
        ({"min_window_length": 3}, "rules"),
        ({"grace_period": 3}, "rules"),
    ],
)
def test_a_state_of_other_detectors_is_refused(params, told):
    state = state_of(lived(1))
    with pytest.raises(SnapshotError, match=told):
        restored(state, new(3, **params))
    with pytest.raises(SnapshotError, match="n is 3"):
        restored(state, new(2))


def test_a_state_of_another_kind_is_refused():
    with pytest.raises(SnapshotError, match=r"'adwin/2'.*'adwin/1'"):
        restored(replace(state_of(new(1)), kind="adwin/2"), new(1))


def put(name, where, value):
    def damage(arrays):
        arrays[name][where] = value

    return damage


def overfill(arrays):
    arrays["counters"][0, WIDTH] += 6 - arrays["sizes"][0, 0]
    arrays["sizes"][0, 0] = 6


def fill_all_levels(arrays):
    arrays["sizes"][2] = 1
    arrays["counters"][2, WIDTH] = 2**32 - 1
    arrays["counters"][2, TOP] = 32


DAMAGE = {
    "size beyond the slots": put("sizes", (0, 0), 7),
    "size beyond what merging leaves": overfill,
    "negative size": put("sizes", (0, 1), -1),
    "size of another width": put("sizes", (1, 0), 0),
    "top beyond the levels": put("counters", (0, TOP), 32),
    "top beyond the levels of an empty window": put("counters", (2, TOP), 32),
    "top of an empty window": put("counters", (2, TOP), 1),
    "top beyond the levels of a full window": fill_all_levels,
    "negative top": put("counters", (0, TOP), -1),
    "top too low": put("counters", (0, TOP), 0),
    "top too high": put("counters", (0, TOP), 31),
    "width": put("counters", (0, WIDTH), 3),
    "negative tick": put("counters", (0, TICK), -5),
    "negative count of cuts": put("counters", (0, FOUND), -5),
    "flag": put("counters", (0, DRIFTED), 2),
    "NaN": put("totals", (0, 0, 0), np.nan),
    "infinity": put("sums", (0, 0), np.inf),
    "unused bucket": put("totals", (2, 3, 1), 1.0),
    "missing": lambda arrays: arrays.pop("squares"),
    "dtype": lambda arrays: arrays.update(sizes=arrays["sizes"].astype(np.int32)),
    "shape": lambda arrays: arrays.update(sums=arrays["sums"][:2]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_state_is_refused(damage):
    state = state_of(lived(7))
    damage(state.arrays)
    with pytest.raises(SnapshotError, match="adwin/1"):
        restored(state, new(3))
