"""A fixed share of rows, by what is in them."""

import math

import numpy as np
import pytest
from checks.one_row import contributions
from seeds import seeds

from models.river.adapter import RiverLearner, logistic_pipeline
from models.sampling import SampledLearner, chosen
from models.states.snapshot import State
from schemas.errors import SnapshotError

MASK = 2**64 - 1


def by_hand(row, share, seed):
    """SplitMix64 over a row's words, in Python's own integers."""
    mixed = seed & MASK
    for value in row.tolist():
        same = math.nan if math.isnan(value) else value + 0.0
        word = int(np.float64(same).view(np.uint64))
        mixed = ((mixed ^ word) + 0x9E3779B97F4A7C15) & MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        mixed ^= mixed >> 31
    return mixed < share * 2.0**64


@seeds(3)
def test_it_equals_plain_integers(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 5)) * 10.0 ** rng.integers(-300, 300, (200, 5))
    X[rng.random(X.shape) < 0.2] = np.nan
    X[rng.random(X.shape) < 0.1] = np.inf
    X[rng.random(X.shape) < 0.1] = -0.0
    given = int(rng.integers(-(2**63), 2**63))
    expected = [by_hand(row, 0.37, given) for row in X]
    assert chosen(X, 0.37, given).tolist() == expected
    assert chosen(np.asfortranarray(X), 0.37, given).tolist() == expected
    assert chosen(X[:, ::-1][:, ::-1], 0.37, given).tolist() == expected
    one_by_one = [bool(chosen(X[i : i + 1], 0.37, given)[0]) for i in range(200)]
    assert one_by_one == expected


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_the_share_is_about_what_was_asked_for(share):
    X = np.random.default_rng(1).integers(0, 50, (20_000, 4)).astype(np.float64)
    rows = np.unique(X, axis=0)
    error = 5 * np.sqrt(share * (1 - share) / len(rows))
    assert chosen(rows, share).mean() == pytest.approx(share, abs=error)


def test_another_seed_is_another_share():
    X = np.random.default_rng(1).normal(size=(20_000, 2))
    both = chosen(X, 0.3, 1) & chosen(X, 0.3, 2)
    assert both.mean() == pytest.approx(0.09, abs=0.01)
    # And a larger share holds the smaller one.
    assert not (chosen(X, 0.1, 1) & ~chosen(X, 0.3, 1)).any()


def test_all_none_and_rows_that_are_not_there():
    X = np.zeros((3, 2))
    assert chosen(X, 1.0).tolist() == [True] * 3
    assert chosen(X, 0.0).tolist() == [False] * 3
    assert chosen(X[:0], 0.5).tolist() == []


def test_equal_values_are_equal_however_they_are_written():
    X = np.random.default_rng(1).normal(size=(64, 3))
    X[:, 0], X[:, 1] = 0.0, np.nan
    other = X.copy()
    other[:, 0] = -0.0
    other[:, 1] = np.uint64(0xFFF8000000000123).view(np.float64)
    assert np.isnan(other[:, 1]).all()
    np.testing.assert_array_equal(chosen(X, 0.5), chosen(other, 0.5))
    assert 0 < chosen(X, 0.5).sum() < 64


NAMES = ("a", "b", "c")


def examples(rng, n):
    y = rng.random(n) < 0.3
    X = rng.normal(0, 1, (n, 3)) + y[:, None]
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, y


def sampled(share=0.4, seed=3):
    return SampledLearner(RiverLearner(logistic_pipeline(), NAMES), share, seed)


class TestSampledLearner:
    @seeds(2)
    def test_it_is_the_learner_on_the_chosen_rows_however_they_are_cut(self, seed):
        X, y = examples(np.random.default_rng(seed), 300)
        rows = chosen(X, 0.4, 3)
        plain, ours = RiverLearner(logistic_pipeline(), NAMES), sampled()
        plain.learn_many(X[rows], y[rows])
        for start in range(0, 300, 7):
            ours.learn_many(X[start : start + 7], y[start : start + 7])
        assert ours.learned == plain.learned == rows.sum()
        assert ours.ready is plain.ready
        scores = np.concatenate([ours.predict_proba_many(X[i : i + 9]) for i in range(0, 300, 9)])
        np.testing.assert_array_equal(np.isnan(scores), ~rows)
        np.testing.assert_array_equal(scores[rows], plain.predict_proba_many(X[rows]))
        for x, row in zip(X[:30], rows[:30], strict=True):
            base, parts = contributions(ours, x)
            expected = contributions(plain, x) if row else (0.0, np.zeros(3))
            assert base == expected[0]
            np.testing.assert_array_equal(parts, expected[1])

    def test_no_rows_and_none_chosen(self):
        learner = sampled(share=1e-12)
        X, y = examples(np.random.default_rng(1), 50)
        learner.learn_many(X, y)
        assert learner.learned == 0
        assert np.isnan(learner.predict_proba_many(X)).all()
        assert learner.predict_proba_many(X[:0]).shape == (0,)
        whole = sampled(share=1.0)
        whole.learn_many(X, y)
        assert whole.learned == 50
        with pytest.raises(ValueError, match="X has 50 rows and y 49"):
            whole.learn_many(X, y[:-1])

    def test_a_state_goes_on_bit_for_bit_and_another_changes_nothing(self):
        X, y = examples(np.random.default_rng(1), 300)
        learner, other = sampled(), sampled()
        learner.learn_many(X[:200], y[:200])
        state = learner.state()
        other.restore(state)
        for one in (learner, other):
            one.learn_many(X[200:], y[200:])
        np.testing.assert_array_equal(other.predict_proba_many(X), learner.predict_proba_many(X))
        for wrong, match in ((sampled(0.5), "share"), (sampled(seed=4), "seed")):
            with pytest.raises(SnapshotError, match=match):
                wrong.restore(state)
            assert wrong.learned == 0
        with pytest.raises(SnapshotError, match="its one part is the learner"):
            other.restore(State(state.kind, state.header))
        with pytest.raises(SnapshotError, match="other/1"):
            other.restore(State("other/1"))
        assert other.learned == learner.learned

    @pytest.mark.parametrize("share", [0.0, -1.0, 1.5, math.nan])
    def test_a_share_that_is_none_is_refused(self, share):
        with pytest.raises(ValueError, match="give the share of rows, above 0 to 1"):
            sampled(share)
