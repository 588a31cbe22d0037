"""Who is known: places for entities, and who must go when there is none left.

The entity seen least recently makes room. Nothing is moved when an entity is seen
again: the ring of events is itself the order of arrival, and a hand that walks over
it, only ever forward, stops at the first event that is still its entity's latest.
Entities whose events have all been forgotten are older than any of those; they
sleep in a chain, in the order in which they fell asleep.
"""

from __future__ import annotations

from numba import int64, uint64

from schemas.jit import inlined, kernel
from stream.keytable import insert, remove
from stream.windows.known import know_nothing
from stream.windows.words import (
    AFTER,
    BEGINNING_US,
    BORN_US,
    DELAYED,
    EVICTED,
    EVICTED_LIVE,
    EVICTED_NOW_US,
    FIRST_US,
    FORGOTTEN_US,
    FRAUD_US,
    FRESHER,
    FRESHEST,
    HAND,
    HEAD,
    HEAD_US,
    HEADER,
    KEY,
    LAST_SEEN,
    NEVER_US,
    NEWEST,
    NIL,
    NOW_US,
    OLDEST,
    OWNER,
    REORDERED_US,
    STALER,
    STALEST,
    TAIL,
    TAIL_US,
    TIME_US,
    USED,
    WINDOW,
)


@kernel
def fall_asleep(memory, place):
    """Chain an entity whose last event was forgotten, at the fresh end."""
    rows, control = memory.rows, memory.control
    staler = control[0, FRESHEST]
    rows[place, LAST_SEEN] = NIL
    rows[place, FRESHER] = NIL
    rows[place, STALER] = staler
    if staler == NIL:
        control[0, STALEST] = place
    else:
        rows[staler, FRESHER] = place
    control[0, FRESHEST] = place


@kernel
def wake(memory, place):
    """Take an entity out of the chain; it has no events."""
    rows, control = memory.rows, memory.control
    fresher, staler = rows[place, FRESHER], rows[place, STALER]
    if staler == NIL:
        control[0, STALEST] = fresher
    else:
        rows[staler, FRESHER] = fresher
    if fresher == NIL:
        control[0, FRESHEST] = staler
    else:
        rows[fresher, STALER] = staler
    rows[place, NEWEST] = NIL
    rows[place, OLDEST] = NIL


@kernel
def stalest(memory, oldest_number):
    """Find the entity seen least recently; there is one."""
    control = memory.control
    if control[0, STALEST] != NIL:
        return control[0, STALEST]
    hand = max(control[0, HAND], oldest_number)
    while True:
        place = int64(memory.links[hand % memory.links.shape[0], OWNER])
        if place != NIL and memory.rows[place, LAST_SEEN] == hand:
            control[0, HAND] = hand
            return place
        hand += 1


@kernel
def evict(memory, plan, place, live_us):
    """Forget an entity with its events, which stay remembered elsewhere."""
    rows, links, events, control = memory.rows, memory.links, memory.events, memory.control
    if rows[place, LAST_SEEN] == NIL:
        wake(memory, place)
    first = links.shape[1] - 2 * plan.distinct.shape[1]
    event = rows[place, OLDEST]
    while event != NIL:
        control[0, EVICTED_LIVE] += events[event, TIME_US] > live_us
        links[event, OWNER] = NIL
        for d in range(plan.distinct.shape[1]):
            value = uint64(events[event, plan.distinct[0, d]])
            if value != uint64(0) and links[event, first + 2 * d + 1] == NIL:
                remove(memory.same, d, pair_key(uint64(rows[place, KEY]), value))
        event = int64(links[event, AFTER])
    control[0, EVICTED] += 1
    control[0, EVICTED_NOW_US] = max(control[0, EVICTED_NOW_US], rows[place, NOW_US])
    remove(memory.buckets, 0, uint64(rows[place, KEY]))


@kernel
def settle(memory, plan, place, key):
    """Begin an entity that has seen nothing."""
    rows = memory.rows
    for word in range(rows.shape[1]):
        rows[place, word] = 0
    rows[place, KEY] = int64(key)
    for word in (NEWEST, OLDEST, LAST_SEEN):
        rows[place, word] = NIL
    for word in (NOW_US, REORDERED_US, FRAUD_US, FORGOTTEN_US):
        rows[place, word] = BEGINNING_US
    rows[place, FIRST_US] = NEVER_US
    rows[place, BORN_US] = memory.control[0, EVICTED_NOW_US]
    know_nothing(memory, plan, place)
    at = HEADER
    inside = plan.sums.shape[1] + plan.distinct.shape[1]
    for _ in range(plan.windows_us.shape[1]):
        rows[place, at + TAIL_US] = NEVER_US
        rows[place, at + TAIL] = NIL
        for t in range(plan.peaks.shape[0]):
            rows[place, at + WINDOW + inside + t] = NIL
        at += WINDOW + inside + plan.peaks.shape[0]
    for _ in range(plan.delayed_us.shape[0]):
        rows[place, at + TAIL_US] = NEVER_US
        rows[place, at + TAIL] = NIL
        rows[place, at + HEAD_US] = NEVER_US
        rows[place, at + HEAD] = NIL
        at += DELAYED + plan.delayed_sums.shape[1]
    insert(memory.buckets, 0, key, place)


@kernel
def admit(memory, plan, key, oldest_number, live_us):
    """Give a new entity a place, if need be that of the entity seen least recently."""
    if memory.control[0, USED] < memory.rows.shape[0]:
        place = memory.control[0, USED]
        memory.control[0, USED] += 1
    else:
        place = stalest(memory, oldest_number)
        evict(memory, plan, place, live_us)
    settle(memory, plan, place, key)
    return place


@inlined
def pair_key(first, second):
    """Mix two keys into one that is never 0 (the finaliser of SplitMix64; Steele, 2014)."""
    mixed = first ^ (second * uint64(0x9E3779B97F4A7C15))
    mixed = (mixed ^ (mixed >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> uint64(27))) * uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> uint64(31))
    return max(mixed, uint64(1))


@kernel
def pair_keys(keys, others, pairs):
    """Mix two columns of keys; a pair with a null in it is null."""
    for row in range(keys.shape[0]):
        known = keys[row] != uint64(0) and others[row] != uint64(0)
        pairs[row] = pair_key(keys[row], others[row]) if known else uint64(0)
