"""What an event costs, by a clock that is given."""

import numpy as np
import pytest

from models.cost import Cost, measured_cost
from models.river.adapter import RiverLearner, logistic_pipeline

NAMES = ("a", "b")


class Slow:
    """A learner whose work takes time on a clock of its own."""

    def __init__(self, clock):
        self.clock = clock
        self.learned = 0
        self.ready = True

    def __deepcopy__(self, memo):
        return Slow(self.clock)

    def learn_many(self, X, y, w=None):
        self.learned += len(y)
        self.clock.now += 5e-6 * len(y)

    def predict_proba_many(self, X):
        self.clock.now += 2e-6 * len(X)
        return np.zeros(len(X))

    def contributions_many(self, X):
        self.clock.now += 1.0  # May compile, and is not timed.
        return np.zeros(len(X)), np.zeros(X.shape)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_it_is_microseconds_an_event_and_the_learner_stays_as_it_is():
    clock = Clock()
    learner = Slow(clock)
    cost = measured_cost(learner, np.zeros((40, 2)), np.zeros(40, np.bool_), clock)
    assert cost == pytest.approx(Cost(predict_us=2.0, learn_us=5.0), rel=1e-6)
    assert learner.learned == 0


def test_a_river_model_is_measured_on_a_copy():
    learner = RiverLearner(logistic_pipeline(), NAMES)
    X, y = np.random.default_rng(0).normal(size=(50, 2)), np.arange(50) % 3 == 0
    learner.learn_many(X, y)
    before = learner.predict_proba_many(X)
    ticks = iter([1.0, 1.5, 4.0])
    assert measured_cost(learner, X, y, lambda: next(ticks)) == Cost(1e4, 5e4)
    np.testing.assert_array_equal(learner.predict_proba_many(X), before)
    assert learner.learned == 50


def test_nothing_cannot_be_measured():
    with pytest.raises(ValueError, match="X has 0 rows: give some"):
        measured_cost(Slow(Clock()), np.zeros((0, 2)), np.zeros(0, np.bool_), Clock())
