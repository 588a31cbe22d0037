"""Greatest and least value in a window, by a stack of what may still become it.

Of an entity's events only those matter that no younger event matches or exceeds: they
form a stack, greatest and oldest at the bottom, the newest on top (a monotonic queue
without its front). All windows share it; each remembers where in it its peak lies,
and moves on to the next younger member when the peak falls out: O(1) amortised. A
least value is a greatest one of the values with their sign changed.
"""

from __future__ import annotations

from numba import int64

from schemas.jit import inlined, kernel
from stream.windows.words import (
    BEFORE,
    HEADER,
    N_LINKS,
    N_READ,
    NIL,
    NOW_US,
    POPPED,
    TAIL,
    TIME_US,
    WINDOW,
)


@inlined
def value_of(memory, plan, event, t):
    """Return the value by which an event competes in a stack."""
    return plan.peaks[t, 1] * memory.events[event, plan.peaks[t, 0]]


@kernel
def push(memory, plan, event, newest, t):
    """Put an event into the stack unless a younger one matches it; pop what it matches."""
    events, links = memory.events, memory.links
    older, younger = N_LINKS + 2 * t, N_LINKS + 2 * t + 1
    value = value_of(memory, plan, event, t)
    above = int64(NIL)
    walk = newest
    while walk != NIL and events[walk, TIME_US] > events[event, TIME_US]:
        above = walk
        walk = int64(links[walk, older])
    if above != NIL and value_of(memory, plan, above, t) >= value:
        links[event, older] = NIL
        links[event, younger] = POPPED
        return False
    while walk != NIL and value_of(memory, plan, walk, t) <= value:
        links[walk, younger] = POPPED
        walk = int64(links[walk, older])
    links[event, older] = walk
    links[event, younger] = above
    if walk != NIL:
        links[walk, younger] = event
    if above != NIL:
        links[above, older] = event
    return True


@kernel
def raise_peaks(memory, plan, place, event, newest):
    """Bring the peaks of every window up to an event, in order or not; windows moved already.

    `newest` is the newest event but this one.
    """
    events, links, rows = memory.events, memory.links, memory.rows
    n_peaks = plan.peaks.shape[0]
    values = plan.sums.shape[1] + plan.distinct.shape[1]
    now_us = rows[place, NOW_US]
    for t in range(n_peaks):
        younger = N_LINKS + 2 * t + 1
        pushed = push(memory, plan, event, newest, t)
        value = value_of(memory, plan, event, t)
        at = int64(HEADER + WINDOW) + values + t
        for w in range(plan.windows_us.shape[1]):
            start_us = now_us - plan.windows_us[0, w]
            peak = rows[place, at]
            inside = pushed and events[event, TIME_US] > start_us
            if inside and (peak == NIL or value_of(memory, plan, peak, t) <= value):
                peak = event
            while peak != NIL and events[peak, TIME_US] <= start_us:
                peak = int64(links[peak, younger])
            rows[place, at] = peak
            at += WINDOW + values + n_peaks


@kernel
def forget_peaks(memory, plan, place, event):
    """Take an event that is forgotten out of the stacks; it is still in its entity's list."""
    events, links, rows = memory.events, memory.links, memory.rows
    n_peaks = plan.peaks.shape[0]
    values = plan.sums.shape[1] + plan.distinct.shape[1]
    for t in range(n_peaks):
        older, younger = N_LINKS + 2 * t, N_LINKS + 2 * t + 1
        if links[event, younger] == POPPED:
            continue
        below, above = int64(links[event, older]), int64(links[event, younger])
        # What it had popped stands again, as far as what is above leaves room.
        low = above
        walk = int64(links[event, BEFORE])
        while walk != below:
            if low == NIL or value_of(memory, plan, walk, t) > value_of(memory, plan, low, t):
                links[walk, younger] = low
                if low != NIL:
                    links[low, older] = walk
                low = walk
            walk = int64(links[walk, BEFORE])
        if low != NIL:
            links[low, older] = below
        if below != NIL:
            links[below, younger] = low
        at = int64(HEADER + WINDOW) + values + t
        for w in range(plan.windows_us.shape[1]):
            if rows[place, at] == event:
                peak = low
                while (
                    peak != NIL
                    and events[peak, TIME_US] <= rows[place, NOW_US] - (plan.windows_us[0, w])
                ):
                    peak = int64(links[peak, younger])
                rows[place, at] = peak
            at += WINDOW + values + n_peaks


@kernel
def read_peaks(memory, plan, place, event, late, row):
    """Read every window's peaks as of an event."""
    rows = memory.rows
    n_peaks = plan.peaks.shape[0]
    values = plan.sums.shape[1] + plan.distinct.shape[1]
    window, out = int64(HEADER), int64(N_READ + 1) + values
    for w in range(plan.windows_us.shape[1]):
        for t in range(n_peaks):
            peak = rows[place, window + WINDOW + values + t]
            if late:
                tail = rows[place, window + TAIL]
                peak = peak_as_of(memory, plan, event, plan.windows_us[0, w], tail, peak, t)
            memory.read[out + t, row] = memory.events[peak, plan.peaks[t, 0]]
        window += WINDOW + values + n_peaks
        out += 1 + values + n_peaks


@kernel
def peak_as_of(memory, plan, event, length_us, tail, peak, t):
    """Find the peak of a window that ends at a late event, already counted in it."""
    events, links = memory.events, memory.links
    start_us = events[event, TIME_US] - length_us
    best = walk = event
    if peak != NIL and events[peak, TIME_US] <= events[event, TIME_US]:
        # Nothing inside exceeds it; what has left the window since may.
        best = peak
        walk = int64(links[tail, BEFORE])
    while walk != NIL and events[walk, TIME_US] > start_us:
        if value_of(memory, plan, walk, t) > value_of(memory, plan, best, t):
            best = walk
        walk = int64(links[walk, BEFORE])
    return best
