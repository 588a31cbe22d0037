"""Read the windows at an event: of the newest as they stand, of a late one as of itself."""

from __future__ import annotations

from numba import int64

from schemas.jit import inlined, kernel
from stream.windows.sums import delayed_at, window_words
from stream.windows.words import (
    BEFORE,
    COUNT,
    DELAYED,
    HEAD,
    HEADER,
    N_READ,
    NEWEST,
    NIL,
    NOW_US,
    TAIL,
    TIME_US,
    WINDOW,
)


@kernel
def read_distinct(memory, plan, place, row):
    """Copy every window's distinct counts, as of the newest event."""
    rows = memory.rows
    n_sums, n_distinct = plan.sums.shape[1], plan.distinct.shape[1]
    at, out = int64(HEADER + WINDOW) + n_sums, int64(N_READ + 1) + n_sums
    for _ in range(plan.windows_us.shape[1]):
        for d in range(n_distinct):
            memory.read[out + d, row] = rows[place, at + d]
        at += window_words(plan)
        out += window_words(plan) - WINDOW + 1


@kernel
def read_delayed(memory, plan, place, row):
    """Copy every delayed window's count and sums, as of the newest event."""
    rows = memory.rows
    n_sums = plan.delayed_sums.shape[1]
    at = delayed_at(plan)
    out = int64(N_READ) + plan.windows_us.shape[1] * (window_words(plan) - WINDOW + 1)
    for _ in range(plan.delayed_us.shape[0]):
        memory.read[out, row] = rows[place, at + COUNT]
        for m in range(n_sums):
            memory.read[out + 1 + m, row] = rows[place, at + DELAYED + m]
        at += DELAYED + n_sums
        out += 1 + n_sums


@kernel
def read_windows(memory, plan, place, row):
    """Copy every window's count, sums and distinct counts, as of the newest event."""
    rows = memory.rows
    values = plan.sums.shape[1] + plan.distinct.shape[1]
    at, out = int64(HEADER), int64(N_READ)
    for _ in range(plan.windows_us.shape[1]):
        memory.read[out, row] = rows[place, at + COUNT]
        for m in range(values):
            memory.read[out + 1 + m, row] = rows[place, at + WINDOW + m]
        at += WINDOW + values + plan.peaks.shape[0]
        out += 1 + values + plan.peaks.shape[0]
    read_delayed(memory, plan, place, row)


@inlined
def adjust(memory, columns, event, sign, out, row):
    """Put an event into a reading of count and sums, or take it out (sign -1)."""
    memory.read[out, row] += sign
    for m in range(columns.shape[1]):
        memory.read[out + 1 + m, row] += sign * memory.events[event, columns[0, m]]


@kernel
def read_sums_late(memory, columns, place, at, young, now_span, span, out, row):
    """Turn one window's reading as of the newest event into one as of a late event.

    `young` is the youngest event of the window as it stands or, of an empty one, what
    lies before it. The spans are (start, end] as of the newest event and as of the
    late one: what is younger than the latter's end is taken off, what has left the
    window since then is added.
    """
    events, links = memory.events, memory.links
    walk = young
    while walk != NIL and events[walk, TIME_US] > span[1]:
        if events[walk, TIME_US] > now_span[0]:
            adjust(memory, columns, walk, -1, out, row)
        walk = int64(links[walk, BEFORE])
    if walk != NIL and events[walk, TIME_US] > now_span[0]:
        walk = int64(links[memory.rows[place, at + TAIL], BEFORE])
    while walk != NIL and events[walk, TIME_US] > span[0]:
        adjust(memory, columns, walk, 1, out, row)
        walk = int64(links[walk, BEFORE])


@kernel
def read_distinct_late(memory, plan, place, at, event, now_start_us, start_us, out, row):
    """Turn one window's distinct counts as of the newest event into those as of a late one."""
    events, links, rows = memory.events, memory.links, memory.rows
    time_us = events[event, TIME_US]
    n_distinct = plan.distinct.shape[1]
    first = links.shape[1] - 2 * n_distinct
    for d in range(n_distinct):
        column, older, younger = plan.distinct[0, d], first + 2 * d, first + 2 * d + 1
        count = int64(0)
        fallen = event
        if time_us > now_start_us:
            # Take off what is younger, youngest first: its value is then represented
            # by the event before it of the same value, if that is inside.
            count = memory.read[out + d, row]
            walk = rows[place, NEWEST]
            while walk != event:
                if events[walk, column] != 0:
                    same = int64(links[walk, older])
                    if same == NIL or events[same, TIME_US] <= now_start_us:
                        count -= 1
                walk = int64(links[walk, BEFORE])
            fallen = int64(links[rows[place, at + TAIL], BEFORE])
        while fallen != NIL and events[fallen, TIME_US] > start_us:
            if events[fallen, column] != 0:
                same = int64(links[fallen, younger])
                if same == NIL or events[same, TIME_US] > time_us:
                    count += 1
            fallen = int64(links[fallen, BEFORE])
        memory.read[out + d, row] = count


@kernel
def read_windows_late(memory, plan, place, event, row):
    """Read every window as of an event out of order, which is already counted in it."""
    rows = memory.rows
    time_us = memory.events[event, TIME_US]
    now_us = rows[place, NOW_US]
    read_windows(memory, plan, place, row)
    n_sums, n_distinct, n_peaks = plan.sums.shape[1], plan.distinct.shape[1], plan.peaks.shape[0]
    at, out = int64(HEADER), int64(N_READ)
    for w in range(plan.windows_us.shape[1]):
        now_span = (now_us - plan.windows_us[0, w], now_us)
        span = (time_us - plan.windows_us[0, w], time_us)
        young = rows[place, NEWEST]
        read_sums_late(memory, plan.sums, place, at, young, now_span, span, out, row)
        distinct_out = out + 1 + n_sums
        read_distinct_late(memory, plan, place, at, event, now_span[0], span[0], distinct_out, row)
        at += WINDOW + n_sums + n_distinct + n_peaks
        out = distinct_out + n_distinct + n_peaks
    at = delayed_at(plan)
    for v in range(plan.delayed_us.shape[0]):
        length_us, delay_us = plan.delayed_us[v, 0], plan.delayed_us[v, 1]
        now_span = (now_us - delay_us - length_us, now_us - delay_us)
        span = (time_us - delay_us - length_us, time_us - delay_us)
        head = rows[place, at + HEAD]
        young = int64(memory.links[head, BEFORE]) if head != NIL else rows[place, NEWEST]
        read_sums_late(memory, plan.delayed_sums, place, at, young, now_span, span, out, row)
        at += DELAYED + plan.delayed_sums.shape[1]
        out += 1 + plan.delayed_sums.shape[1]
