"""States: only what is in use, refused where they are damaged, and then without effect."""

from dataclasses import replace

import numpy as np
import pytest

from models.trees.forest import DenseForest
from models.trees.tree import DenseTree
from schemas.errors import SnapshotError

QUICK = {"warning": {"delta": 0.5, "clock": 4}, "drift": {"delta": 0.3, "clock": 4}}


def build(kind):
    if kind == "tree":
        return DenseTree(6, grace_period=20, delta=0.1, leaf_prediction="nba")
    return DenseForest(6, n_models=3, grace_period=20, delta=0.1, max_features=3, **QUICK)


@pytest.fixture(params=["tree", "forest"])
def kind(request):
    return request.param


@pytest.fixture
def taught(streams, kind):
    model = build(kind)
    # The last rows leave a forest with a tree behind another one.
    model.learn_many(*streams.examples(6, 300, fraud=0.4, missing=0.1))
    return model


def with_array(state, name, change):
    array = state.arrays[name].copy()
    changed = change(array)
    arrays = {**state.arrays, name: array if changed is None else changed}
    return replace(state, arrays=arrays)


def put(at, value):
    def change(array):
        array[at] = value

    return change


DAMAGE = {
    "feature": [put(0, 6), put(0, -2), put(-1, 0), lambda a: a[:-1], lambda a: a.astype(np.int64)],
    "threshold": [put(0, np.nan), put(0, np.inf), lambda a: a[1:]],
    "weights": [put((0, 0), -1.0), put((1, 1), np.nan), lambda a: a[:, :1]],
    "record": [put((0, 1), np.inf), lambda a: a.astype(np.float32)],
    "marks": [put((0, 0), 5), put((0, 1), -1), put((0, 2), 2), lambda a: a[1:]],
    "gauss": [put((0, 0, 0), -1.0), put((0, 0, 3), 1e9), put((0, 0, 1), np.nan), lambda a: a[1:]],
    "events": [put(0, -1), lambda a: a[:2]],
}
FOREST_DAMAGE = {
    "subset": [put((0, 0), 6), put((0, 0), -2), lambda a: a[:, :2], lambda a: np.full_like(a, -1)],
    "waits": [lambda a: ~a, lambda a: a[1:]],
    "classes": [put(0, 4), put(0, -1), lambda a: a[1:]],
    "hits": [put((0, 0), 10**9), put((0, 0), -1)],
    "alarms": [put((0, 0), -1)],
    "words": [
        put(624, 625),
        put(slice(624), 0),
        lambda a: np.array([2**31 - 1, *[0] * 623, a[624]], np.uint32),
        lambda a: a[1:],
        lambda a: a.astype(np.int64),
    ],
    "by_name": [put(0, 1), put(0, 6), lambda a: a[1:]],
}


def damaged(kind, state):
    for name, changes in {**DAMAGE, **(FOREST_DAMAGE if kind == "forest" else {})}.items():
        yield name, replace(state, arrays={k: v for k, v in state.arrays.items() if k != name})
        for change in (*changes, lambda a: a[..., np.newaxis], lambda a: np.zeros((), a.dtype)):
            yield name, with_array(state, name, change)
    yield "kind", replace(state, kind="other/1")
    for name in state.header:
        yield name, replace(state, header={**state.header, name: "?"})
    for name in state.parts:
        yield name, replace(state, parts={k: v for k, v in state.parts.items() if k != name})


def refuses(model, state):
    try:
        model.restore(state)
    except SnapshotError:
        return True
    return False


def test_a_damaged_state_is_refused_and_changes_nothing(streams, kind, taught):
    state = taught.state()
    other = build(kind)
    other.learn_many(*streams.examples(2, 50))
    before = other.state()
    n = 0
    for name, wrong in damaged(kind, state):
        assert refuses(other, wrong), f"{name} was taken, damaged"
        assert streams.same(other.state(), before)
        n += 1
    assert n > 30
    other.restore(state)
    assert streams.same(other.state(), state)


@pytest.mark.parametrize("at", [0, 1, 623])
def test_a_single_bit_is_enough_for_random_numbers(streams, at):
    state = build("forest").state()
    words = np.zeros_like(state.arrays["words"])
    words[at] = 2**31
    model = build("forest")
    model.restore(replace(state, arrays={**state.arrays, "words": words}))
    model.learn_many(*streams.examples(1, 20))


def test_a_state_is_a_copy(streams, taught):
    state = taught.state()
    kept = {name: array.copy() for name, array in state.arrays.items()}
    taught.learn_many(*streams.examples(3, 60))
    assert all(np.array_equal(state.arrays[name], kept[name]) for name in kept)
    before = taught.state()
    for array in taught.state().arrays.values():
        array[...] = 0
    assert streams.same(taught.state(), before)


def test_a_state_holds_only_what_is_in_use(taught):
    arrays = taught.state().arrays
    assert len(arrays["feature"]) == taught.n_nodes == len(arrays["weights"])
    assert sum(array.nbytes for array in arrays.values()) < 400 * taught.n_nodes + 3000


def test_it_has_both_of_a_trees_places_in_turn(streams):
    """A tree that replaced another is saved and restored like any other."""
    model = build("forest")
    for seed in range(12 if streams.compiled else 4):
        X, y = streams.examples(seed, 200 if streams.compiled else 40, fraud=0.5)
        model.learn_many(X * (-1) ** seed, y)
        other = build("forest")
        other.restore(model.state())
        assert streams.same(other.state(), model.state())
        assert other.n_nodes == model.n_nodes
        other.learn_many(X, y)
        again = build("forest")
        again.restore(model.state())
        again.learn_many(X, y)
        assert streams.same(other.state(), again.state())
    assert not streams.compiled or model.drifts.sum() > 0
