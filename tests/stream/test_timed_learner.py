"""The timed learner: the same learner, and what it took."""

import time

import numpy as np
from checks.one_row import contributions

from models.blend import Blend
from models.sampling import SampledLearner
from models.states.snapshot import State
from stream.timed_learner import TimedLearner, unlearned_by, within


class Slow:
    learned, ready, unlearned = 7, True, 3

    def learn_many(self, X, y, w=None):
        burn(2e-3 * len(X))

    def predict_proba_many(self, X):
        burn(1e-3 * len(X))
        return X[:, 0] / 10

    def contributions_many(self, X):
        return np.full(len(X), 0.5), X * 2

    def state(self):
        return State("slow/1", {"n": 3})

    def restore(self, state):
        self.restored = state


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_nothing_was_timed_yet():
    assert TimedLearner(Slow()).costs == {"predict_us": None, "learn_us": None}


def test_costs_are_processor_time_by_event():
    timed = TimedLearner(Slow())
    for n in (1, 4):
        X = np.full((n, 2), 3.0)
        assert timed.predict_proba_many(X).tolist() == [0.3] * n
        timed.learn_many(X, np.zeros(n, bool))
    time.sleep(0.05)
    assert 1000 <= timed.costs["predict_us"] < 1500
    assert 2000 <= timed.costs["learn_us"] < 3000


def test_all_else_is_the_learner_s_own():
    slow = Slow()
    timed = TimedLearner(slow)
    assert (timed.learned, timed.ready) == (7, True)
    base, parts = contributions(timed, np.array([1.0, 2.0]))
    assert (base, parts.tolist()) == (0.5, [2.0, 4.0])
    assert timed.state() == State("slow/1", {"n": 3})
    timed.restore(State("slow/1"))
    assert slow.restored == State("slow/1")


def test_what_a_learner_wraps_comes_outside_in():
    slow = Slow()
    sampled = SampledLearner(slow, 0.5)
    timed = TimedLearner(sampled)
    assert list(within(timed)) == [timed, sampled, slow]
    assert list(within(slow)) == [slow]
    assert unlearned_by(timed) == unlearned_by(slow) == 3


def test_rows_that_members_of_a_blend_did_not_learn_are_counted_together():
    blend = Blend({"one": Slow(), "two": SampledLearner(Slow(), 0.5)})
    assert unlearned_by(TimedLearner(blend)) == 6
