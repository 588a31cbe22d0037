"""Distinct values in a window: every value is counted at its youngest event.

Events of one entity with the same value are chained by event time, and a table knows
the youngest of each chain. A window holds as many values as it holds youngest events,
so one more event of a value moves that value's count from the older event to itself.
"""

from __future__ import annotations

from numba import int64, uint64

from schemas.jit import kernel
from stream.keytable import NOWHERE, find, insert, remove
from stream.windows.entities import pair_key
from stream.windows.words import HEADER, KEY, NIL, TAIL_US, TIME_US, WINDOW


@kernel
def link_same(memory, plan, place, event, d):
    """Chain an event by its value; return whether it is now the youngest of it."""
    events, links = memory.events, memory.links
    at = links.shape[1] - 2 * (plan.distinct.shape[1] - d)
    links[event, at] = NIL
    links[event, at + 1] = NIL
    value = uint64(events[event, plan.distinct[0, d]])
    if value == uint64(0):
        return False
    key = pair_key(uint64(memory.rows[place, KEY]), value)
    older = find(memory.same, d, key)
    newer = int64(NIL)
    if older == NOWHERE:
        insert(memory.same, d, key, event)
        return True
    while older != NIL and events[older, TIME_US] > events[event, TIME_US]:
        newer = older
        older = int64(links[older, at])
    links[event, at] = older
    links[event, at + 1] = newer
    if older != NIL:
        links[older, at + 1] = event
    if newer != NIL:
        links[newer, at] = event
        return False
    remove(memory.same, d, key)
    insert(memory.same, d, key, event)
    return True


@kernel
def unlink_same(memory, plan, place, event, d):
    """Take an event that is forgotten out of its chain; return whether it was the youngest."""
    links = memory.links
    at = links.shape[1] - 2 * (plan.distinct.shape[1] - d)
    value = uint64(memory.events[event, plan.distinct[0, d]])
    if value == uint64(0):
        return False
    older, newer = int64(links[event, at]), int64(links[event, at + 1])
    if older != NIL:
        links[older, at + 1] = newer
    if newer != NIL:
        links[newer, at] = older
        return False
    key = pair_key(uint64(memory.rows[place, KEY]), value)
    remove(memory.same, d, key)
    if older != NIL:
        insert(memory.same, d, key, older)
    return True


@kernel
def shift_value(memory, plan, place, event, d, change):
    """Change one distinct count of every window that an event lies in."""
    rows = memory.rows
    n_sums, n_distinct = plan.sums.shape[1], plan.distinct.shape[1]
    time_us = memory.events[event, TIME_US]
    at = int64(HEADER)
    for _ in range(plan.windows_us.shape[1]):
        if time_us >= rows[place, at + TAIL_US]:
            rows[place, at + WINDOW + n_sums + d] += change
        at += WINDOW + n_sums + n_distinct + plan.peaks.shape[0]


@kernel
def replace_older(memory, plan, place, event):
    """Before the windows move: chain an event, and stop counting what it makes older.

    Its own value is counted by `count_values`, once it is inside.
    """
    links = memory.links
    for d in range(plan.distinct.shape[1]):
        at = links.shape[1] - 2 * (plan.distinct.shape[1] - d)
        if link_same(memory, plan, place, event, d) and links[event, at] != NIL:
            shift_value(memory, plan, place, int64(links[event, at]), d, -1)


@kernel
def count_values(memory, plan, place, event):
    """Count an event's values in every window that it lies in, where it is the youngest."""
    links = memory.links
    for d in range(plan.distinct.shape[1]):
        at = links.shape[1] - 2 * (plan.distinct.shape[1] - d)
        if links[event, at + 1] == NIL and memory.events[event, plan.distinct[0, d]] != 0:
            shift_value(memory, plan, place, event, d, 1)


@kernel
def forget_values(memory, plan, place, event):
    """Stop counting an event that is forgotten; an older one of the same value counts again."""
    links = memory.links
    for d in range(plan.distinct.shape[1]):
        at = links.shape[1] - 2 * (plan.distinct.shape[1] - d)
        if unlink_same(memory, plan, place, event, d):
            shift_value(memory, plan, place, event, d, -1)
            if links[event, at] != NIL:
                shift_value(memory, plan, place, int64(links[event, at]), d, 1)
