"""Verdicts: an event that is already counted becomes a known fraud, or a known genuine one."""

from __future__ import annotations

from numba import float64, int64

from schemas.jit import kernel
from stream.windows.known import learn_verdict
from stream.windows.sums import change_sum
from stream.windows.words import AFTER, BEFORE, BEGINNING_US, FRAUD_US, NIL, OWNER, TIME_US

# What a verdict on an event may be: nothing new, the first one, the opposite of the last.
REPEATED, FIRST, CORRECTION = range(3)

# Of the arguments after memory and plan of `tell_verdicts`.
TELL = (int64[::1], int64[::1], int64[::1], int64[::1], float64[::1], float64[:, ::1])


@kernel
def note_verdicts(lines, fraud_at, verdict_at, slots, is_fraud, changes, news):
    """Write verdicts into events, in order.

    Parameters
    ----------
    lines : ndarray of int64, shape (places, words)
        The events.
    fraud_at, verdict_at : int
        Columns of known fraud and of whether there is a verdict; NIL where nobody asks.
    slots : ndarray of int64, shape (k,)
        Events; NIL is passed over.
    is_fraud : ndarray of int64, shape (k,)
        1 or 0.
    changes : ndarray of int64, shape (k,)
        Written: what each verdict adds to the known frauds.
    news : ndarray of int64, shape (k,)
        Written: REPEATED, FIRST or CORRECTION; REPEATED where nobody asks for verdicts.
    """
    for i in range(slots.shape[0]):
        changes[i], news[i] = 0, REPEATED
        event = slots[i]
        if event == NIL:
            continue
        changes[i] = is_fraud[i] - lines[event, fraud_at]
        lines[event, fraud_at] = is_fraud[i]
        if verdict_at != NIL:
            if lines[event, verdict_at] == 0:
                news[i] = FIRST
            elif changes[i] != 0:
                news[i] = CORRECTION
            lines[event, verdict_at] = 1


@kernel
def tell_verdicts(memory, plan, slots, is_fraud, changes, news, scores, X):
    """Let one entity type know verdicts that are already written; arguments as above.

    `scores` of shape (k,) and `X` of shape (k, n_features) are those of decision time, NaN
    where there was none.
    """
    for i in range(slots.shape[0]):
        if changes[i] != 0:
            change_verdict(memory, plan, slots[i], changes[i])
        if news[i] != REPEATED:
            corrects = 1 if news[i] == CORRECTION else 0
            learn_verdict(memory, plan, slots[i], is_fraud[i], corrects, scores[i], X[i])


@kernel
def change_verdict(memory, plan, event, change):
    """Let one entity type know that an event became fraud (1) or genuine again (-1)."""
    place = int64(memory.links[event, OWNER])
    if place == NIL or plan.fraud.shape[1] == 0:
        return
    rows = memory.rows
    time_us = memory.events[event, TIME_US]
    change_sum(memory, plan, place, event, plan.fraud[0, 0], change)
    if change > 0:
        rows[place, FRAUD_US] = max(rows[place, FRAUD_US], time_us)
    elif rows[place, FRAUD_US] == time_us:
        rows[place, FRAUD_US] = last_fraud_us(memory, plan, youngest_equal(memory, event), event)


@kernel
def youngest_equal(memory, event):
    """Find the last event of the same time in the list."""
    events, links = memory.events, memory.links
    after = int64(links[event, AFTER])
    while after != NIL and events[after, TIME_US] == events[event, TIME_US]:
        event = after
        after = int64(links[event, AFTER])
    return event


@kernel
def last_fraud_us(memory, plan, walk, but):
    """Find when the latest known fraud was, from an event backwards, leaving one out."""
    while walk != NIL:
        if walk != but and memory.events[walk, plan.fraud[0, 0]] != 0:
            return memory.events[walk, TIME_US]
        walk = int64(memory.links[walk, BEFORE])
    return int64(BEGINNING_US)
