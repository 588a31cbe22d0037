"""The detector under River's name, by River's own checks and beside River's own."""

import copy
import inspect
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numba import config
from river import anomaly, checks, compose, datasets, preprocessing
from seeds import seeds

from models.anomaly.estimators import HalfSpaceTrees

INTERPRETED = bool(config.DISABLE_JIT)
SMALL = {"n_trees": 5, "height": 5, "window_size": 30}


class LocalFraud:
    """Stands for River's CreditCard, which is a download of 150 MB."""

    def __init__(self):
        self.n = 1000

    def take(self, k):
        # River asks for 10,000 to see memory grow; kernels in Python would take minutes.
        self.n = min(k, 500) if INTERPRETED else k
        return self

    def __iter__(self):
        rng = np.random.default_rng(0)
        for _ in range(self.n):
            fraud = int(rng.random() < 0.02)
            v = rng.normal(size=12) * (1 + 3 * fraud) + 4 * fraud
            yield {f"V{j}": float(v[j]) for j in range(12)}, fraud


def all_checks():
    """Bind River's checks to the stream above, which is read when they are made."""
    original = datasets.CreditCard
    datasets.CreditCard = LocalFraud
    try:
        return list(checks.yield_checks(HalfSpaceTrees(**SMALL)))
    finally:
        datasets.CreditCard = original


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.__name__)
@pytest.mark.parametrize("seed", [None, 7])
def test_it_passes_rivers_checks(check, seed):
    check(HalfSpaceTrees(**SMALL, seed=seed))


def test_no_check_of_rivers_is_skipped():
    assert HalfSpaceTrees()._unit_test_skips() == anomaly.HalfSpaceTrees()._unit_test_skips()
    names = {check.__name__ for check in checks.yield_checks(anomaly.HalfSpaceTrees())}
    assert names == {check.__name__ for check in all_checks()}


def test_it_has_rivers_parameters():
    ours = inspect.signature(HalfSpaceTrees).parameters
    rivers = inspect.signature(anomaly.HalfSpaceTrees).parameters
    assert {n: p.default for n, p in ours.items()} == {n: p.default for n, p in rivers.items()}


def events(seed, n, names=("zeta", "amount", "count", "gap")):
    rng = np.random.default_rng(seed)
    for i in range(n):
        x = dict(zip(names, rng.beta(2, 4, len(names)).tolist(), strict=True))
        for name in names if i else ():
            if rng.random() < 0.1:
                del x[name]
        yield x


@seeds(3)
def test_it_is_rivers_event_by_event(seed):
    limits = {"amount": (0.1, 0.7), "gap": (-1.0, 2.0), "never": (0.0, 9.0)}
    ours = HalfSpaceTrees(**SMALL, limits=limits, seed=seed)
    river = anomaly.HalfSpaceTrees(**SMALL, limits=limits, seed=seed)
    for x in events(seed, 300):
        assert ours.score_one(x) == river.score_one(x)
        ours.learn_one(x)
        river.learn_one(x)
    assert ours.score_one({}) == river.score_one({})
    assert ours.score_one({"other": 1.0}) == river.score_one({"other": 1.0})


@seeds(2)
def test_it_is_rivers_behind_a_scaler(seed):
    ours = compose.Pipeline(preprocessing.MinMaxScaler(), HalfSpaceTrees(**SMALL, seed=1))
    river = compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(**SMALL, seed=1))
    for x in events(seed, 200):
        ours.learn_one(x)
        river.learn_one(x)
        assert ours.score_one(x) == river.score_one(x)


def test_features_that_come_later_are_left_out_as_in_river():
    ours, river = HalfSpaceTrees(**SMALL, seed=2), anomaly.HalfSpaceTrees(**SMALL, seed=2)
    for i, x in enumerate(events(5, 200)):
        event = {**x, "late": float(i)} if i > 20 else x
        ours.learn_one(event)
        river.learn_one(event)
        assert ours.score_one(event) == river.score_one(event)


def test_what_is_not_known_is_the_same_as_absent():
    ours, absent = HalfSpaceTrees(**SMALL, seed=2), HalfSpaceTrees(**SMALL, seed=2)
    for i, x in enumerate(events(6, 200)):
        name = ("amount", "gap")[i % 2]
        ours.learn_one({**x, name: (None, float("nan"))[i // 2 % 2]} if i else x)
        absent.learn_one({k: v for k, v in x.items() if k != name} if i else x)
    for x in events(7, 50):
        assert ours.score_one(x) == absent.score_one(x)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_frame_is_its_rows_one_by_one(frame):
    rows = [{**dict.fromkeys(("zeta", "amount", "count", "gap")), **x} for x in events(3, 200)]
    whole, one = HalfSpaceTrees(**SMALL, seed=2), HalfSpaceTrees(**SMALL, seed=2)
    X = frame(rows)
    assert whole.score_many(X).tolist() == [0.0] * 200
    whole.learn_many(X[:70])
    whole.learn_many(X[70:])
    for x in rows:
        one.learn_one(x)
    assert whole.score_many(X).tolist() == [one.score_one(x) for x in rows]
    other = X[["gap", "amount"]]
    expected = [one.score_one({"gap": x["gap"], "amount": x["amount"]}) for x in rows]
    assert whole.score_many(other).tolist() == expected


def test_nothing_is_planted_before_there_is_a_feature():
    ours, river = HalfSpaceTrees(**SMALL, seed=1), anomaly.HalfSpaceTrees(**SMALL, seed=1)
    ours.learn_one({})
    ours.learn_many(pd.DataFrame())
    ours.learn_many(pd.DataFrame({"other": []}))
    for x in events(1, 100):
        ours.learn_one(x)
        river.learn_one(x)
    assert ours.score_one(x) == river.score_one(x) > 0


def test_a_value_that_is_no_number_changes_nothing():
    ours, river = HalfSpaceTrees(**SMALL, seed=1), anomaly.HalfSpaceTrees(**SMALL, seed=1)
    with pytest.raises(TypeError, match="amount"):
        ours.learn_one({"amount": "much", "b": 1.0})
    for x in events(1, 100):
        ours.learn_one(x)
        river.learn_one(x)
    with pytest.raises(TypeError, match="amount"):
        ours.learn_one({"amount": "much", "zeta": 1.0})
    assert ours.score_one(x) == river.score_one(x)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_on_as_the_original_and_leaves_it_alone(copied):
    ours = HalfSpaceTrees(**SMALL)
    first, second = list(events(1, 100)), list(events(2, 100))
    for x in first:
        ours.learn_one(x)
    before = [ours.score_one(x) for x in second]
    other = copied(ours)
    for x in second:
        other.learn_one(x)
    assert [ours.score_one(x) for x in second] == before
    for x in second:
        ours.learn_one(x)
    assert [ours.score_one(x) for x in first] == [other.score_one(x) for x in first]


def test_without_a_seed_every_clone_has_trees_of_its_own():
    ours = HalfSpaceTrees(**SMALL)
    clones = [ours.clone(), ours.clone()]
    for x in events(1, 60):
        for clone in clones:
            clone.learn_one(x)
    scores = [[clone.score_one(x) for x in events(2, 50)] for clone in clones]
    assert scores[0] != scores[1]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"height": 0}, "height is 0: give a number from 1 to 20"),
        ({"n_trees": -1}, "n_trees is -1"),
        ({"window_size": 0}, "window_size is 0"),
        ({"limits": {"amount": (1.0, 0.0)}}, "limits of 'amount'"),
    ],
)
def test_a_wrong_parameter_is_refused_at_once(params, told):
    with pytest.raises(ValueError, match=told):
        HalfSpaceTrees(**params)
