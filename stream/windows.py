"""Exact sliding windows of every entity, bounded by configuration.

A window of length w at an event of time t covers the entity's events with time in
(t - w, t] that had arrived, the event itself included. What is remembered is the
last `events_max` events and, of each entity type, the `entities_max` entities seen
last; what is forgotten while it was still inside a window is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.kernels import (
    ARRIVED,
    EVENT,
    EVICTED_LIVE,
    LATE_INSERTS,
    LINK,
    N_COUNTERS,
    NIL,
    PLACE,
    WINDOW,
    observe,
)
from stream.keytable import key_table


@dataclass(frozen=True)
class WindowReadings:
    """What the windows said at each event.

    Attributes
    ----------
    counts, totals_minor : ndarray of int64, shape (n_entities, n_windows, n)
        Events and minor units inside each window; 0 where the entity is not known
        or the row was not taken.
    gaps_us : ndarray of int64, shape (n_entities, n)
        Microseconds since the entity's previous event, -1 if there is none.
    """

    counts: NDArray[np.int64]
    totals_minor: NDArray[np.int64]
    gaps_us: NDArray[np.int64]


class Windows:
    """The state of all windows: flat arrays, allocated once.

    Parameters
    ----------
    n_entities : int
        Entity types, at least one.
    windows_us : sequence of int
        Lengths in microseconds, ascending and positive.
    events_max : int
        Events remembered, of all entities together.
    entities_max : int
        Entities remembered, of each type.
    """

    def __init__(
        self, n_entities: int, windows_us: tuple[int, ...], events_max: int, entities_max: int
    ) -> None:
        if not windows_us or list(windows_us) != sorted(set(windows_us)) or windows_us[0] <= 0:
            raise ValueError(f"window lengths must be positive and ascending, not {windows_us}")
        if not 0 < events_max < 2**31 or not 0 < entities_max < 2**31 - 1:
            raise ValueError("events_max and entities_max must be positive and below 2**31")
        self.windows_us = np.array(windows_us, np.int64)
        self.events = np.zeros(events_max, EVENT)
        self.links = np.zeros((n_entities, events_max), LINK)
        self.links["owner"] = NIL
        self.places = np.zeros((n_entities, entities_max + 1), PLACE)
        self.places["staler"] = np.arange(1, entities_max + 2)
        self.places["staler"][:, entities_max - 1] = NIL
        self.places["staler"][:, entities_max] = entities_max
        self.places["fresher"][:, entities_max] = entities_max
        self.windows = np.zeros((n_entities, entities_max, len(windows_us)), WINDOW)
        self.buckets = key_table(entities_max, n_entities)
        self.free = np.zeros(n_entities, np.int64)
        self.counters = np.zeros(N_COUNTERS, np.int64)

    @property
    def bytes_allocated(self) -> int:
        """Memory of the state: it never grows."""
        arrays = (self.events, self.links, self.places, self.windows, self.buckets)
        return sum(array.nbytes for array in arrays)

    @property
    def arrived(self) -> int:
        """Events ever taken."""
        return int(self.counters[ARRIVED])

    @property
    def evicted_live(self) -> int:
        """Events forgotten, once for each entity, that a window ending now would still count."""
        return int(self.counters[EVICTED_LIVE])

    @property
    def late_inserts(self) -> int:
        """Events linked out of time order, once for each entity."""
        return int(self.counters[LATE_INSERTS])

    def observe(
        self,
        times_us: NDArray[np.int64],
        amounts_minor: NDArray[np.int64],
        keys: NDArray[np.uint64],
        take: NDArray[np.bool_],
    ) -> WindowReadings:
        """Take a batch in the order of arrival and read every window at every event.

        Parameters
        ----------
        times_us, amounts_minor : ndarray of int64, shape (n,)
        keys : ndarray of uint64, shape (n_entities, n)
            0 where the entity is not known.
        take : ndarray of bool, shape (n,)
            Rows that count.
        """
        n = len(times_us)
        shape = (keys.shape[0], len(self.windows_us), n)
        readings = WindowReadings(
            np.zeros(shape, np.int64),
            np.zeros(shape, np.int64),
            np.full((keys.shape[0], n), NIL, np.int64),
        )
        observe(
            self.events,
            self.links,
            self.places,
            self.windows,
            self.buckets,
            self.free,
            self.counters,
            self.windows_us,
            times_us,
            amounts_minor,
            keys,
            take,
            readings.counts,
            readings.totals_minor,
            readings.gaps_us,
        )
        return readings
