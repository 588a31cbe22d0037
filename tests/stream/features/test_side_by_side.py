"""Entity types side by side: the same memory and the same values, and no failure is lost."""

import threading
from functools import partial

import numpy as np
import pytest
from inputs.feature_streams import (
    HASH_KEY,
    INPUTS,
    INTERPRETED,
    LAYOUT,
    features_of_run,
    hostile_stream,
    some_features,
    some_rows,
)
from seeds import seeds

from stream.features.feature_set import FeatureSet
from stream.features.side_by_side import side_by_side
from stream.features.state import FeatureState


def state_of(features, threads):
    return FeatureState(
        FeatureSet(features, LAYOUT, INPUTS), 300, 20, {}, 256, HASH_KEY, threads=threads
    )


@pytest.mark.skipif(INTERPRETED, reason="uncompiled, no kernel lets another thread run")
@pytest.mark.parametrize("threads", [2, 5])
@seeds(2, with_run=True)
def test_threads_change_no_value_and_no_byte_of_memory(threads, seed):
    rng = np.random.default_rng(seed)
    features, stream = features_of_run(seed, rng), hostile_stream(rng, 600)
    alone, together = state_of(features, 1), state_of(features, threads)
    for start, stop in ((0, 256), (256, 300), (300, 556), (556, 600)):
        rows = some_rows(stream.transactions, start, stop)
        expected, found = (
            each.observe(rows, stream.take[start:stop]) for each in (alone, together)
        )
        np.testing.assert_array_equal(found.matrix, expected.matrix)
        every = np.arange(stop - start)
        np.testing.assert_array_equal(found.states(every), expected.states(every))
        for each in (alone, together):
            each.mark(np.arange(start, start + 9), np.ones(9, np.bool_))
    for name, array in alone.arrays().items():
        np.testing.assert_array_equal(together.arrays()[name], array, err_msg=name)


def test_tasks_run_at_the_same_time_when_they_may():
    meeting = threading.Barrier(3)
    side_by_side([partial(meeting.wait, 10)] * 3, threads=3)
    done = []
    side_by_side([partial(done.append, n) for n in range(5)], threads=1)
    assert done == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failure_comes_out_once_all_have_ended(threads):
    ended = threading.Event()

    def fails():
        raise ArithmeticError("of this task")

    def lasts():
        if not ended.wait(0.2):
            ended.set()

    tasks = [lasts, fails] if threads == 1 else [fails, lasts]
    with pytest.raises(ArithmeticError, match="of this task"):
        side_by_side(tasks, threads)
    assert ended.is_set()


def test_less_than_one_thread_is_refused():
    with pytest.raises(ValueError, match="threads must be at least 1, not 0"):
        state_of(some_features(np.random.default_rng(1), 5), 0)
