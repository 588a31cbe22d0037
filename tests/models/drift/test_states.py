"""States of detectors: whole, or refused without a change."""

from dataclasses import replace

import numpy as np
import pytest
from seeds import seeds

from models.drift import kswin, page_hinkley
from models.drift.adwin import DRIFTED, FOUND, TICK, TOP, WIDTH, Detectors, new, update
from models.drift.states import of_others, restored, state_of
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


# The detectors that know when, as a module, and what else they can be built with.
SUDDEN = {
    page_hinkley: {"threshold": 9.0},
    kswin: {"alpha": 0.1},
}
OTHERS = [
    (page_hinkley, {"delta": 0.1}, "rules"),
    (page_hinkley, {"alpha": 0.5}, "rules"),
    (page_hinkley, {"min_instances": 5}, "limits"),
    (page_hinkley, {"mode": "up"}, "limits"),
    (kswin, {"alpha": 0.2}, "rules"),
    (kswin, {"seed": 9}, "seeds"),
    (kswin, {"window_size": 90}, "window_size is 100"),
    (kswin, {"stat_size": 20}, "stat_size is 30"),
]


def seen(module, seed=3):
    """Three detectors: the second one's window is full, the third has seen nothing."""
    detectors = module.new(3)
    values = np.random.default_rng(seed).normal(0, 1, 150)
    for at, rows in ((0, 60), (1, 150)):
        for value in values[:rows].tolist():
            module.update(detectors, at, value)
    return detectors


@pytest.mark.parametrize("module", SUDDEN)
def test_what_is_restored_shares_no_memory_with_anybody(module):
    detectors, like = seen(module), module.new(3)
    state = state_of(detectors)
    kept = {name: values.copy() for name, values in state.arrays.items()}
    found = restored(state, like)
    for value in (0.5, -2.0, 7.0):
        assert module.update(found, 1, value) == module.update(detectors, 1, value)
    for name, values in kept.items():
        np.testing.assert_array_equal(state.arrays[name], values)
    for ours, fresh in zip(like, module.new(3), strict=True):
        np.testing.assert_array_equal(ours, fresh)


@pytest.mark.parametrize(("module", "params", "told"), OTHERS)
def test_other_parameters_are_told_apart(module, params, told):
    state = state_of(seen(module))
    assert of_others(state, module.new(3, **params))
    assert not of_others(state, module.new(3))
    with pytest.raises(SnapshotError, match=told):
        restored(state, module.new(3, **params))


HARM = {
    page_hinkley: {
        "values that are negative": put("counters", (0, page_hinkley.COUNT), -1),
        "a turn behind the end": put("counters", (0, page_hinkley.COUNT_AT_LEAST), 10**6),
        "a turn before the beginning": put("counters", (0, page_hinkley.COUNT_AT_GREATEST), 0),
        "a flag": put("counters", (0, page_hinkley.DRIFTED), 2),
        "a drift of nothing": put("counters", (2, page_hinkley.DRIFTED), 1),
        "sums of nothing": put("sums", (2, 0), 1.0),
        "NaN": put("sums", (0, 0), np.nan),
    },
    kswin: {
        "more than a window": put("counters", (1, kswin.SIZE), 101),
        "a hole": put("counters", (0, kswin.SIZE), 59),
        "a cursor beyond the window": put("counters", (1, kswin.NEXT), 100),
        "a cursor elsewhere": put("counters", (0, kswin.NEXT), 3),
        "values that are negative": put("counters", (0, kswin.COUNT), -1),
        "a flag": put("counters", (1, kswin.DRIFTED), 2),
        "a drift of too few": put("counters", (0, kswin.DRIFTED), 1),
        "words beyond the generator's": put("words", (0, 624), 625),
        "a slot that is not in use": put("values", (0, 99), 1.0),
        "NaN": put("values", (1, 0), np.nan),
        "missing": lambda arrays: arrays.pop("said"),
        "dtype": lambda arrays: arrays.update(words=arrays["words"].astype(np.int64)),
    },
}


@pytest.mark.parametrize(
    ("module", "damage"),
    [
        pytest.param(module, damage, id=f"{module.__name__.rsplit('.', 1)[-1]}: {name}")
        for module, damages in HARM.items()
        for name, damage in damages.items()
    ],
)
def test_a_damaged_state_of_the_others_is_refused(module, damage):
    state = state_of(seen(module))
    restored(state, module.new(3))
    damage(state.arrays)
    with pytest.raises(SnapshotError, match=state.kind):
        restored(state, module.new(3))
