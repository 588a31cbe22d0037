"""The list of an entity's events, by event time, equal times in order of arrival."""

from __future__ import annotations

from numba import int64

from schemas.jit import kernel
from stream.windows.words import AFTER, BEFORE, NEWEST, NIL, OLDEST, OWNER, TIME_US


@kernel
def link(memory, place, event):
    """Put an event into its entity's list; it walks over what is younger than itself."""
    events, links, rows = memory.events, memory.links, memory.rows
    time_us = events[event, TIME_US]
    older = rows[place, NEWEST]
    newer = int64(NIL)
    while older != NIL and events[older, TIME_US] > time_us:
        newer = older
        older = int64(links[older, BEFORE])
    links[event, OWNER] = place
    links[event, BEFORE] = older
    links[event, AFTER] = newer
    if older == NIL:
        rows[place, OLDEST] = event
    else:
        links[older, AFTER] = event
    if newer == NIL:
        rows[place, NEWEST] = event
    else:
        links[newer, BEFORE] = event


@kernel
def unlink(memory, place, event):
    """Take an event out of its entity's list."""
    links, rows = memory.links, memory.rows
    older, newer = int64(links[event, BEFORE]), int64(links[event, AFTER])
    links[event, OWNER] = NIL
    if older == NIL:
        rows[place, OLDEST] = newer
    else:
        links[older, AFTER] = newer
    if newer == NIL:
        rows[place, NEWEST] = older
    else:
        links[newer, BEFORE] = older
