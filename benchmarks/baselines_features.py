"""The window features in plain Python, as one writes them without this project.

`DequeWindows` is the plain way: a dictionary of entities, and for each window of each
a deque of what is inside and its running sum. `BisectWindows` is a clever way. Then
one window at a time: `Resummed` adds up the whole window at every event, `RiverRolling` is River's
`TimeRolling`. All of them count the same: window (t-w, t] as of each event, the event
included; events come in order of time.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Protocol

from river import stats, utils

MINOR_PER_UNIT = 100

Row = tuple[int, int, list[int]]
"""Time in microseconds, amount in minor units, key of each entity."""


class DequeWindows:
    """Count, sum and mean of amounts over every window of every entity.

    Parameters
    ----------
    windows_us : sequence of int
    entities : int
        How many entities every event has.
    """

    def __init__(self, windows_us: Sequence[int], entities: int) -> None:
        self.windows_us = tuple(windows_us)
        self.known: list[dict[int, list[_Window]]] = [{} for _ in range(entities)]

    def observe(self, rows: Iterable[Row]) -> list[list[float]]:
        """Take events in order of time; return count, sum and mean by entity and window."""
        features = []
        for time_us, amount, keys in rows:
            event = (time_us, amount)
            row: list[float] = []
            for known, key in zip(self.known, keys, strict=True):
                windows = known.get(key)
                if windows is None:
                    windows = known[key] = [_Window(length) for length in self.windows_us]
                for window in windows:
                    inside, total = window.inside, window.total + amount
                    inside.append(event)
                    start_us = time_us - window.length_us
                    while inside[0][0] <= start_us:
                        total -= inside.popleft()[1]
                    window.total = total
                    count, units = len(inside), total / MINOR_PER_UNIT
                    row += (count, units, units / count)
            features.append(row)
        return features


class _Window:
    """What lies inside one window of one entity, oldest first, and its sum."""

    __slots__ = ("inside", "length_us", "total")

    def __init__(self, length_us: int) -> None:
        self.length_us = length_us
        self.inside: deque[tuple[int, int]] = deque()
        self.total = 0


class BisectWindows:
    """The same from one list of times and one of running sums an entity, by bisection.

    It never takes an event out of the longest window's list: faster, but not bounded.
    """

    def __init__(self, windows_us: Sequence[int], entities: int) -> None:
        self.windows_us = tuple(windows_us)
        self._longest_first = tuple(reversed(self.windows_us))
        self.known: list[dict[int, tuple[list[int], list[int]]]] = [{} for _ in range(entities)]

    def observe(self, rows: Iterable[Row]) -> list[list[float]]:
        """Take events in order of time; return count, sum and mean, the longest window first."""
        features = []
        for time_us, amount, keys in rows:
            row: list[float] = []
            for known, key in zip(self.known, keys, strict=True):
                past = known.get(key)
                if past is None:
                    past = known[key] = ([], [0])
                times, totals = past
                total = totals[-1] + amount
                times.append(time_us)
                totals.append(total)
                first, n = 0, len(times)
                for length_us in self._longest_first:
                    first = bisect_right(times, time_us - length_us, first)
                    units = (total - totals[first]) / MINOR_PER_UNIT
                    row += (n - first, units, units / (n - first))
            features.append(row)
        return features


class Store(Protocol):
    """Keeps values by key: as text, so that they are read and written whole."""

    def get(self, key: str, default: Any) -> Any:
        """Return what is kept, or the default."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        ...


class StoredWindows:
    """The same from lists in a store, which hold no more than the longest window.

    Attributes
    ----------
    store : Store
        To be given before the first event.
    """

    def __init__(self, windows_us: Sequence[int]) -> None:
        self.store: Store
        self._longest_first = tuple(reversed(windows_us))

    def observe(self, rows: Iterable[tuple[int, int, list[Any]]]) -> list[list[float]]:
        """Take events in order of time; return count, sum and mean, the longest window first."""
        features = []
        for time_us, amount, keys in rows:
            row: list[float] = []
            for of, key in enumerate(keys):
                times, totals = self.store.get(f"{of}:{key}", [[], [0]])
                total = totals[-1] + amount
                times.append(time_us)
                totals.append(total)
                gone = bisect_right(times, time_us - self._longest_first[0])
                del times[:gone], totals[:gone]
                self.store.set(f"{of}:{key}", [times, totals])
                first, n = 0, len(times)
                for length_us in self._longest_first:
                    first = bisect_right(times, time_us - length_us, first)
                    units = (total - totals[first]) / MINOR_PER_UNIT
                    row += (n - first, units, units / (n - first))
            features.append(row)
        return features


class Resummed:
    """Count, sum and mean over one window of one kind of entity, added up at every event."""

    def __init__(self, window_us: int) -> None:
        self.window_us = window_us
        self.known: dict[int, deque[tuple[int, int]]] = {}

    def observe(self, rows: Iterable[Row]) -> list[tuple[float, float, float]]:
        """Take events in order of time; return count, sum and mean at each."""
        features: list[tuple[float, float, float]] = []
        for time_us, amount, keys in rows:
            inside = self.known.get(keys[0])
            if inside is None:
                inside = self.known[keys[0]] = deque()
            inside.append((time_us, amount))
            while inside[0][0] <= time_us - self.window_us:
                inside.popleft()
            units = sum(map(_AMOUNT, inside)) / MINOR_PER_UNIT
            features.append((len(inside), units, units / len(inside)))
        return features


_AMOUNT = itemgetter(1)

_EPOCH = dt.datetime(1970, 1, 1)

Moment = tuple[dt.datetime, float, int]
"""Time, amount in units and key of one entity: what River is given."""


def moments(rows: Iterable[Row]) -> list[Moment]:
    """Write events as River takes them."""
    return [
        (_EPOCH + dt.timedelta(microseconds=time_us), amount / MINOR_PER_UNIT, keys[0])
        for time_us, amount, keys in rows
    ]


class RiverRolling:
    """Count, sum and mean over one window of one kind of entity, by River's `TimeRolling`."""

    def __init__(self, window_us: int) -> None:
        self.period = dt.timedelta(microseconds=window_us)
        self.known: dict[
            int, tuple[utils.TimeRolling[stats.Sum], utils.TimeRolling[stats.Mean]]
        ] = {}

    def observe(self, events: Iterable[Moment]) -> list[tuple[float, float, float]]:
        """Take events in order of time; return count, sum and mean at each."""
        features = []
        for time, amount, key in events:
            rolling = self.known.get(key)
            if rolling is None:
                rolling = self.known[key] = (
                    utils.TimeRolling(stats.Sum, period=self.period),
                    utils.TimeRolling(stats.Mean, period=self.period),
                )
            total, mean = rolling
            total.update(amount, t=time)
            mean.update(amount, t=time)
            features.append((mean.obj.n, total.obj.get(), mean.obj.get()))
        return features


def naive(rows: Sequence[Row], windows_us: Sequence[int]) -> list[list[float]]:
    """Look at every earlier event again: the definition, for tests of all the others."""
    features = []
    for at, (time_us, _, keys) in enumerate(rows):
        row: list[float] = []
        for entity, key in enumerate(keys):
            for length_us in windows_us:
                inside = [
                    amount
                    for other_us, amount, others in rows[: at + 1]
                    if others[entity] == key and time_us - length_us < other_us <= time_us
                ]
                units = sum(inside) / MINOR_PER_UNIT
                row += (len(inside), units, units / len(inside))
        features.append(row)
    return features
