"""Forgetting an entity for good: what is kept of it goes, and its events become nobody's.

This is not eviction, which makes room and may leave an entity's key in what others count.
Afterwards nothing in memory is the entity's key or was made of it; its events stay where
others count them, as events do whose entity was null.
"""

from __future__ import annotations

from numba import int64, uint64

from schemas.jit import kernel
from stream.keytable import insert, remove
from stream.windows.distinct import shift_value
from stream.windows.entities import pair_key, wake
from stream.windows.observe import leave_blank
from stream.windows.words import (
    AFTER,
    FRESHER,
    FRESHEST,
    KEY,
    LAST_SEEN,
    NIL,
    OLDEST,
    OWNER,
    STALER,
    STALEST,
    USED,
)

# Of the arguments after memory and plan.
ERASE_VALUE = (int64, uint64)
ERASE_ENTITIES = (int64[::1],)


@kernel
def erase_value(memory, plan, column, key):
    """Let no entity of a type count a value among its distinct ones any more.

    The column itself is left as it is: other types may look for the value there.

    Parameters
    ----------
    memory : Memory
    plan : Plan
    column : int
        Of events, one that holds keys.
    key : int
        The value.
    """
    events, links = memory.events, memory.links
    first = links.shape[1] - 2 * plan.distinct.shape[1]
    for event in range(events.shape[0]):
        place = int64(links[event, OWNER])
        if place == NIL or uint64(events[event, column]) != key:
            continue
        for d in range(plan.distinct.shape[1]):
            if plan.distinct[0, d] != column:
                continue
            at = first + 2 * d
            if links[event, at + 1] == NIL:
                # The value was counted here, at its youngest event.
                shift_value(memory, plan, place, event, d, -1)
                remove(memory.same, d, pair_key(uint64(memory.rows[place, KEY]), key))
            links[event, at] = NIL
            links[event, at + 1] = NIL


@kernel
def erase_entities(memory, plan, places):
    """Forget entities as if they had never been.

    Parameters
    ----------
    memory : Memory
    plan : Plan
    places : ndarray of int64, shape (k,)
        The greatest first: the last entity of all moves to where one was.
    """
    for i in range(places.shape[0]):
        take_out(memory, plan, places[i])
        last = memory.control[0, USED] - 1
        if places[i] != last:
            move(memory, last, places[i])
        blank(memory, last)
        memory.control[0, USED] = last


@kernel
def take_out(memory, plan, place):
    """Take an entity out of the tables and the chain, and its events away from it."""
    rows, links, events = memory.rows, memory.links, memory.events
    if rows[place, LAST_SEEN] == NIL:
        wake(memory, place)
    first = links.shape[1] - 2 * plan.distinct.shape[1]
    event = rows[place, OLDEST]
    while event != NIL:
        younger = int64(links[event, AFTER])
        for d in range(plan.distinct.shape[1]):
            value = uint64(events[event, plan.distinct[0, d]])
            if value != uint64(0) and links[event, first + 2 * d + 1] == NIL:
                remove(memory.same, d, pair_key(uint64(rows[place, KEY]), value))
        leave_blank(memory, event)
        event = younger
    remove(memory.buckets, 0, uint64(rows[place, KEY]))


@kernel
def move(memory, place, to):
    """Give an entity another place, which is nobody's."""
    rows, control = memory.rows, memory.control
    for word in range(rows.shape[1]):
        rows[to, word] = rows[place, word]
    for word in range(memory.carried.shape[1]):
        memory.carried[to, word] = memory.carried[place, word]
    for word in range(memory.known.shape[1]):
        memory.known[to, word] = memory.known[place, word]
    for word in range(memory.parts.shape[1]):
        memory.parts[to, word] = memory.parts[place, word]
    key = uint64(rows[to, KEY])
    remove(memory.buckets, 0, key)
    insert(memory.buckets, 0, key, to)
    if rows[to, LAST_SEEN] != NIL:
        event = rows[to, OLDEST]
        while event != NIL:
            memory.links[event, OWNER] = to
            event = int64(memory.links[event, AFTER])
        return
    fresher, staler = rows[to, FRESHER], rows[to, STALER]
    if staler == NIL:
        control[0, STALEST] = to
    else:
        rows[staler, FRESHER] = to
    if fresher == NIL:
        control[0, FRESHEST] = to
    else:
        rows[fresher, STALER] = to


@kernel
def blank(memory, place):
    """Leave nothing where an entity was."""
    for word in range(memory.rows.shape[1]):
        memory.rows[place, word] = 0
    for word in range(memory.carried.shape[1]):
        memory.carried[place, word] = 0.0
    for word in range(memory.known.shape[1]):
        memory.known[place, word] = 0.0
    for word in range(memory.parts.shape[1]):
        memory.parts[place, word] = uint64(0)
