"""Values that run along an entity's events: decayed rates and moments, the last place.

A running value is a fold over the events in order: its state at an event follows from
the state at the one before and from the event itself. The states of all remembered
events are kept, so a late event takes up the state where it belongs, and what is
younger is folded again. What the forgotten events add up to is carried by the entity.

Decayed moments follow West's recurrence for weighted means and variances (West, 1979)
with weights that halve every half-life.
"""

from __future__ import annotations

import math

import numpy as np
from numba import int64

from schemas.jit import kernel
from stream.windows.words import AFTER, BEFORE, BEGINNING_US, FORGOTTEN_US, NIL, TIME_US

EARTH_KM = 6371.0088
LATITUDE_MAX = 90.0
LONGITUDE_MAX = 180.0
_SECOND_US = 1e6
_HOUR_US = 3.6e9


@kernel
def fold(memory, plan, source, s, source_us, event):
    """Compute an event's states from those in a row of `source`, as of `source_us`.

    `s` is NIL where there is nothing before.
    """
    events, doubles, running = memory.events, memory.doubles, memory.running
    gap_us = float(events[event, TIME_US] - source_us)
    at = int64(0)
    for q in range(plan.decays.shape[0]):
        keep = 0.5 ** (gap_us / plan.decays[q, 0]) if s != NIL else 0.0
        weight = source[s, at] * keep if s != NIL else 0.0
        if plan.decays[q, 1] == NIL:
            running[event, at] = weight + 1.0
            at += 1
            continue
        mean = source[s, at + 1] if s != NIL else 0.0
        spread = source[s, at + 2] * keep if s != NIL else 0.0
        if events[event, plan.decays[q, 2]] != 0:
            value = events[event, plan.decays[q, 1]] / plan.scales[0, q]
            step = value - mean
            total = weight + 1.0
            mean += step / total
            spread += weight / total * step * step
            weight = total
        running[event, at] = weight
        running[event, at + 1] = mean
        running[event, at + 2] = spread
        at += 3
    if plan.location.shape[1]:
        latitude, longitude = (
            doubles[event, plan.location[0, 0]],
            doubles[event, plan.location[0, 1]],
        )
        if is_place(latitude, longitude):
            running[event, at] = latitude
            running[event, at + 1] = longitude
            running[event, at + 2] = events[event, TIME_US]
        else:
            for k in range(3):
                running[event, at + k] = source[s, at + k] if s != NIL else np.nan


@kernel
def is_place(latitude, longitude):
    """Whether two numbers are degrees on a globe; NaN is not."""
    return abs(latitude) <= LATITUDE_MAX and abs(longitude) <= LONGITUDE_MAX


@kernel
def distance_km(latitude, longitude, other_latitude, other_longitude):
    """Great-circle distance of two places in degrees (haversine formula; Sinnott, 1984)."""
    north = math.sin(math.radians(other_latitude - latitude) / 2)
    east = math.sin(math.radians(other_longitude - longitude) / 2)
    parallel = math.cos(math.radians(latitude)) * math.cos(math.radians(other_latitude))
    chord = north * north + parallel * east * east
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, chord)))


@kernel
def speed_kmh(memory, plan, source, s, event):
    """Speed from the last known place to the event's own; NaN where one is unknown."""
    if s == NIL:
        return np.nan
    at = source.shape[1] - 3
    latitude = memory.doubles[event, plan.location[0, 0]]
    longitude = memory.doubles[event, plan.location[0, 1]]
    if not is_place(latitude, longitude) or not is_place(source[s, at], source[s, at + 1]):
        return np.nan
    gap_us = max(memory.events[event, TIME_US] - source[s, at + 2], _SECOND_US)
    return distance_km(source[s, at], source[s, at + 1], latitude, longitude) / (gap_us / _HOUR_US)


@kernel
def run(memory, plan, place, event, row):
    """Fold an event and read its states; a late one makes what is younger fold again."""
    events, links, running = memory.events, memory.links, memory.running
    forgotten_us = memory.rows[place, FORGOTTEN_US]
    before = int64(links[event, BEFORE])
    if events[event, TIME_US] < forgotten_us:
        for k in range(running.shape[1]):
            running[event, k] = np.nan
        speed = np.nan
    elif before != NIL and events[before, TIME_US] >= forgotten_us:
        fold(memory, plan, running, before, events[before, TIME_US], event)
        speed = speed_of(memory, plan, running, before, event)
    else:
        carried = place if forgotten_us > BEGINNING_US else int64(NIL)
        fold(memory, plan, memory.carried, carried, forgotten_us, event)
        speed = speed_of(memory, plan, memory.carried, carried, event)
    out = memory.read.shape[0] - running.shape[1] - (1 if plan.location.shape[1] else 0)
    for k in range(running.shape[1]):
        memory.reading[out + k, row] = running[event, k]
    if plan.location.shape[1]:
        memory.reading[out + running.shape[1], row] = speed
    if events[event, TIME_US] < forgotten_us:
        return
    older, younger = event, int64(links[event, AFTER])
    while younger != NIL:
        fold(memory, plan, running, older, events[older, TIME_US], younger)
        older, younger = younger, int64(links[younger, AFTER])


@kernel
def speed_of(memory, plan, source, s, event):
    """Read the speed where a location is declared."""
    return speed_kmh(memory, plan, source, s, event) if plan.location.shape[1] else np.nan


@kernel
def carry(memory, place, event):
    """Keep the states of an event that is forgotten, if it is the latest of those."""
    time_us = memory.events[event, TIME_US]
    if time_us >= memory.rows[place, FORGOTTEN_US]:
        memory.rows[place, FORGOTTEN_US] = time_us
        for k in range(memory.running.shape[1]):
            memory.carried[place, k] = memory.running[event, k]
