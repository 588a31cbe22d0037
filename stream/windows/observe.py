"""The loop: events in order of arrival through one entity type."""

from __future__ import annotations

from numba import int64, uint64

from schemas.borrowed import unshaped
from schemas.jit import inlined, kernel
from stream.keytable import NOWHERE, find
from stream.windows.as_of import read_delayed, read_distinct, read_windows_late
from stream.windows.distinct import count_values, forget_values, replace_older
from stream.windows.entities import admit, fall_asleep, wake
from stream.windows.fetch import fetch
from stream.windows.known import read_known
from stream.windows.lists import link, unlink
from stream.windows.peaks import forget_peaks, raise_peaks, read_peaks
from stream.windows.running import carry, run
from stream.windows.sums import count_late, forget_counted, slide, slide_delayed
from stream.windows.verdicts import last_fraud_us
from stream.windows.words import (
    BEFORE,
    BEGINNING_US,
    BORN_US,
    COMPLETE_AGE_US,
    EVICTED_LIVE,
    FIRST_US,
    FORGOTTEN_US,
    FRAUD_US,
    GAP_US,
    IS_BORN_LATE,
    IS_LATE,
    IS_NEW,
    KEY,
    KNOWN,
    LAST_SEEN,
    LATE_INSERTS,
    NEWEST,
    NIL,
    NOW_US,
    OWNER,
    REORDERED_AGE_US,
    REORDERED_US,
    SINCE_FIRST_US,
    SINCE_FRAUD_US,
    TIME_US,
)

# Of a kernel's arguments after memory and plan.
OBSERVE = (int64, uint64[::1], uint64[:, ::1], int64, int64, int64[::1])


@kernel
def observe(memory, plan, longest_us, keys, parts, first, events_max, places):
    """Run events that are already written through one entity type, and read at each.

    What is read lands in `Memory.read`, a column an event.

    Parameters
    ----------
    memory : Memory
    plan : Plan
        Both with known lengths; see `schemas.borrowed`.
    longest_us : int
        How far back the oldest window reaches.
    keys : ndarray of uint64, shape (n,)
        0 where the entity is not known.
    parts : ndarray of uint64, shape (parts, n)
        What `Memory.parts` is to hold of each.
    first : int
        Number of the first event.
    events_max : int
        Events remembered.
    places : ndarray of int64, shape (n or more,)
        Scratch.
    """
    fetch(memory, plan, keys, first, events_max, places)
    ring = memory.events.shape[0]
    slot, oldest = first % ring, (first - events_max) % ring
    for row in range(keys.shape[0]):
        number, event, forgotten = first + row, slot, oldest
        slot = slot + 1 if slot + 1 < ring else 0
        oldest = oldest + 1 if oldest + 1 < ring else 0
        live_us = memory.events[event, TIME_US] - longest_us
        if number >= events_max:
            forget(memory, plan, forgotten, number - events_max, live_us, longest_us)
        memory.links[event, OWNER] = NIL
        memory.read[KNOWN, row] = 0
        if keys[row] == uint64(0):
            leave_blank(unshaped(memory), event)
            continue
        place = places[row]
        if place == NOWHERE or uint64(memory.rows[place, KEY]) != keys[row]:
            place = find(memory.buckets, 0, keys[row])
        if place == NOWHERE:
            place = admit(
                unshaped(memory),
                unshaped(plan),
                keys[row],
                max(number - events_max + 1, 0),
                live_us,
            )
            for k in range(memory.parts.shape[1]):
                memory.parts[place, k] = parts[k, row]
        elif memory.rows[place, LAST_SEEN] == NIL:
            wake(unshaped(memory), place)
        memory.rows[place, LAST_SEEN] = number
        if memory.events[event, TIME_US] >= memory.rows[place, NOW_US]:
            take_newest(memory, plan, place, event, row)
        else:
            take_late(unshaped(memory), unshaped(plan), place, event, row)
        read_header(memory, plan, place, event, row)
        if memory.known.shape[1]:
            read_known(unshaped(memory), unshaped(plan), place, event, row)
        if memory.running.shape[1]:
            run(unshaped(memory), unshaped(plan), place, event, row)


@kernel
def leave_blank(memory, event):
    """Write over what an event of nobody would keep of the one that lay there before.

    Nobody reads it, but what is remembered would not be a function of what is remembered.
    """
    links, running = memory.links, memory.running
    for k in range(links.shape[1]):
        links[event, k] = NIL
    for k in range(running.shape[1]):
        running[event, k] = 0.0


@inlined
def take_newest(memory, plan, place, event, row):
    """Take an event in order."""
    memory.read[IS_LATE, row] = 0
    newest = memory.rows[place, NEWEST]
    link(memory, place, event)
    memory.rows[place, NOW_US] = memory.events[event, TIME_US]
    if plan.distinct.shape[1]:
        replace_older(unshaped(memory), unshaped(plan), place, event)
    slide(memory, plan, place, event, row)
    if plan.delayed_us.shape[0]:
        slide_delayed(memory, plan, place, event)
        read_delayed(memory, plan, place, row)
    if plan.distinct.shape[1]:
        count_values(unshaped(memory), unshaped(plan), place, event)
        read_distinct(unshaped(memory), unshaped(plan), place, row)
    if plan.peaks.shape[0]:
        raise_peaks(unshaped(memory), unshaped(plan), place, event, newest)
        read_peaks(unshaped(memory), unshaped(plan), place, event, False, row)


@kernel
def take_late(memory, plan, place, event, row):
    """Take an event out of order, and read everything as of its own time."""
    rows = memory.rows
    memory.read[IS_LATE, row] = 1
    memory.control[0, LATE_INSERTS] += 1
    rows[place, REORDERED_US] = max(rows[place, REORDERED_US], memory.events[event, TIME_US])
    newest = rows[place, NEWEST]
    link(memory, place, event)
    if plan.distinct.shape[1]:
        replace_older(memory, plan, place, event)
    count_late(memory, plan, place, event)
    if plan.distinct.shape[1]:
        count_values(memory, plan, place, event)
    read_windows_late(memory, plan, place, event, row)
    if plan.peaks.shape[0]:
        raise_peaks(memory, plan, place, event, newest)
        read_peaks(memory, plan, place, event, True, row)


@inlined
def read_header(memory, plan, place, event, row):
    """Read what is known of the entity itself."""
    rows = memory.rows
    time_us = memory.events[event, TIME_US]
    before = int64(memory.links[event, BEFORE])
    previous_us = rows[place, FORGOTTEN_US]
    if before != NIL:
        previous_us = max(previous_us, memory.events[before, TIME_US])
    known = previous_us > BEGINNING_US and rows[place, FORGOTTEN_US] <= time_us
    memory.read[KNOWN, row] = 1
    memory.read[GAP_US, row] = time_us - previous_us if known else NIL
    memory.read[IS_NEW, row] = 1 if time_us < rows[place, FIRST_US] else 0
    rows[place, FIRST_US] = min(rows[place, FIRST_US], time_us)
    memory.read[SINCE_FIRST_US, row] = time_us - rows[place, FIRST_US]
    fraud_us = rows[place, FRAUD_US]
    if fraud_us > time_us:
        fraud_us = last_fraud_us(unshaped(memory), unshaped(plan), before, event)
    memory.read[SINCE_FRAUD_US, row] = time_us - fraud_us if fraud_us > BEGINNING_US else NIL
    memory.read[IS_BORN_LATE, row] = 1 if rows[place, BORN_US] > BEGINNING_US else 0
    # Nothing after this time is missing.
    complete_us = max(rows[place, BORN_US], rows[place, FORGOTTEN_US])
    memory.read[COMPLETE_AGE_US, row] = time_us - complete_us
    memory.read[REORDERED_AGE_US, row] = time_us - rows[place, REORDERED_US]


@kernel
def forget(memory, plan, event, number, live_us, longest_us):
    """Forget an event and its number: it leaves its entity, which may fall asleep."""
    rows, events = memory.rows, memory.events
    place = int64(memory.links[event, OWNER])
    if place == NIL:
        return
    time_us = events[event, TIME_US]
    memory.control[0, EVICTED_LIVE] += time_us > live_us
    if plan.distinct.shape[1]:
        forget_values(unshaped(memory), unshaped(plan), place, event)
    forget_counted(unshaped(memory), unshaped(plan), place, event, longest_us)
    if plan.peaks.shape[0]:
        forget_peaks(unshaped(memory), unshaped(plan), place, event)
    carry(memory, place, event)
    unlink(memory, place, event)
    if rows[place, LAST_SEEN] == number:
        fall_asleep(unshaped(memory), place)
