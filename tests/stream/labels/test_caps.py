"""Caps: exact counts of a day, and what happens beyond their room."""

from __future__ import annotations

from stream.labels.caps import Caps, count_in, over_cap
from stream.labels.fates import Fate

DAY_US = 86_400_000_000


def test_without_caps_nothing_is_counted_by_entity():
    counts = Caps(0, 0).today(0)
    for _ in range(3):
        assert over_cap(counts, 1, 7) == 0
        count_in(counts, 1, 7)
    assert counts.used[0] == 0


def test_entities_beyond_the_room_share_one_count():
    counts = Caps(0, 2, entities_max=2).today(0)
    for entity in (11, 12, 13, 14):
        assert over_cap(counts, 0, entity) == 0
        count_in(counts, 0, entity)
    assert over_cap(counts, 0, 11) == over_cap(counts, 0, 12) == 0
    assert over_cap(counts, 0, 13) == over_cap(counts, 0, 99) == Fate.ENTITY_CAP


def test_an_entity_is_counted_in_one_place():
    counts = Caps(0, 3, entities_max=9).today(0)
    for _ in range(3):
        assert over_cap(counts, 0, 11) == 0
        count_in(counts, 0, 11)
    assert over_cap(counts, 0, 11) == Fate.ENTITY_CAP
    assert counts.used[0] == 1


def test_nobody_is_not_counted_among_those_without_room():
    counts = Caps(0, 1, entities_max=1).today(0)
    count_in(counts, 0, 11)
    count_in(counts, 0, 12)
    assert over_cap(counts, 0, 13) == Fate.ENTITY_CAP
    assert over_cap(counts, 0, 0) == 0
    count_in(counts, 0, 0)
    assert counts.entities.tolist() == [1, 1]


def test_a_new_day_begins_at_nothing_and_the_same_day_goes_on():
    caps = Caps(1, 1)
    counts = caps.today(5 * DAY_US)
    count_in(counts, 2, 7)
    counts = caps.today(6 * DAY_US - 1)
    assert over_cap(counts, 2, 8) == Fate.SOURCE_CAP
    assert over_cap(counts, 1, 7) == Fate.ENTITY_CAP
    counts = caps.today(6 * DAY_US)
    assert over_cap(counts, 2, 7) == 0
    assert counts.used[0] == 0


def test_who_is_erased_was_never_counted_and_the_others_were():
    caps = Caps(9, 2, entities_max=5)
    counts = caps.today(0)
    for entity in (11, 12, 12, 13, 14, 14):
        count_in(counts, 0, entity)
    caps.erase(12)
    caps.erase(99)
    assert counts.used[0] == 3
    assert 12 not in caps.state().arrays["keys"]
    assert [int(over_cap(counts, 0, entity)) for entity in (11, 12, 13)] == [0, 0, 0]
    assert over_cap(counts, 0, 14) == Fate.ENTITY_CAP
    count_in(counts, 0, 11)
    assert over_cap(counts, 0, 11) == Fate.ENTITY_CAP
    # What a source taught it has taught.
    assert counts.sources[0] == 7
    other = Caps(9, 2, entities_max=5)
    other.restore(caps.state())
    assert over_cap(other.counts, 0, 14) == Fate.ENTITY_CAP
