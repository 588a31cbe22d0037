"""The loops of the sliding windows, over flat arrays of small records.

Events lie in one ring in order of arrival. For each entity type (`kind`) every
event is also a link in its entity's list, ordered by event time (equal times in
order of arrival). Each entity keeps, for each window, the oldest event inside it
and the count and sum of what is inside, as of its newest event. An event in time
order moves each window's tail over what fell out of it: O(1) amortised, whatever
the window's length. A late event walks only over what is younger than itself and
what left the windows in that time.

Sums are int64 minor units: exact, and free of order.
"""

from __future__ import annotations

import numpy as np
from numba import int64, uint64

from schemas.jit import kernel
from stream.keytable import NOWHERE, find, insert, remove

NIL = -1

EVENT = np.dtype([("time_us", np.int64), ("amount_minor", np.int64)])
# One event's place in the list of its entity; owner is NIL where it has none.
LINK = np.dtype([("owner", np.int32), ("before", np.int32), ("after", np.int32)])
# One entity; fresher and staler chain the entities in the order they were last
# seen, through an anchor in the last place. Free places are chained by staler.
PLACE = np.dtype(
    [
        ("key", np.uint64),
        ("newest", np.int32),
        ("oldest", np.int32),
        ("fresher", np.int32),
        ("staler", np.int32),
    ]
)
# One window of one entity, as of its newest event.
WINDOW = np.dtype([("total", np.int64), ("count", np.int32), ("tail", np.int32)])

# Places in the array of counters.
ARRIVED, EVICTED_LIVE, LATE_INSERTS, RECOUNTS = range(4)
N_COUNTERS = 4


@kernel
def link_event(events, links, places, kind, place, event):
    """Put an event into its entity's list by time; return (younger events, their total)."""
    younger = int64(0)
    total = int64(0)
    older = int64(places[kind, place]["newest"])
    newer = int64(NIL)
    while older != NIL and events[older]["time_us"] > events[event]["time_us"]:
        younger += 1
        total += events[older]["amount_minor"]
        newer = older
        older = int64(links[kind, older]["before"])
    links[kind, event]["owner"] = place
    links[kind, event]["before"] = older
    links[kind, event]["after"] = newer
    if older == NIL:
        places[kind, place]["oldest"] = event
    else:
        links[kind, older]["after"] = event
    if newer == NIL:
        places[kind, place]["newest"] = event
    else:
        links[kind, newer]["before"] = event
    return younger, total


@kernel
def advance(events, links, windows, kind, place, event, windows_us, counts, totals, row):
    """Bring every window up to an event that is now the newest, and read them."""
    for w in range(windows_us.shape[0]):
        start = events[event]["time_us"] - windows_us[w]
        tail = int64(windows[kind, place, w]["tail"])
        count = int64(windows[kind, place, w]["count"])
        total = windows[kind, place, w]["total"]
        if tail == NIL:
            tail = event
        while events[tail]["time_us"] <= start:
            count -= 1
            total -= events[tail]["amount_minor"]
            tail = int64(links[kind, tail]["after"])
        count += 1
        total += events[event]["amount_minor"]
        windows[kind, place, w]["tail"] = tail
        windows[kind, place, w]["count"] = count
        windows[kind, place, w]["total"] = total
        counts[kind, w, row] = count
        totals[kind, w, row] = total


@kernel
def read_late(
    events,
    links,
    places,
    windows,
    kind,
    place,
    event,
    younger,
    younger_total,
    windows_us,
    counts,
    totals,
    row,
):
    """Count an out-of-order event in the windows of the newest, and read them as of itself."""
    newest_us = events[places[kind, place]["newest"]]["time_us"]
    time_us = events[event]["time_us"]
    for w in range(windows_us.shape[0]):
        count = int64(0)
        total = int64(0)
        walk = int64(event)
        if time_us > newest_us - windows_us[w]:
            windows[kind, place, w]["count"] += 1
            windows[kind, place, w]["total"] += events[event]["amount_minor"]
            if links[kind, event]["after"] == windows[kind, place, w]["tail"]:
                windows[kind, place, w]["tail"] = event
            # All that is younger lies in the newest event's window too: take it
            # off, then add what has already fallen out behind that window's tail.
            count = windows[kind, place, w]["count"] - younger
            total = windows[kind, place, w]["total"] - younger_total
            walk = int64(links[kind, windows[kind, place, w]["tail"]]["before"])
        while walk != NIL and events[walk]["time_us"] > time_us - windows_us[w]:
            count += 1
            total += events[walk]["amount_minor"]
            walk = int64(links[kind, walk]["before"])
        counts[kind, w, row] = count
        totals[kind, w, row] = total


@kernel
def recount(events, links, places, windows, kind, place, windows_us):
    """Count an entity's windows again from its list, as of its newest event."""
    newest = int64(places[kind, place]["newest"])
    for w in range(windows_us.shape[0]):
        windows[kind, place, w]["count"] = 0
        windows[kind, place, w]["total"] = 0
        walk = newest
        while walk != NIL and events[walk]["time_us"] > events[newest]["time_us"] - windows_us[w]:
            windows[kind, place, w]["count"] += 1
            windows[kind, place, w]["total"] += events[walk]["amount_minor"]
            windows[kind, place, w]["tail"] = walk
            walk = int64(links[kind, walk]["before"])


@kernel
def unchain(places, kind, place):
    """Take an entity out of the chain of freshness."""
    fresher = places[kind, place]["fresher"]
    staler = places[kind, place]["staler"]
    places[kind, staler]["fresher"] = fresher
    places[kind, fresher]["staler"] = staler


@kernel
def chain_freshest(places, kind, place):
    """Put an entity at the fresh end of the chain."""
    anchor = places.shape[1] - 1
    last = places[kind, anchor]["staler"]
    places[kind, last]["fresher"] = place
    places[kind, place]["staler"] = last
    places[kind, place]["fresher"] = anchor
    places[kind, anchor]["staler"] = place


@kernel
def release(places, buckets, free, kind, place):
    """Forget an entity and free its place; no event may be linked to it any more."""
    remove(buckets, kind, places[kind, place]["key"])
    unchain(places, kind, place)
    places[kind, place]["key"] = uint64(0)
    places[kind, place]["staler"] = free[kind]
    free[kind] = place


@kernel
def evict_stalest(events, links, places, buckets, free, counters, kind, live_us):
    """Make room: forget the entity that was seen least recently, with its events."""
    place = int64(places[kind, places.shape[1] - 1]["fresher"])
    walk = int64(places[kind, place]["oldest"])
    while walk != NIL:
        if events[walk]["time_us"] > live_us:
            counters[EVICTED_LIVE] += 1
        links[kind, walk]["owner"] = NIL
        walk = int64(links[kind, walk]["after"])
    release(places, buckets, free, kind, place)


@kernel
def place_of(events, links, places, windows, buckets, free, counters, kind, key, live_us):
    """Find an entity's place, or give it one, and make it the freshest."""
    place = find(buckets, kind, key)
    if place != NOWHERE:
        unchain(places, kind, place)
    else:
        if free[kind] == NIL:
            evict_stalest(events, links, places, buckets, free, counters, kind, live_us)
        place = free[kind]
        free[kind] = int64(places[kind, place]["staler"])
        insert(buckets, kind, key, place)
        places[kind, place]["key"] = key
        places[kind, place]["newest"] = NIL
        places[kind, place]["oldest"] = NIL
        for w in range(windows.shape[2]):
            windows[kind, place, w]["tail"] = NIL
            windows[kind, place, w]["count"] = 0
            windows[kind, place, w]["total"] = 0
    chain_freshest(places, kind, place)
    return place


@kernel
def forget_event(
    events, links, places, windows, buckets, free, counters, kind, event, windows_us, live_us
):
    """Unlink an event whose place in the ring is needed; an entity goes with its last event."""
    place = int64(links[kind, event]["owner"])
    if place == NIL:
        return
    links[kind, event]["owner"] = NIL
    if events[event]["time_us"] > live_us:
        counters[EVICTED_LIVE] += 1
    older = int64(links[kind, event]["before"])
    newer = int64(links[kind, event]["after"])
    if older == NIL and newer == NIL:
        release(places, buckets, free, kind, place)
        return
    newest_us = events[places[kind, place]["newest"]]["time_us"]
    if older == NIL:
        places[kind, place]["oldest"] = newer
    else:
        links[kind, older]["after"] = newer
    if newer == NIL:
        # The newest event is the first to be forgotten only if the others came
        # after it out of order: the windows now end earlier.
        places[kind, place]["newest"] = older
        counters[RECOUNTS] += 1
        recount(events, links, places, windows, kind, place, windows_us)
        return
    links[kind, newer]["before"] = older
    for w in range(windows_us.shape[0]):
        if events[event]["time_us"] > newest_us - windows_us[w]:
            windows[kind, place, w]["count"] -= 1
            windows[kind, place, w]["total"] -= events[event]["amount_minor"]
            if windows[kind, place, w]["tail"] == event:
                windows[kind, place, w]["tail"] = newer


@kernel
def observe(
    events,
    links,
    places,
    windows,
    buckets,
    free,
    counters,
    windows_us,
    times_us,
    amounts_minor,
    keys,
    take,
    counts,
    totals,
    gaps_us,
):
    """Run a batch through the windows, event by event in the order of arrival.

    Parameters
    ----------
    events, links, places, windows, buckets, free, counters : ndarray
        The state; see `stream.windows.Windows`.
    windows_us : ndarray of int64, shape (n_windows,)
        Lengths, ascending.
    times_us, amounts_minor : ndarray of int64, shape (n,)
    keys : ndarray of uint64, shape (n_kinds, n)
        0 where the entity is not known.
    take : ndarray of bool, shape (n,)
        Rows that count; the others are passed over.
    counts, totals : ndarray of int64, shape (n_kinds, n_windows, n)
        Written for rows that are taken and whose entity is known.
    gaps_us : ndarray of int64, shape (n_kinds, n)
        Time since the entity's previous event; NIL if there is none.
    """
    longest_us = windows_us[windows_us.shape[0] - 1]
    for row in range(times_us.shape[0]):
        if not take[row]:
            continue
        event = counters[ARRIVED] % events.shape[0]
        # What is younger than this would still count in a window that ends now.
        live_us = times_us[row] - longest_us
        for kind in range(keys.shape[0]):
            forget_event(
                events,
                links,
                places,
                windows,
                buckets,
                free,
                counters,
                kind,
                event,
                windows_us,
                live_us,
            )
        counters[ARRIVED] += 1
        events[event]["time_us"] = times_us[row]
        events[event]["amount_minor"] = amounts_minor[row]
        for kind in range(keys.shape[0]):
            key = keys[kind, row]
            if key == uint64(0):
                continue
            place = place_of(
                events, links, places, windows, buckets, free, counters, kind, key, live_us
            )
            younger, younger_total = link_event(events, links, places, kind, place, event)
            if younger == 0:
                advance(events, links, windows, kind, place, event, windows_us, counts, totals, row)
            else:
                counters[LATE_INSERTS] += 1
                read_late(
                    events,
                    links,
                    places,
                    windows,
                    kind,
                    place,
                    event,
                    younger,
                    younger_total,
                    windows_us,
                    counts,
                    totals,
                    row,
                )
            older = int64(links[kind, event]["before"])
            if older != NIL:
                gaps_us[kind, row] = times_us[row] - events[older]["time_us"]
