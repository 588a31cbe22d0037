"""What is out does not come again, and nothing else is kept back."""

from __future__ import annotations

import numpy as np

from stream.recovery.published import Published


def missing(published, partitions, offsets, topic="in"):
    return published.missing(topic, np.array(partitions), np.array(offsets)).tolist()


def test_only_what_was_acknowledged_is_kept_back():
    published = Published()
    published.acknowledge({("in", 0): 5, ("in", 1): 2, ("labels", 0): 100})
    published.acknowledge({("in", 0): 3})
    assert missing(published, [0, 0, 1, 2], [3, 4, 1, 0]) == [False, False, False, True]
    assert missing(published, [0, 1, 0], [4, 2, 5]) == [False, True, True]
    assert missing(published, [0, 0], [98, 99], "labels") == [False, False]
    assert missing(published, [0, 1], [9, 9]) == [True, True]


def test_a_commit_goes_only_forward():
    published = Published()
    published.acknowledge({("in", 0): 5})
    assert published.commit({("in", 0): 4, ("in", 1): 0, ("labels", 0): 3}) == {
        ("in", 1): 0,
        ("labels", 0): 3,
    }
    assert published.commit({("in", 0): 5}) == {}
    assert published.commit({("in", 0): 6}) == {("in", 0): 6}


def test_an_alert_that_was_found_is_out():
    published = Published()
    published.found({"a": (("in", 0), 7), "b": (("in", 1), 3)})
    assert published.is_ahead({("in", 0): 8, ("in", 1): 3})
    assert published.is_ahead({("in", 0): 7, ("in", 1): 9})
    assert not published.is_ahead({("in", 0): 8, ("in", 1): 4})
    # Nothing of a partition that is another's will be taken.
    assert not published.is_ahead({("in", 0): 8})
    assert published.is_out("a")
    assert not published.is_out("c")
    assert published.suppressed == 1


def test_of_nothing_known_everything_is_published():
    published = Published()
    assert missing(published, [0, 7], [0, 1]) == [True, True]
    assert published.commit({("in", 0): 1}) == {("in", 0): 1}


def test_what_is_no_news_is_told_again_where_the_group_is():
    published = Published()
    published.acknowledge({("in", 0): 7})
    offsets = {("in", 0): 5, ("in", 1): 3}
    assert published.commit(offsets) == {("in", 1): 3}
    assert published.commit(offsets, again=True) == {("in", 0): 7, ("in", 1): 3}
