"""What is kept of examples and caps, and of the clock beside them: the same again, or refused."""

from dataclasses import replace

import numpy as np
import pytest

from models.states.snapshot import pack, unpack
from schemas.errors import SnapshotError
from stream.event_time import EventClock
from stream.labels.caps import Caps, count_in
from stream.labels.examples import HEAD, TAIL, ExampleQueue

DAY_US = 86_400_000_000


def examples(n=7, taken=5, length=4):
    queue = ExampleQueue(length, 2, 1)
    queue.cursors[HEAD], queue.cursors[TAIL] = taken, n
    numbers = np.arange(taken, n)
    queue.verdicts[numbers % length] = 1
    queue.taught[numbers % length] = numbers % 2 - 1
    queue.fill(numbers, np.stack([numbers, -numbers], 1).astype(float), numbers[:, None] / 10)
    return queue


def caps(room=3):
    found = Caps(100, 50, room)
    today = found.today(5 * DAY_US)
    for entity in (7, 9, 7, 8, 11, 12):
        count_in(today, 1, np.uint64(entity))
    return found


def clock():
    found = EventClock(5, 7)
    numbers = np.array([1, 9, 4], np.int64)
    found.observe(np.array([0, 2, 0]), numbers, numbers, np.zeros(3, np.int64))
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (examples(), examples(2, 0)),
        (examples(9, 5), ExampleQueue(4, 2, 1)),
        (caps(), Caps(100, 50, 3)),
        (Caps(100, 50, 3), caps()),
        (Caps(0, 0), Caps(0, 0)),
        (clock(), EventClock(5, 7)),
        (EventClock(5, 7), clock()),
    ],
)
def test_it_is_the_same_again(one, other):
    other.restore(unpack(pack(one.state())))
    assert pack(other.state()) == pack(one.state())


def test_counts_go_on():
    other = Caps(100, 50, 3)
    other.restore(caps().state())
    for each in (one := caps(), other):
        for entity in (8, 11, 7):
            count_in(each.today(5 * DAY_US), 1, np.uint64(entity))
    assert pack(other.state()) == pack(one.state())


def test_examples_go_on():
    other = examples(2, 0)
    other.restore(examples().state())
    for got, expected in zip(other.take(9), examples().take(9), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (examples, "cursors", [3, 9]),
        (examples, "cursors", [-1, 1]),
        (examples, "cursors", [7, 5]),
        (examples, "verdicts", [2, 1]),
        (examples, "taught", [-2, 0]),
        (caps, "keys", [7, 7, 8]),
        (caps, "keys", [7, 0, 8]),
        (caps, "sources", [0, -1, 0, 0, 0]),
        (caps, "entities", [1, 1, 1, -1]),
        (clock, "frontier_us", [0, 0]),
        (clock, "frontier_us", [0, 0, -(2**63)]),
    ],
)
def test_what_is_damaged_is_refused_and_changes_nothing(make, name, value):
    state, other = make().state(), make()
    found = np.array(value).astype(state.arrays[name].dtype)
    assert found.tolist() != state.arrays[name].tolist()
    before = pack(other.state())
    with pytest.raises(SnapshotError, match=state.kind):
        other.restore(replace(state, arrays={**state.arrays, name: found}))
    assert pack(other.state()) == before


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (examples(length=4), ExampleQueue(5, 2, 1), "examples_max is 4 in the state and 5 here"),
        (caps(), Caps(100, 51, 3), r"limits\[1\] is 50 in the state and 51 here"),
        (caps(3), Caps(100, 50, 4), "room is 3 in the state and 4 here"),
    ],
)
def test_other_sizes_are_refused_by_name(one, other, said):
    with pytest.raises(SnapshotError, match=said):
        other.restore(one.state())
