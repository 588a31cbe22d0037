"""Verdicts: an event that is already counted becomes a known fraud, or no longer is one."""

from __future__ import annotations

from numba import int64

from schemas.jit import kernel
from stream.windows.sums import change_sum
from stream.windows.words import AFTER, BEFORE, BEGINNING_US, FRAUD_US, NIL, OWNER, TIME_US

# Of its arguments after memory and plan.
CHANGE_VERDICTS = (int64[::1], int64[::1])


@kernel
def set_verdicts(events, fraud_at, places, verdicts, changes):
    """Write verdicts to their events in order; tell by how much each changed."""
    for i in range(places.shape[0]):
        changes[i] = verdicts[i] - events[places[i], fraud_at]
        events[places[i], fraud_at] = verdicts[i]


@kernel
def change_verdicts(memory, plan, places, changes):
    """Let one entity type know of changes in order; the events have them already.

    An event is looked at among others, each of which must be as it was when its turn
    came, so all changes are taken back first and come again one by one.
    """
    if plan.fraud.shape[1] == 0:
        return
    events, fraud_at = memory.events, plan.fraud[0, 0]
    for i in range(places.shape[0] - 1, -1, -1):
        events[places[i], fraud_at] -= changes[i]
    for i in range(places.shape[0]):
        if changes[i] != 0:
            change_verdict(memory, plan, places[i], changes[i])
        events[places[i], fraud_at] += changes[i]


@kernel
def change_verdict(memory, plan, event, change):
    """Let one entity type know that an event became fraud (1) or genuine again (-1)."""
    place = int64(memory.links[event, OWNER])
    if place == NIL or plan.fraud.shape[1] == 0:
        return
    rows = memory.rows
    time_us = memory.events[event, TIME_US]
    change_sum(memory, plan, place, event, plan.fraud[0, 0], change)
    if change > 0:
        rows[place, FRAUD_US] = max(rows[place, FRAUD_US], time_us)
    elif rows[place, FRAUD_US] == time_us:
        rows[place, FRAUD_US] = last_fraud_us(memory, plan, youngest_equal(memory, event), event)


@kernel
def youngest_equal(memory, event):
    """Find the last event of the same time in the list."""
    events, links = memory.events, memory.links
    after = int64(links[event, AFTER])
    while after != NIL and events[after, TIME_US] == events[event, TIME_US]:
        event = after
        after = int64(links[event, AFTER])
    return event


@kernel
def last_fraud_us(memory, plan, walk, but):
    """Find when the latest known fraud was, from an event backwards, leaving one out."""
    while walk != NIL:
        if walk != but and memory.events[walk, plan.fraud[0, 0]] != 0:
            return memory.events[walk, TIME_US]
        walk = int64(memory.links[walk, BEFORE])
    return int64(BEGINNING_US)
