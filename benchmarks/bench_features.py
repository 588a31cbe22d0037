"""The features of payments: by batch size, beside plain Python, by number of cards.

45 features: count, sum and mean of amounts over five windows of card, merchant and
device. Entities are drawn uniformly, and every state is filled beyond its capacity
first: whatever is timed moves every window's end and forgets an event for each that comes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import numpy as np

from benchmarks.baselines_features import BisectWindows, DequeWindows
from benchmarks.baselines_memory import WINDOWS, available_bytes
from benchmarks.baselines_stream import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    MONTH_US,
    Again,
    Events,
    Traffic,
    Walk,
    feature_set,
)
from benchmarks.harness import BenchmarkError, Result, Run, benchmark

UNIT = "us/event"
BATCHES = (16, 256, 1024)
ENTITIES = ("card", "merchant", "device")
WINDOWS_US = (10 * MINUTE_US, HOUR_US, DAY_US, 7 * DAY_US, MONTH_US)
NAMES = tuple(
    f"{entity}.{aggregate}_{window}"
    for entity in ENTITIES
    for window in WINDOWS.strip("{}").split(",")
    for aggregate in ("count", "amount_sum", "amount_mean")
)
CARDS = {"features_cards_100k": 100_000, "features_cards_1m": 1_000_000}
LARGEST = {"features_cards_10m": 10_000_000}

_GIB = 1 << 30
_REFERENCE_ROWS = 200_000
_FILL_ROWS = 1 << 15
# Python takes minutes to fill its dictionaries with more.
_BESIDE_CARDS = 500_000
_Reference = TypeVar("_Reference", DequeWindows, BisectWindows)


def need(name: str, gib: float) -> None:
    """Refuse to begin what the machine has no memory for."""
    free = available_bytes() / _GIB
    if free < gib:
        raise BenchmarkError(f"{name}: needs {gib:.0f} GiB of memory, {free:.1f} are free: skipped")


def usual_walk(
    run: Run, cards: int = 1_000_000, also: Callable[[Events], object] | None = None
) -> Walk:
    """Fill a state of the 45 features; each card pays four times, and with ``--quick`` few do."""
    cards = 20_000 if run.quick else cards
    return full_walk(run, (cards, cards // 20, cards // 2), 4 * cards, also=also)


def full_walk(
    run: Run,
    populations: tuple[int, ...],
    events_a_month: int,
    *,
    meet_all: bool = False,
    also: Callable[[Events], object] | None = None,
) -> Walk:
    """Fill a state that has room for a quarter more than 30 days hold."""
    run.progress(f"filling a state with {populations[0]:,} cards")
    return Walk(
        feature_set(NAMES, ENTITIES),
        Traffic(run.rng, populations, events_a_month, meet_all=meet_all),
        events_max=events_a_month * 5 // 4,
        ahead=200_000 if run.quick else 4_000_000,
        also=also,
    )


def sizes(walk: Walk) -> dict[str, object]:
    """Tell how large a state is."""
    return {
        "entities": dict(zip(ENTITIES, walk.traffic.populations, strict=False)),
        "events_max": walk.state.events_max,
        "state_bytes": walk.state.bytes_allocated,
        "features": len(walk.state.features.names),
    }


@benchmark(*(f"features_{size}" for size in BATCHES), unit=UNIT, takes_s=60, full=True)
def features_by_batch(run: Run) -> list[Result]:
    """45 features of 1 M cards, batch by batch; the reference is ours, one event a call."""
    walk = usual_walk(run)
    results = []
    for size in BATCHES:
        name = f"features_{size}"
        if name in run.wanted:
            measured = run.paired(
                partial(walk.step, size), partial(walk.step, 1), items=size, reference_items=1
            )
            results.append(measured.result(name, UNIT, batch=size, **sizes(walk)))
    return results


@benchmark("features_vs_python_256", unit=UNIT, takes_s=100)
def features_vs_python(run: Run) -> list[Result]:
    """45 features of 500 k cards beside plain Python with deques."""
    need("features_vs_python_256", 1 if run.quick else 10)
    deques = DequeWindows(WINDOWS_US, len(ENTITIES))
    return [_beside(run, "features_vs_python_256", deques, in_order=1)]


@benchmark("features_vs_bisect_256", unit=UNIT, takes_s=90, full=True)
def features_vs_bisect(run: Run) -> list[Result]:
    """45 features of 500 k cards beside plain Python with sorted lists, bisected."""
    need("features_vs_bisect_256", 1 if run.quick else 6)
    lists = BisectWindows(WINDOWS_US, len(ENTITIES))
    return [_beside(run, "features_vs_bisect_256", lists, in_order=-1)]


def _beside(run: Run, name: str, reference: _Reference, *, in_order: int) -> Result:
    size = 256

    def also(events: Events) -> None:
        for at in range(0, len(events), _FILL_ROWS):
            reference.observe(events.part(at, at + _FILL_ROWS).rows())

    with at_rest():
        walk = usual_walk(run, _BESIDE_CARDS, also)
        later = Again(
            walk.ahead(min(_REFERENCE_ROWS, walk.block.shape[1])), walk.span_us, Events.rows
        )
        gc.freeze()
        # By window ascending or descending; the same numbers.
        found = np.array(reference.observe(later.take(size)))
        found = found.reshape(size, len(ENTITIES), len(WINDOWS_US), 3)[:, :, ::in_order]
        assert np.array_equal(walk.step(size), found.reshape(size, -1)), f"{name}: not the same"
        measured = run.paired(
            partial(walk.step, size), lambda: reference.observe(later.take(size)), items=size
        )
    return measured.result(name, UNIT, batch=size, **sizes(walk))


@contextmanager
def at_rest() -> Iterator[None]:
    """Keep Python's collector from walking over millions of objects before every sample."""
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


@benchmark(*CARDS, unit=UNIT, takes_s=180, full=True)
def features_by_cards(run: Run) -> list[Result]:
    """45 features by number of cards; the reference is ours with 10 k cards."""
    return _by_cards(run, CARDS)


@benchmark(*LARGEST, unit=UNIT, takes_s=120)
def features_of_most_cards(run: Run) -> list[Result]:
    """45 features of 10 M cards, several GB; the reference is ours with 10 k cards."""
    need("features_cards_10m", 4 if run.quick else 9)
    return _by_cards(run, LARGEST)


def _by_cards(run: Run, names: dict[str, int]) -> list[Result]:
    a_month = 800_000 if run.quick else 12_000_000
    others = (50_000, 500_000)
    few = full_walk(run, (10_000, *others), a_month, meet_all=True)
    results = []
    for name, cards in names.items():
        if name not in run.wanted:
            continue
        many = full_walk(run, (cards, *others), a_month, meet_all=True)
        measured = run.paired(partial(many.step, 256), partial(few.step, 256), items=256)
        results.append(measured.result(name, UNIT, batch=256, **sizes(many)))
        del many
    return results
