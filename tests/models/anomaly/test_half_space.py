"""Half-space trees over arrays: River's scores bit for bit, whatever comes, however it is cut."""

from dataclasses import replace

import numpy as np
import pytest
from numba import config
from river import anomaly
from seeds import seeds

from models.anomaly.half_space import DenseHalfSpaceTrees
from models.anomaly.masses import MASS_BITS
from schemas.errors import SnapshotError

INTERPRETED = bool(config.DISABLE_JIT)
N = 300 if INTERPRETED else 3000
SMALL = {"n_trees": 4, "height": 4, "window_size": 20}
SHAPES = [
    SMALL,
    {"n_trees": 10, "height": 8, "window_size": 50},
    {"n_trees": 3, "height": 1, "window_size": 7},
    {"n_trees": 2, "height": 3, "window_size": 1},
    {"n_trees": 3, "height": 6, "window_size": 3},
]
NAMES = "abcdef"


def rows(seed, n, unknown=0.1):
    rng = np.random.default_rng(seed)
    X = rng.beta(2, 5, (n, len(NAMES)))
    X[:, 1] = 0.5  # Constant.
    X[:, 2] = rng.random(n) < 0.3
    # In turns, so that nodes stay unreached for whole windows.
    X[:, 0] = np.where(np.arange(n) // 100 % 2, 0.1, 0.9) + rng.normal(0, 0.01, n)
    X[rng.random(X.shape) < unknown] = np.nan
    X[0] = 0.5
    return X


def by_hand(x):
    return {name: v for name, v in zip(NAMES, x.tolist(), strict=True) if v == v}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@seeds(2)
def test_scores_are_rivers_bit_for_bit(shape, seed):
    X = rows(seed, N)
    ours = DenseHalfSpaceTrees(len(NAMES), **shape, seed=seed)
    river = anomaly.HalfSpaceTrees(**shape, seed=seed)
    size = int(np.random.default_rng(seed).integers(1, 60))
    seen = set()
    for start in range(0, N, size):
        batch = X[start : start + size]
        expected = [river.score_one(by_hand(x)) for x in batch]
        assert ours.score_many(batch).tolist() == expected
        seen.update(expected)
        ours.learn_many(batch)
        for x in batch:
            river.learn_one(by_hand(x))
    assert len(seen) > 1


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="full size wants compiled kernels")
@pytest.mark.parametrize("height", [8, 12])
def test_scores_are_rivers_over_many_events(height):
    X = rows(height, 6000)
    shape = {"n_trees": 25, "height": height, "window_size": 250}
    ours = DenseHalfSpaceTrees(len(NAMES), **shape, seed=1)
    river = anomaly.HalfSpaceTrees(**shape, seed=1)
    for start in range(0, len(X), 256):
        batch = X[start : start + 256]
        expected = [river.score_one(by_hand(x)) for x in batch]
        assert ours.score_many(batch).tolist() == expected
        ours.learn_many(batch)
        for x in batch:
            river.learn_one(by_hand(x))


@seeds(1)
def test_a_value_on_a_threshold_goes_right_as_in_river(seed):
    ours = DenseHalfSpaceTrees(len(NAMES), **SMALL, seed=seed)
    river = anomaly.HalfSpaceTrees(**SMALL, seed=seed)
    rng = np.random.default_rng(seed)
    arrays = ours.state().arrays
    cuts = [arrays["thresholds"][arrays["features"] == j] for j in range(len(NAMES))]
    X = np.column_stack([rng.choice([*each, 0.5], 200) for each in cuts])
    X[rng.random(X.shape) < 0.1] = np.nan
    X[0] = 0.5
    for x in X:
        assert ours.score_many(x[np.newaxis])[0] == river.score_one(by_hand(x))
        ours.learn_many(x[np.newaxis])
        river.learn_one(by_hand(x))


def naive_scores(ours, X, window_size, height):
    """Scores by counting the rows of whole windows at every node, with nothing lazy."""
    state = ours.state()
    features, thresholds = state.arrays["features"], state.arrays["thresholds"]
    n_trees, nodes = len(features), 2 ** (height + 1) - 1
    now, before = np.zeros((n_trees, nodes), int), None
    found = []
    for i, x in enumerate(X):
        score = 0
        for tree in range(n_trees):
            node, path = 0, [0]
            while node < len(features[tree]):
                value, left = x[features[tree, node]], 2 * node + 1
                if np.isnan(value):
                    node = left + int(now[tree, left] < now[tree, left + 1])
                else:
                    node = left + int(value >= thresholds[tree, node])
                path.append(node)
            for depth, node in enumerate(path if before is not None else ()):
                score += before[tree, node] * 2**depth
                if before[tree, node] < 0.1 * window_size:
                    break
            now[tree, path] += 1
        top = n_trees * window_size * nodes
        found.append(0.0 if before is None else 1 - score / top)
        if (i + 1) % window_size == 0:
            now, before = np.zeros_like(now), now
    return found


@seeds(2)
def test_scores_are_those_of_plain_counting(seed):
    X = rows(seed, 300, unknown=0.3)
    X[seed % 300] = np.nan
    ours = DenseHalfSpaceTrees(len(NAMES), **SMALL, seed=seed)
    expected = naive_scores(ours, X, 20, 4)
    found = []
    for x in X:
        found += ours.score_many(x[np.newaxis]).tolist()
        ours.learn_many(x[np.newaxis])
    assert found == expected


@seeds(2)
def test_how_rows_are_cut_into_batches_never_matters(seed):
    X = rows(seed, 400)
    whole = DenseHalfSpaceTrees(len(NAMES), **SMALL)
    pieces = DenseHalfSpaceTrees(len(NAMES), **SMALL)
    whole.learn_many(X)
    rng = np.random.default_rng(seed)
    for batch in np.split(X, np.sort(rng.integers(0, 400, 12))):
        pieces.learn_many(batch)
    assert_same(whole.state(), pieces.state())
    np.testing.assert_array_equal(whole.score_many(X), pieces.score_many(X))
    singly = [pieces.score_many(x[np.newaxis])[0] for x in X]
    assert whole.score_many(X).tolist() == singly


def assert_same(one, other):
    assert (one.kind, one.header, one.parts) == (other.kind, other.header, other.parts)
    assert one.arrays.keys() == other.arrays.keys()
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(values, other.arrays[name], name, strict=True)


def test_a_score_changes_nothing():
    X = rows(1, 200)
    ours = DenseHalfSpaceTrees(len(NAMES), **SMALL)
    ours.learn_many(X[:130])
    before = ours.state()
    given = X.copy()
    ours.score_many(X)
    ours.learn_many(X[:0])
    assert ours.score_many(X[:0]).shape == (0,)
    assert_same(before, ours.state())
    np.testing.assert_array_equal(X, given)


@seeds(2)
def test_new_columns_change_no_score(seed):
    X = rows(seed, 200)
    wide = np.column_stack([X, np.random.default_rng(seed).normal(size=(200, 3))])
    narrow, ours = (DenseHalfSpaceTrees(len(NAMES), **SMALL) for _ in range(2))
    narrow.learn_many(X)
    ours.learn_many(X[:90])
    ours.widen(9)
    ours.widen(7)
    assert ours.width == 9
    ours.learn_many(wide[90:])
    np.testing.assert_array_equal(ours.score_many(wide), narrow.score_many(X))


@seeds(3)
def test_hostile_values_leave_masses_whole_and_scores_between_0_and_1(seed):
    rng = np.random.default_rng(seed)
    wild = np.array([np.inf, -np.inf, np.nan, 1e308, -1e308, -0.0, 0.0, 5e-324, 0.5, 1.0])
    X = rng.choice(wild, (300, len(NAMES)))
    X[50:60] = np.nan
    X[:, 3] = np.nan
    ours = DenseHalfSpaceTrees(len(NAMES), **SMALL)
    for start in range(0, 300, 30):
        ours.learn_many(X[start : start + 30])
        scores = ours.score_many(X)
        assert ((scores >= 0) & (scores <= 1)).all()
    clipped = DenseHalfSpaceTrees(len(NAMES), **SMALL)
    clipped.learn_many(np.clip(X, -1e12, 1e12))
    assert_same(ours.state(), clipped.state())


@seeds(3)
def test_a_restored_state_goes_on_bit_for_bit(seed):
    X = rows(seed, 400)
    cut = int(np.random.default_rng(seed).integers(400))
    ours = DenseHalfSpaceTrees(len(NAMES), **SMALL, seed=3)
    other = DenseHalfSpaceTrees(len(NAMES), **SMALL, seed=4)
    other.learn_many(X[::-1])
    ours.learn_many(X[:cut])
    state = ours.state()
    other.restore(state)
    assert_same(other.state(), state)
    for start in range(cut, 400, 17):
        batch = X[start : start + 17]
        np.testing.assert_array_equal(ours.score_many(batch), other.score_many(batch))
        ours.learn_many(batch)
        other.learn_many(batch)
    assert_same(other.state(), ours.state())


def test_a_state_is_a_copy():
    X = rows(2, 100)
    ours = DenseHalfSpaceTrees(len(NAMES), **SMALL)
    ours.learn_many(X)
    state = ours.state()
    kept = {name: values.copy() for name, values in state.arrays.items()}
    ours.restore(state)
    ours.learn_many(X)
    for name, values in kept.items():
        np.testing.assert_array_equal(state.arrays[name], values)


def put(name, where, value):
    def damage(header, arrays):
        arrays[name][where] = value

    return damage


def head(name, value):
    def damage(header, arrays):
        header[name] = value

    return damage


DAMAGE = {
    "feature beyond the columns": put("features", (0, 0), 6),
    "negative feature": put("features", (1, 3), -1),
    "threshold not finite": put("thresholds", (0, 0), np.nan),
    "threshold beyond all values": put("thresholds", (0, 0), 1e13),
    "negative mass": put("masses", (0, 5), -1),
    "masses that do not add up": put("masses", (0, 5), 3),
    "masses before that do not add up": put("masses_before", (2, 0), 19),
    "other count": head("count", 3),
    "count of a whole window": head("count", 20),
    "negative count": head("count", -1),
    "count is no number": head("count", True),
    "no window yet": head("window", 0),
    "negative window": head("window", -1),
    "window beyond its bits": head("window", 2**60),
    "other width": head("width", 7),
    "other trees": head("n_trees", 5),
    "other height": head("height", 5),
    "other window size": head("window_size", 21),
    "float for a number": head("width", 6.0),
    "missing number": lambda header, arrays: header.pop("count"),
    "missing array": lambda header, arrays: arrays.pop("masses"),
    "other type": lambda header, arrays: arrays.update(masses=arrays["masses"].astype(np.int64)),
    "other shape": lambda header, arrays: arrays.update(features=arrays["features"][:3]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_state_is_refused_and_changes_nothing(damage):
    ours = DenseHalfSpaceTrees(len(NAMES), **SMALL)
    ours.learn_many(rows(1, 110))
    state = ours.state()
    header, arrays = dict(state.header), {n: a.copy() for n, a in state.arrays.items()}
    damage(header, arrays)
    other = DenseHalfSpaceTrees(len(NAMES), **SMALL)
    other.learn_many(rows(2, 75))
    before = other.state()
    with pytest.raises(SnapshotError, match="half_space_trees/1"):
        other.restore(replace(state, header=header, arrays=arrays))
    assert_same(other.state(), before)


def test_a_state_of_another_kind_is_refused():
    ours = DenseHalfSpaceTrees(2, **SMALL)
    with pytest.raises(SnapshotError, match="'half_space_trees/2'"):
        ours.restore(replace(ours.state(), kind="half_space_trees/2"))


def test_masses_of_a_whole_window_fit_into_their_bits():
    ours = DenseHalfSpaceTrees(1, n_trees=1, height=1, window_size=10_000_000)
    assert 2**MASS_BITS > 10_000_000
    n = 1000 if INTERPRETED else 10_000_000
    ours.learn_many(np.full((n, 1), 0.2))
    ours.learn_many(np.full((5, 1), 0.9))
    state = ours.state()
    if not INTERPRETED:
        assert state.arrays["masses_before"][0].max() == 10_000_000
    assert state.arrays["masses"][0, 0] == (1005 if INTERPRETED else 5)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("n_trees", 0, "n_trees is 0: give a number from 1"),
        ("height", 0, "height is 0: give a number from 1 to 20"),
        ("height", 21, "height is 21"),
        ("window_size", 0, "window_size is 0"),
        ("window_size", 10**8, "window_size is 100000000"),
        ("n_trees", 10**6, "n_trees is 1000000 and height 8, more than"),
        ("limits", [[0, 1]], r"limits have shape \(1, 2\)"),
        ("limits", [[0, 1], [1, 0]], "limits of 1 are"),
        ("order", [0, 0], r"order is \[0, 0\]: give each column of 2 once"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value(name, value, told):
    with pytest.raises(ValueError, match=told):
        DenseHalfSpaceTrees(2, **{name: value})


def test_rows_of_another_width_are_refused():
    ours = DenseHalfSpaceTrees(2, **SMALL)
    with pytest.raises(ValueError, match="2 columns"):
        ours.learn_many(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="2 columns"):
        ours.score_many(np.zeros(2))
