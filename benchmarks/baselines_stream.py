"""Made-up payments for the feature benchmarks: as many as wanted, of any number of entities.

Every payment is made by a card, a merchant and a device that are drawn uniformly: the
hardest case for the processor's caches, since no entity is more likely than another to
be in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.columns import AMOUNT_MINOR, EVENT_TIME_US, FIRST_MAPPED, Layout, Transactions
from stream.features.declare import Inputs, declare
from stream.features.feature_set import FeatureSet
from stream.features.state import FeatureState

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
MONTH_US = 30 * DAY_US
START_US = 1_700_000_000_000_000
BATCH_ROWS_MAX = 1024

_ENTITIES = ("card", "merchant", "device")
_FILL_ROWS = 1 << 18
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Events:
    """Payments in order of time.

    Parameters
    ----------
    times_us, amounts_minor : ndarray of int64, shape (n,)
    keys : ndarray of uint64, shape (entities, n)
        What a keyed hash would make of the ids: uniform, never 0.
    """

    times_us: NDArray[np.int64]
    amounts_minor: NDArray[np.int64]
    keys: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.times_us)

    def part(self, start: int, stop: int) -> Events:
        """Return some of the payments."""
        times_us, amounts = self.times_us[start:stop], self.amounts_minor[start:stop]
        return Events(times_us, amounts, self.keys[:, start:stop])

    def later(self, by_us: int) -> Events:
        """Return the same payments, made later."""
        return Events(self.times_us + by_us, self.amounts_minor, self.keys)

    def rows(self) -> list[tuple[int, int, list[int]]]:
        """Return time, amount and keys of every payment, as a program in Python has them."""
        columns = self.times_us.tolist(), self.amounts_minor.tolist(), self.keys.T.tolist()
        return list(zip(*columns, strict=True))


class Traffic:
    """An endless stream of payments.

    Parameters
    ----------
    rng : Generator
    populations : sequence of int
        How many cards there are; then merchants, then devices, where there are any.
    events_a_month : int
        How many payments 30 days hold on average.
    meet_all : bool
        Let every card pay once before any pays twice.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        populations: Sequence[int],
        events_a_month: int,
        *,
        meet_all: bool = False,
    ) -> None:
        self.rng = rng
        self.populations = tuple(populations)
        self.gap_us = MONTH_US // events_a_month
        self.now_us = START_US
        self.unseen = self.rng.permutation(self.populations[0]) if meet_all else np.arange(0)

    @property
    def entities(self) -> tuple[str, ...]:
        """Names of the entities, one a row of `Events.keys`."""
        return _ENTITIES[: len(self.populations)]

    def draw(self, n: int) -> Events:
        """Return the next payments."""
        rng = self.rng
        times_us = self.now_us + np.cumsum(rng.integers(0, 2 * self.gap_us + 1, n))
        self.now_us = int(times_us[-1])
        ids = np.stack([rng.integers(0, population, n) for population in self.populations])
        new, self.unseen = self.unseen[:n], self.unseen[n:]
        ids[0, : len(new)] = new
        # Every entity type has ids of its own.
        spread = ids + (np.arange(len(ids)) << 40)[:, np.newaxis]
        return Events(times_us, rng.integers(1, 100_000, n), hashed(spread))


def hashed(ids: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return distinct words of well mixed bits for distinct ids (SplitMix64); never 0."""
    mixed = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def feature_set(names: Sequence[str], entities: Sequence[str]) -> FeatureSet:
    """Declare features over transactions that have nothing but an amount and entities."""
    layout, inputs = Layout(tuple(entities)), Inputs(tuple(entities))
    return FeatureSet(declare(names, inputs), layout, inputs)


def block_of(events: Events, layout: Layout) -> NDArray[np.int64]:
    """Lay payments out as the decoder does, a row a column."""
    block = np.zeros((layout.width, len(events)), np.int64)
    block[EVENT_TIME_US] = events.times_us
    block[AMOUNT_MINOR] = events.amounts_minor
    block[FIRST_MAPPED : FIRST_MAPPED + len(events.keys)] = events.keys.view(np.int64)
    return block


class Walk:
    """A feature state that goes through traffic, one batch a call.

    Parameters
    ----------
    features : FeatureSet
    traffic : Traffic
    events_max : int
        What the state remembers; it is filled beyond that, so that from then on every
        event that comes makes it forget one.
    ahead : int
        Payments laid out beforehand. After the last of them the first come again, later.
    also : callable, optional
        Is given the payments that fill the state, too.

    Attributes
    ----------
    span_us : int
        By how much later payments come again.
    """

    def __init__(
        self,
        features: FeatureSet,
        traffic: Traffic,
        *,
        events_max: int,
        ahead: int,
        also: Callable[[Events], object] | None = None,
    ) -> None:
        self.layout = features.layout
        self.traffic = traffic
        names = traffic.entities
        capacities = dict(zip(names, traffic.populations, strict=True))
        self.state = FeatureState(
            features, events_max, max(traffic.populations), capacities, BATCH_ROWS_MAX
        )
        self._nothing = np.zeros(0, np.uint8)
        self._take = np.ones(BATCH_ROWS_MAX, np.bool_)
        todo = max(events_max + events_max // 20, len(traffic.unseen))
        while todo > 0:
            events = traffic.draw(min(todo, _FILL_ROWS))
            todo -= len(events)
            if also is not None:
                also(events)
            self.block = block_of(events, self.layout)
            for at in range(0, self.block.shape[1], BATCH_ROWS_MAX):
                self._observe(at, min(BATCH_ROWS_MAX, self.block.shape[1] - at))
        begin_us = traffic.now_us
        self.block = block_of(traffic.draw(ahead), self.layout)
        self.span_us = traffic.now_us - begin_us
        self._at = 0

    def step(self, rows: int) -> NDArray[np.float64]:
        """Take the next batch; return its feature matrix."""
        if self._at + rows > self.block.shape[1]:
            self.block[EVENT_TIME_US] += self.span_us
            self._at = 0
        self._at += rows
        return self._observe(self._at - rows, rows)

    def ahead(self, rows: int) -> Events:
        """Return the payments of the next batches; not beyond the last laid out."""
        part = self.block[:, self._at : self._at + rows].copy()
        entities = part[FIRST_MAPPED : self.layout.first_numeric].view(np.uint64)
        return Events(part[EVENT_TIME_US], part[AMOUNT_MINOR], entities)

    def _observe(self, at: int, rows: int) -> NDArray[np.float64]:
        batch = Transactions(self.layout, self.block[:, at : at + rows], self._nothing)
        return self.state.observe(batch, self._take[:rows]).matrix


class Again(Generic[_Item]):
    """Payments as a reference takes them, again and again, a span later every time.

    Parameters
    ----------
    events : Events
    span_us : int
        From the first of them to the first that comes after the last.
    write : callable
        Writes payments as a list of whatever the reference takes.
    """

    def __init__(
        self, events: Events, span_us: int, write: Callable[[Events], list[_Item]]
    ) -> None:
        self._events, self._span_us, self._write = events, span_us, write
        self._items = write(events)
        self._at = 0

    def take(self, n: int) -> list[_Item]:
        """Return the next items."""
        if self._at + n > len(self._items):
            # Once in many samples: it does not reach a median.
            self._events = self._events.later(self._span_us)
            self._items, self._at = self._write(self._events), 0
        self._at += n
        return self._items[self._at - n : self._at]
