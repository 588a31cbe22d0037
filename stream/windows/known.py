"""What is known of an entity: the verdicts on its events, in the order they came to be known.

A verdict comes hours or weeks after its event, as a label or because nobody objected in
time. Each entity keeps sums over the events whose verdict is known, every event weighing
half as much after each half-life of its own age, so that a verdict costs O(1) whenever it
comes. A verdict that is corrected moves its event from one side to the other; nothing
else is undone.

Beside the sums stand the times of the latest known events, how many of the latest
verdicts in a row said fraud, and what some features were at the latest fraud, as long as
no event became known to be genuine after it.
"""

from __future__ import annotations

import math

from numba import int64

from schemas.jit import inlined, kernel
from stream.windows.words import (
    AFTER_KNOWN,
    BEFORE,
    BEGINNING_US,
    GENUINE_US,
    KNOWN_LAST_US,
    KNOWN_SUMS,
    NEWEST,
    NIL,
    OWNER,
    RUN,
    TIME_US,
)

# The sums of one half-life: known frauds, known events, verdict less score, and of what is
# known to be genuine its number, amount and square of the amount.
FRAUDS, EVENTS, SURPRISE, GENUINE, AMOUNT, SQUARE = range(KNOWN_SUMS)

# The overall rate of fraud begins as one in a hundred.
_PRIOR_FRAUDS = 1.0
_PRIOR_EVENTS = 100.0
# One more payment of the overall mean stands beside an entity's own, spread by half of it.
_PRIOR_SPREAD = 0.25
# A spread below this part of the mean counts as this part.
_LEAST_SPREAD = 0.05


@kernel
def learn_verdict(memory, plan, event, is_fraud, is_correction, score, x):
    """Let one entity type know the verdict on an event.

    Parameters
    ----------
    memory : Memory
    plan : Plan
    event : int
    is_fraud, is_correction : int
        1 or 0; a correction says the opposite of what was known.
    score : float
        The score at decision time; NaN counts as the overall rate of fraud.
    x : ndarray of float64, shape (n_features,)
        The features at decision time.
    """
    place = int64(memory.links[event, OWNER])
    if place == NIL or memory.known.shape[1] == 0:
        return
    known, totals = memory.known, memory.totals
    time_us = memory.events[event, TIME_US]
    amount = memory.events[event, plan.known_amount[0, 0]] / plan.known_unit[0, 0]
    if math.isnan(score):
        score = overall_rate(memory)
    tell(totals, 0, 0, 1.0, is_fraud, is_correction, score, amount)
    age(memory, plan, place, time_us)
    for h in range(plan.known_us.shape[1]):
        weight = 0.5 ** ((known[place, KNOWN_LAST_US] - time_us) / plan.known_us[0, h])
        at = AFTER_KNOWN + h * KNOWN_SUMS
        tell(known, place, at, weight, is_fraud, is_correction, score, amount)
    at = AFTER_KNOWN + plan.known_us.shape[1] * KNOWN_SUMS
    for r in range(plan.at_fraud.shape[1]):
        known[place, at + r] = x[plan.at_fraud[0, r]] if is_fraud else math.nan
    if is_fraud:
        known[place, RUN] += 1.0
        if known[place, GENUINE_US] == time_us:
            newest = int64(memory.rows[place, NEWEST])
            known[place, GENUINE_US] = float(last_genuine_us(memory, plan, newest))
    else:
        known[place, RUN] = 0.0
        known[place, GENUINE_US] = max(known[place, GENUINE_US], float(time_us))


@kernel
def last_genuine_us(memory, plan, walk):
    """Find when the latest event known to be genuine was, from an event backwards."""
    fraud_at, verdict_at = plan.known_verdict[0, 0], plan.known_verdict[0, 1]
    while walk != NIL:
        if memory.events[walk, verdict_at] != 0 and memory.events[walk, fraud_at] == 0:
            return memory.events[walk, TIME_US]
        walk = int64(memory.links[walk, BEFORE])
    return int64(BEGINNING_US)


@inlined
def tell(sums, row, at, weight, is_fraud, is_correction, score, amount):
    """Add one verdict to the sums that begin at one place."""
    if is_correction:
        sums[row, at + SURPRISE] += weight if is_fraud else -weight
    else:
        sums[row, at + EVENTS] += weight
        sums[row, at + SURPRISE] += weight * (is_fraud - score)
    if is_fraud or is_correction:
        sums[row, at + FRAUDS] += weight if is_fraud else -weight
    if is_correction or not is_fraud:
        sign = -weight if is_fraud else weight
        sums[row, at + GENUINE] += sign
        sums[row, at + AMOUNT] += sign * amount
        sums[row, at + SQUARE] += sign * amount * amount


@kernel
def age(memory, plan, place, time_us):
    """Let the sums of an entity grow older, up to a known event that is later than all before."""
    known = memory.known
    if time_us <= known[place, KNOWN_LAST_US]:
        return
    for h in range(plan.known_us.shape[1]):
        keep = 0.5 ** ((time_us - known[place, KNOWN_LAST_US]) / plan.known_us[0, h])
        for k in range(KNOWN_SUMS):
            known[place, AFTER_KNOWN + h * KNOWN_SUMS + k] *= keep
    known[place, KNOWN_LAST_US] = float(time_us)


@inlined
def overall_rate(memory):
    """Return the share of fraud among all known events of this type."""
    totals = memory.totals
    return (totals[0, FRAUDS] + _PRIOR_FRAUDS) / (totals[0, EVENTS] + _PRIOR_EVENTS)


@kernel
def read_known(memory, plan, place, event, row):
    """Read what is known of an event's entity at this moment."""
    known, totals = memory.known, memory.totals
    time_us = memory.events[event, TIME_US]
    n_half_lives = plan.known_us.shape[1]
    out = plan.known_at[0, 0]
    genuine_us = int64(known[place, GENUINE_US])
    if genuine_us > time_us:
        genuine_us = last_genuine_us(memory, plan, int64(memory.links[event, BEFORE]))
    memory.read[out, row] = time_us - genuine_us if genuine_us > BEGINNING_US else NIL
    memory.reading[out + 1, row] = known[place, RUN]
    rate = overall_rate(memory)
    mean_of_all = totals[0, AMOUNT] / totals[0, GENUINE] if totals[0, GENUINE] > 0.0 else math.nan
    since_us = max(time_us - known[place, KNOWN_LAST_US], 0.0)
    out += 2
    for h in range(n_half_lives):
        at = AFTER_KNOWN + h * KNOWN_SUMS
        keep = 0.5 ** (since_us / plan.known_us[0, h])
        frauds = max(known[place, at + FRAUDS] * keep, 0.0)
        events = max(known[place, at + EVENTS] * keep, frauds)
        share = (frauds + rate) / (events + 1.0)
        memory.reading[out, row] = math.log(share / (1.0 - share))
        memory.reading[out + 1, row] = frauds
        memory.reading[out + 2, row] = events
        memory.reading[out + 3, row] = known[place, at + SURPRISE] * keep
        genuine = max(known[place, at + GENUINE] * keep, 0.0) + 1.0
        mean = (known[place, at + AMOUNT] * keep + mean_of_all) / genuine
        square = known[place, at + SQUARE] * keep
        square += (1.0 + _PRIOR_SPREAD) * mean_of_all * mean_of_all
        least = _LEAST_SPREAD * mean
        memory.reading[out + 4, row] = mean
        memory.reading[out + 5, row] = math.sqrt(max(square / genuine - mean * mean, least * least))
        out += KNOWN_SUMS
    at = AFTER_KNOWN + n_half_lives * KNOWN_SUMS
    for r in range(plan.at_fraud.shape[1]):
        memory.reading[out + r, row] = known[place, at + r]


@inlined
def know_nothing(memory, plan, place):
    """Begin an entity of which nothing is known."""
    for word in range(memory.known.shape[1]):
        memory.known[place, word] = 0.0
    if memory.known.shape[1]:
        memory.known[place, KNOWN_LAST_US] = float(BEGINNING_US)
        memory.known[place, GENUINE_US] = float(BEGINNING_US)
    for word in range(memory.known.shape[1] - plan.at_fraud.shape[1], memory.known.shape[1]):
        memory.known[place, word] = math.nan
