"""Who costs too much is named once a window, by differences of what was spent."""

import json

import numpy as np
import pytest
from inputs.plain_learners import Says

from schemas.errors import ConfigError
from stream.champion.contenders import contender_of
from stream.champion.cost_watch import WINDOW_S, CostWatch
from stream.champion.lineup import ModelOrder, read_model_order
from stream.config.configuration import load
from stream.records.publish import disable_order
from stream.timed_learner import TimedLearner

PER_PARTITION = """
[topics]
control = "c"
[worker]
state = "per_partition"
partial_features = true
[recovery]
folder = "x"
"""


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def spends(ns, rows):
    """A timed learner that has spent so much."""
    learner = TimedLearner(Says())
    learner._scored.add(ns // 2, rows)
    learner._taught.add(ns - ns // 2, 1)
    return contender_of(learner, calibrate=False)


def test_who_costs_more_than_it_may_is_named_after_a_window():
    clock = Clock()
    watch = CostWatch({"a": 50.0, "b": 50.0, "free": 0.0}, clock)
    each = {name: spends(0, 0) for name in ("a", "b", "free")}
    assert watch.look(each) == {}
    for name, us in (("a", 80), ("b", 20), ("free", 900)):
        each[name].learner._scored.add(us * 1000 * 10, 10)
    clock.now_s += WINDOW_S - 0.1
    assert watch.look(each) == {}, "the window is not over"
    clock.now_s += 0.2
    assert watch.look(each) == {"a": 80.0}
    # What was dear once is not dear for ever: only the last window counts.
    each["a"].learner._scored.add(10 * 1000 * 10, 10)
    clock.now_s += WINDOW_S
    assert watch.look(each) == {}


def test_who_is_set_aside_and_who_was_asked_nothing_is_passed_over():
    clock = Clock()
    watch = CostWatch({"a": 1.0, "b": 1.0}, clock)
    each = {"a": spends(0, 0), "b": spends(0, 0)}
    watch.look(each)
    each["a"].learner._scored.add(10**9, 5)
    each["a"].set_aside("learning", ValueError())
    clock.now_s += WINDOW_S
    assert watch.look(each) == {}


def test_what_a_learner_spent_is_all_it_did_by_the_rows_it_scored():
    learner = TimedLearner(Says())
    learner.predict_proba_many(np.zeros((7, 1)))
    learner.learn_many(np.zeros((3, 1)), np.zeros(3, np.bool_))
    ns, rows = learner.spent
    assert rows == 7
    assert ns > 0


def test_the_engine_takes_the_order_that_a_worker_gives():
    order = disable_order("a", "a payment cost 80 us", 1)
    assert order["kind"] == "DISABLE"
    assert read_model_order(0, order["key"]) == ModelOrder("a", "worker", "a payment cost 80 us")
    assert json.loads(order["key"])["model"] == "a"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("", "set topics.control"),
        (PER_PARTITION, "no order goes to one partition"),
    ],
)
def test_a_bound_that_could_not_be_kept_is_refused(tmp_path, more, text):
    path = tmp_path / "c.toml"
    path.write_text(f"{more}[model.challengers.a]\ncost_max_us = 50\n")
    with pytest.raises(ConfigError, match=text):
        load(path)
