"""Counts and sums over sliding windows, delayed or not.

A window covers (t - d - w, t - d]; d is 0 for one that is not delayed. It remembers
its oldest event (the tail), a delayed one also the first event too young for it (the
head). An event in time order moves both over what entered and left: O(1) amortised,
whatever the window's length and population. An event out of order is counted where
it belongs, and then reads the window as of itself by walking over what is younger
and what has left since. Sums are integers: exact, and free of order.
"""

from __future__ import annotations

from numba import int64

from schemas.jit import inlined, kernel
from stream.windows.words import (
    AFTER,
    COUNT,
    DELAYED,
    HEAD,
    HEAD_US,
    HEADER,
    N_READ,
    NEVER_US,
    NIL,
    NOW_US,
    TAIL,
    TAIL_US,
    TIME_US,
    WINDOW,
)


@kernel
def leave(memory, plan, columns, n_distinct, place, at, sums_at, start_us):
    """Move a window's tail over what fell out of it."""
    events, links, rows = memory.events, memory.links, memory.rows
    tail, tail_us = rows[place, at + TAIL], rows[place, at + TAIL_US]
    n_sums = columns.shape[1]
    first = links.shape[1] - 2 * n_distinct
    while tail_us <= start_us:
        rows[place, at + COUNT] -= 1
        for m in range(n_sums):
            rows[place, sums_at + m] -= events[tail, columns[0, m]]
        for d in range(n_distinct):
            # Of equal values only the youngest counts.
            if links[tail, first + 2 * d + 1] == NIL and events[tail, plan.distinct[0, d]] != 0:
                rows[place, sums_at + n_sums + d] -= 1
        tail = int64(links[tail, AFTER])
        tail_us = events[tail, TIME_US] if tail != NIL else int64(NEVER_US)
    rows[place, at + TAIL] = tail
    rows[place, at + TAIL_US] = tail_us


@kernel
def slide(memory, plan, place, event, row):
    """Bring every window up to an event that is now the newest, and read count and sums."""
    events, rows, read = memory.events, memory.rows, memory.read
    time_us = events[event, TIME_US]
    n_sums, n_distinct = plan.sums.shape[1], plan.distinct.shape[1]
    size = window_words(plan)
    at, out = int64(HEADER), int64(N_READ)
    for w in range(plan.windows_us.shape[1]):
        start_us = time_us - plan.windows_us[0, w]
        if rows[place, at + TAIL_US] <= start_us:
            leave(memory, plan, plan.sums, n_distinct, place, at, at + WINDOW, start_us)
        if rows[place, at + TAIL] == NIL:
            rows[place, at + TAIL] = event
            rows[place, at + TAIL_US] = time_us
        count = rows[place, at + COUNT] + 1
        rows[place, at + COUNT] = count
        read[out, row] = count
        for m in range(n_sums):
            total = rows[place, at + WINDOW + m] + events[event, plan.sums[0, m]]
            rows[place, at + WINDOW + m] = total
            read[out + 1 + m, row] = total
        at += size
        out += size - WINDOW + 1


@kernel
def slide_delayed(memory, plan, place, event):
    """Bring every delayed window up to an event that is now the newest."""
    events, links, rows = memory.events, memory.links, memory.rows
    time_us = events[event, TIME_US]
    at = delayed_at(plan)
    for v in range(plan.delayed_us.shape[0]):
        end_us = time_us - plan.delayed_us[v, 1]
        start_us = end_us - plan.delayed_us[v, 0]
        sums_at = at + DELAYED
        if rows[place, at + HEAD] == NIL:
            rows[place, at + HEAD] = event
            rows[place, at + HEAD_US] = time_us
        if rows[place, at + TAIL] == NIL:
            rows[place, at + TAIL] = event
            rows[place, at + TAIL_US] = time_us
        head, head_us = rows[place, at + HEAD], rows[place, at + HEAD_US]
        while head_us <= end_us:
            rows[place, at + COUNT] += 1
            for m in range(plan.delayed_sums.shape[1]):
                rows[place, sums_at + m] += events[head, plan.delayed_sums[0, m]]
            head = int64(links[head, AFTER])
            head_us = events[head, TIME_US]
        rows[place, at + HEAD] = head
        rows[place, at + HEAD_US] = head_us
        leave(memory, plan, plan.delayed_sums, 0, place, at, sums_at, start_us)
        at = sums_at + plan.delayed_sums.shape[1]


@inlined
def window_words(plan):
    """Return the words of one window."""
    return WINDOW + plan.sums.shape[1] + plan.distinct.shape[1] + plan.peaks.shape[0]


@inlined
def delayed_at(plan):
    """Say where an entity's delayed windows begin."""
    size = window_words(plan)
    return int64(HEADER) + plan.windows_us.shape[1] * size


@kernel
def add(memory, columns, place, at, sums_at, event, sign):
    """Count an event in one window, or take it out (sign -1)."""
    memory.rows[place, at + COUNT] += sign
    for m in range(columns.shape[1]):
        memory.rows[place, sums_at + m] += sign * memory.events[event, columns[0, m]]


@kernel
def count_late(memory, plan, place, event):
    """Count an event that came out of order in every window that it lies in."""
    rows = memory.rows
    time_us = memory.events[event, TIME_US]
    now_us = rows[place, NOW_US]
    newer = int64(memory.links[event, AFTER])
    size = window_words(plan)
    at = int64(HEADER)
    for w in range(plan.windows_us.shape[1]):
        if time_us > now_us - plan.windows_us[0, w]:
            add(memory, plan.sums, place, at, at + WINDOW, event, 1)
            become_tail(memory, place, at, event, newer)
        at += size
    for v in range(plan.delayed_us.shape[0]):
        end_us = now_us - plan.delayed_us[v, 1]
        if time_us > end_us - plan.delayed_us[v, 0]:
            become_tail(memory, place, at, event, newer)
            if time_us <= end_us:
                add(memory, plan.delayed_sums, place, at, at + DELAYED, event, 1)
            elif rows[place, at + HEAD] == newer:
                rows[place, at + HEAD] = event
                rows[place, at + HEAD_US] = time_us
        at += DELAYED + plan.delayed_sums.shape[1]


@inlined
def become_tail(memory, place, at, event, newer):
    """Make an event its window's oldest if it came in just before the one that was."""
    if memory.rows[place, at + TAIL] == newer:
        memory.rows[place, at + TAIL] = event
        memory.rows[place, at + TAIL_US] = memory.events[event, TIME_US]


@kernel
def forget_counted(memory, plan, place, event, longest_us):
    """Take an event that is forgotten out of every window that it lies in; still linked."""
    events, rows = memory.events, memory.rows
    time_us = events[event, TIME_US]
    now_us = rows[place, NOW_US]
    if time_us <= now_us - longest_us:
        return
    newer = int64(memory.links[event, AFTER])
    newer_us = events[newer, TIME_US] if newer != NIL else int64(NEVER_US)
    size = window_words(plan)
    at = int64(HEADER)
    for w in range(plan.windows_us.shape[1]):
        if time_us > now_us - plan.windows_us[0, w]:
            add(memory, plan.sums, place, at, at + WINDOW, event, -1)
            if rows[place, at + TAIL] == event:
                rows[place, at + TAIL] = newer
                rows[place, at + TAIL_US] = newer_us
        at += size
    for v in range(plan.delayed_us.shape[0]):
        end_us = now_us - plan.delayed_us[v, 1]
        if end_us - plan.delayed_us[v, 0] < time_us <= end_us:
            add(memory, plan.delayed_sums, place, at, at + DELAYED, event, -1)
        if rows[place, at + TAIL] == event:
            rows[place, at + TAIL] = newer
            rows[place, at + TAIL_US] = newer_us
        if rows[place, at + HEAD] == event:
            rows[place, at + HEAD] = newer
            rows[place, at + HEAD_US] = newer_us
        at += DELAYED + plan.delayed_sums.shape[1]


@kernel
def change_sum(memory, plan, place, event, column, change):
    """Change one column of an event in the sums of every window that it lies in."""
    rows = memory.rows
    time_us = memory.events[event, TIME_US]
    size = window_words(plan)
    at = int64(HEADER)
    for _ in range(plan.windows_us.shape[1]):
        if time_us >= rows[place, at + TAIL_US]:
            for m in range(plan.sums.shape[1]):
                if plan.sums[0, m] == column:
                    rows[place, at + WINDOW + m] += change
        at += size
    for _ in range(plan.delayed_us.shape[0]):
        if rows[place, at + TAIL_US] <= time_us < rows[place, at + HEAD_US]:
            for m in range(plan.delayed_sums.shape[1]):
                if plan.delayed_sums[0, m] == column:
                    rows[place, at + DELAYED + m] += change
        at += DELAYED + plan.delayed_sums.shape[1]
