"""Whether what was read back can be walked over: every link, list, stack and window.

Kernels follow links without looking, so a wrong one would be a read beside the arrays, or
a walk without an end. Each event and each entity is looked at once, its neighbours with it:
lists in order whose links agree in both directions have neither loops nor loose ends.
Sums and counts steer nothing and are taken as they are.
"""

from __future__ import annotations

from enum import IntEnum

from numba import int64, uint64

from schemas.jit import inlined, kernel
from stream.keytable import NOWHERE, find, insert
from stream.windows.entities import pair_key
from stream.windows.sums import delayed_at, window_words
from stream.windows.words import (
    AFTER,
    BEFORE,
    DELAYED,
    FRESHER,
    FRESHEST,
    HAND,
    HEAD,
    HEADER,
    KEY,
    LAST_SEEN,
    N_LINKS,
    NEVER_US,
    NEWEST,
    NIL,
    NOW_US,
    OLDEST,
    OWNER,
    POPPED,
    STALER,
    STALEST,
    TAIL,
    TIME_US,
    USED,
)

# Of the arguments after memory and plan.
SPAN = (int64, int64)


class Fault(IntEnum):
    """What does not hold together."""

    NONE = 0
    CONTROL = 1
    KEYS = 2
    OWNERS = 3
    LISTS = 4
    DISTINCT = 5
    PEAKS = 6
    ENTITIES = 7
    WINDOWS = 8
    SLEEPERS = 9


_NONE, _CONTROL, _KEYS = int(Fault.NONE), int(Fault.CONTROL), int(Fault.KEYS)
_OWNERS, _LISTS, _DISTINCT = int(Fault.OWNERS), int(Fault.LISTS), int(Fault.DISTINCT)
_PEAKS, _ENTITIES = int(Fault.PEAKS), int(Fault.ENTITIES)
_WINDOWS, _SLEEPERS = int(Fault.WINDOWS), int(Fault.SLEEPERS)


@kernel
def find_fault(memory, plan, first, arrived):
    """Look for what no kernel would have left so; and fill the key tables, which are empty.

    The memory was empty before what is remembered was written into it.

    Parameters
    ----------
    memory : Memory
    plan : Plan
    first, arrived : int
        Numbers of the oldest event that is remembered, and of the next.

    Returns
    -------
    int
        The first `Fault`.
    """
    control, rows = memory.control, memory.rows
    used = control[0, USED]
    if used < 0 or used > rows.shape[0] or control[0, HAND] < 0 or control[0, HAND] > arrived:
        return _CONTROL
    for place in range(used):
        key = uint64(rows[place, KEY])
        if key == uint64(0) or find(memory.buckets, 0, key) != NOWHERE:
            return _KEYS
        insert(memory.buckets, 0, key, place)
    for place in range(used):
        if rows[place, LAST_SEEN] != NIL and not is_awake(memory, place, first, arrived):
            return _ENTITIES
    slot = first % memory.links.shape[0]
    for number in range(first, arrived):
        fault = fault_of_event(memory, plan, slot, number, arrived)
        if fault != _NONE:
            return fault
        slot = slot + 1 if slot + 1 < memory.links.shape[0] else 0
    for place in range(used):
        if not holds_windows(memory, plan, place):
            return _WINDOWS
    return _NONE if holds_sleepers(memory, used) else _SLEEPERS


@inlined
def number_at(slot, arrived, ring):
    """Return the number of the latest event that was written to a slot."""
    return arrived - 1 - (arrived - 1 - slot) % ring


@kernel
def is_of(memory, event, place):
    """Whether this is an event of this entity; what is not remembered is nobody's."""
    if event < 0 or event >= memory.links.shape[0]:
        return False
    return memory.links[event, OWNER] == place


@kernel
def is_earlier(memory, event, other, arrived):
    """Whether an event lies before another in a list: by time, then by arrival."""
    events, ring = memory.events, memory.links.shape[0]
    if events[event, TIME_US] != events[other, TIME_US]:
        return events[event, TIME_US] < events[other, TIME_US]
    return number_at(event, arrived, ring) < number_at(other, arrived, ring)


@kernel
def is_awake(memory, place, first, arrived):
    """Whether an entity has a latest event and a list with two ends."""
    links, rows = memory.links, memory.rows
    last = rows[place, LAST_SEEN]
    if last < max(first, memory.control[0, HAND]) or last >= arrived:
        return False
    if links[last % links.shape[0], OWNER] != place:
        return False
    newest, oldest = rows[place, NEWEST], rows[place, OLDEST]
    if not is_of(memory, newest, place) or links[newest, AFTER] != NIL:
        return False
    if not is_of(memory, oldest, place) or links[oldest, BEFORE] != NIL:
        return False
    return memory.events[newest, TIME_US] <= rows[place, NOW_US]


@kernel
def fault_of_event(memory, plan, event, number, arrived):
    """Look at the links of one event."""
    links, rows = memory.links, memory.rows
    place = int64(links[event, OWNER])
    if place == NIL:
        return _NONE
    if place < 0 or place >= memory.control[0, USED] or rows[place, LAST_SEEN] < number:
        return _OWNERS
    if not holds_neighbours(memory, event, place, arrived):
        return _LISTS
    for d in range(plan.distinct.shape[1]):
        if not holds_value(memory, plan, event, place, d, arrived):
            return _DISTINCT
    for t in range(plan.peaks.shape[0]):
        if not holds_peak(memory, event, place, t, arrived):
            return _PEAKS
    return _NONE


@kernel
def holds_neighbours(memory, event, place, arrived):
    """Whether an event and its neighbours name each other, or it is where the list ends."""
    links, rows = memory.links, memory.rows
    before, after = int64(links[event, BEFORE]), int64(links[event, AFTER])
    if after == NIL:
        if rows[place, NEWEST] != event:
            return False
    elif not follows(memory, event, after, BEFORE, place, arrived):
        return False
    if before == NIL:
        return rows[place, OLDEST] == event
    return precedes(memory, event, before, AFTER, place, arrived)


@kernel
def follows(memory, event, other, back, place, arrived):
    """Whether another event of the entity lies after one, and says so by its link `back`."""
    if not is_of(memory, other, place) or memory.links[other, back] != event:
        return False
    return is_earlier(memory, event, other, arrived)


@kernel
def precedes(memory, event, other, back, place, arrived):
    """Whether another event of the entity lies before one, and says so by its link `back`."""
    if not is_of(memory, other, place) or memory.links[other, back] != event:
        return False
    return is_earlier(memory, other, event, arrived)


@kernel
def holds_value(memory, plan, event, place, d, arrived):
    """Whether an event's chain of equal values holds; enter it if it is the youngest."""
    links, events = memory.links, memory.events
    column = plan.distinct[0, d]
    value = uint64(events[event, column])
    if value == uint64(0):
        return True
    at = links.shape[1] - 2 * (plan.distinct.shape[1] - d)
    older, younger = int64(links[event, at]), int64(links[event, at + 1])
    if older != NIL:
        if not precedes(memory, event, older, at + 1, place, arrived):
            return False
        if uint64(events[older, column]) != value:
            return False
    if younger != NIL:
        return follows(memory, event, younger, at, place, arrived)
    key = pair_key(uint64(memory.rows[place, KEY]), value)
    if find(memory.same, d, key) != NOWHERE:
        return False
    insert(memory.same, d, key, event)
    return True


@kernel
def holds_peak(memory, event, place, t, arrived):
    """Whether an event's place in a stack holds; the newest of an entity is on top."""
    links = memory.links
    at = N_LINKS + 2 * t
    older, younger = int64(links[event, at]), int64(links[event, at + 1])
    is_newest = memory.rows[place, NEWEST] == event
    if younger == POPPED:
        return not is_newest
    if (younger == NIL) != is_newest:
        return False
    if younger != NIL:
        if not follows(memory, event, younger, at, place, arrived):
            return False
        if links[younger, at + 1] == POPPED:
            return False
    return older == NIL or precedes(memory, event, older, at + 1, place, arrived)


@kernel
def holds_windows(memory, plan, place):
    """Whether every window of an entity begins, and ends, where it should."""
    links, rows = memory.links, memory.rows
    now_us = rows[place, NOW_US]
    n_peaks, size = plan.peaks.shape[0], window_words(plan)
    peaks_at = size - n_peaks
    at = int64(HEADER)
    for w in range(plan.windows_us.shape[1]):
        start_us = now_us - plan.windows_us[0, w]
        if not is_first_after(memory, place, at + TAIL, start_us):
            return False
        for t in range(n_peaks):
            peak = rows[place, at + peaks_at + t]
            if peak == NIL:
                continue
            if rows[place, LAST_SEEN] == NIL or not is_of(memory, peak, place):
                return False
            if links[peak, N_LINKS + 2 * t + 1] == POPPED:
                return False
        at += size
    at = delayed_at(plan)
    for v in range(plan.delayed_us.shape[0]):
        end_us = now_us - plan.delayed_us[v, 1]
        start_us = end_us - plan.delayed_us[v, 0]
        if not is_first_after(memory, place, at + TAIL, start_us):
            return False
        if not is_first_after(memory, place, at + HEAD, end_us):
            return False
        at += DELAYED + plan.delayed_sums.shape[1]
    return True


@kernel
def is_first_after(memory, place, at, time_us):
    """Whether an entity's words name its first event after a time, and that event's own time.

    The time lies in the word before the event; without such an event it is NEVER_US.
    """
    events, rows = memory.events, memory.rows
    event, event_us = rows[place, at], rows[place, at - 1]
    if event == NIL:
        if event_us != NEVER_US:
            return False
        asleep = rows[place, LAST_SEEN] == NIL
        return asleep or events[rows[place, NEWEST], TIME_US] <= time_us
    if rows[place, LAST_SEEN] == NIL or not is_of(memory, event, place):
        return False
    if events[event, TIME_US] != event_us or event_us <= time_us:
        return False
    before = int64(memory.links[event, BEFORE])
    return before == NIL or events[before, TIME_US] <= time_us


@kernel
def holds_sleepers(memory, used):
    """Whether the entities without events are one chain."""
    rows, control = memory.rows, memory.control
    asleep = 0
    for place in range(used):
        if rows[place, LAST_SEEN] == NIL:
            asleep += 1
    staler, place = int64(NIL), control[0, STALEST]
    while place != NIL:
        if place < 0 or place >= used or asleep == 0:
            return False
        if rows[place, LAST_SEEN] != NIL or rows[place, STALER] != staler:
            return False
        asleep -= 1
        staler, place = place, rows[place, FRESHER]
    return asleep == 0 and control[0, FRESHEST] == staler
