"""Ask for memory before it is needed: what a batch will touch, in as many waits as steps.

An event touches its entity's bucket, the row it names, the newest event that the row
names and the tails that have fallen out: each a wait for memory that cannot begin
before the one before has ended. Done for a whole batch step by step, the waits of all
its events overlap.
"""

from __future__ import annotations

from numba import int64, uint64

from schemas.borrowed import prefetch
from schemas.jit import inlined, kernel
from stream.keytable import NOWHERE, find
from stream.windows.sums import window_words
from stream.windows.words import (
    AFTER,
    HEADER,
    LAST_SEEN,
    LINE,
    NEWEST,
    NIL,
    OWNER,
    TAIL,
    TAIL_US,
    TIME_US,
)


@kernel
def fetch(memory, plan, keys, first, events_max, places):
    """Look up a batch's entities, and ask for all that they will touch."""
    rows, links, events = memory.rows, memory.links, memory.events
    n = keys.shape[0]
    mask = uint64(memory.buckets.shape[1] - 1)
    for row in range(n):
        prefetch(memory.buckets, 0, int64(keys[row] & mask))
    slot = (first - events_max) % links.shape[0]
    for row in range(n):
        if first + row >= events_max and links[slot, OWNER] != NIL:
            prefetch(rows, int64(links[slot, OWNER]), 0)
            if links[slot, AFTER] != NIL:
                fetch_event(memory, int64(links[slot, AFTER]))
        slot = slot + 1 if slot + 1 < links.shape[0] else 0
    for row in range(n):
        places[row] = find(memory.buckets, 0, keys[row]) if keys[row] != uint64(0) else NOWHERE
        if places[row] != NOWHERE:
            for word in range(0, rows.shape[1], LINE):
                prefetch(rows, places[row], word)
    slot = first % links.shape[0]
    for row in range(n):
        event = slot
        slot = slot + 1 if slot + 1 < links.shape[0] else 0
        if places[row] != NOWHERE and rows[places[row], LAST_SEEN] != NIL:
            fetch_tails(memory, plan, places[row], events[event, TIME_US], False)
    slot = first % links.shape[0]
    for row in range(n):
        event = slot
        slot = slot + 1 if slot + 1 < links.shape[0] else 0
        if places[row] != NOWHERE and rows[places[row], LAST_SEEN] != NIL:
            fetch_tails(memory, plan, places[row], events[event, TIME_US], True)


@kernel
def fetch_tails(memory, plan, place, time_us, following):
    """Ask for the newest event and every tail that has fallen out, or for what follows those."""
    rows, links = memory.rows, memory.links
    if not following:
        fetch_event(memory, rows[place, NEWEST])
    at = int64(HEADER)
    for w in range(plan.windows_us.shape[1]):
        tail = rows[place, at + TAIL]
        if tail != NIL and rows[place, at + TAIL_US] <= time_us - plan.windows_us[0, w]:
            if following:
                tail = int64(links[tail, AFTER])
            if tail != NIL:
                fetch_event(memory, tail)
        at += window_words(plan)


@inlined
def fetch_event(memory, event):
    """Ask for all that is kept of an event."""
    for word in range(0, memory.lines.shape[1], LINE):
        prefetch(memory.lines, event, word)
