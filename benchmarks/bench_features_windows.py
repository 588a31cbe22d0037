"""What a window costs by its length and by how much is inside.

Ours moves a window's end over what fell out; it never looks at what stays inside. The
references are River's `TimeRolling` and a deque that is added up at every event. Both are
given few cards, so that filling them does not take longer than measuring; that is to
their advantage.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from benchmarks.baselines_features import Resummed, RiverRolling, moments
from benchmarks.baselines_stream import HOUR_US, MONTH_US, Again, Events, Traffic, Walk, feature_set
from benchmarks.harness import Result, Run, Work, benchmark

UNIT = "us/event"
SIZE = 256
LENGTHS = {"features_window_1d": "1d", "features_window_7d": "7d", "features_window_30d": "30d"}
POPULATIONS = (10, 100, 1_000, 10_000)
ENTITIES = ("card", "merchant", "device")

_CARDS = 100
_REFERENCE_CARDS = 4
_Item = TypeVar("_Item")


def _names(entities: tuple[str, ...], window: str) -> list[str]:
    return [f"{entity}.{{count,amount_sum,amount_mean}}_{window}" for entity in entities]


@benchmark(*LENGTHS, unit=UNIT, takes_s=90, full=True)
def features_by_window_length(run: Run) -> list[Result]:
    """9 features over one window of a day, 7 or 30 days; the reference is ours over an hour."""
    cards, a_month = (20_000, 80_000) if run.quick else (1_000_000, 4_000_000)

    def walk(window: str) -> Walk:
        run.progress(f"filling a state with windows of {window}")
        return Walk(
            feature_set(_names(ENTITIES, window), ENTITIES),
            Traffic(run.rng, (cards, cards // 20, cards // 2), a_month),
            events_max=a_month * 5 // 4,
            ahead=200_000 if run.quick else 2_000_000,
        )

    shortest = walk("1h")
    results = []
    for name, window in LENGTHS.items():
        if name in run.wanted:
            longer = walk(window)
            measured = run.paired(
                partial(longer.step, SIZE), partial(shortest.step, SIZE), items=SIZE
            )
            results.append(measured.result(name, UNIT, batch=SIZE, cards=cards))
    return results


@benchmark(
    *(f"features_population_{inside}" for inside in POPULATIONS[1:]),
    unit=UNIT,
    takes_s=60,
    full=True,
)
def features_by_population(run: Run) -> list[Result]:
    """Count, sum and mean of N events in a card's hour; the reference is ours with 10."""
    few = _hour(run, _CARDS, POPULATIONS[0])
    results = []
    for inside in POPULATIONS[1:]:
        name = f"features_population_{inside}"
        if name in run.wanted:
            many = _hour(run, _CARDS, inside)
            measured = run.paired(partial(many.step, SIZE), partial(few.step, SIZE), items=SIZE)
            results.append(measured.result(name, UNIT, inside=inside, batch=SIZE, cards=_CARDS))
    return results


def _river(run: Run, inside: int, items: int) -> Work:
    rolling = RiverRolling(HOUR_US)
    return _filled(run, inside, items, rolling.observe, lambda events: moments(events.rows()))


def _resum(run: Run, inside: int, items: int) -> Work:
    return _filled(run, inside, items, Resummed(HOUR_US).observe, Events.rows)


REFERENCES = {"river": _river, "resum": _resum}


@benchmark(
    *(f"features_vs_{other}_{inside}" for other in REFERENCES for inside in POPULATIONS),
    unit=UNIT,
    takes_s=180,
    full=True,
)
def features_beside_walks(run: Run) -> list[Result]:
    """The same beside River's TimeRolling, and beside a deque added up at every event."""
    results = []
    for inside in POPULATIONS:
        for other, reference_of in REFERENCES.items():
            name = f"features_vs_{other}_{inside}"
            if name not in run.wanted:
                continue
            ours = _hour(run, _CARDS, inside)
            run.progress(f"filling the reference with {inside:,} events a window")
            # Fewer at a time where each takes long.
            items = max(1, SIZE // max(1, inside // 100))
            measured = run.paired(
                partial(ours.step, SIZE),
                reference_of(run, inside, items),
                items=SIZE,
                reference_items=items,
            )
            detail = {"inside": inside, "cards": _CARDS, "their_cards": _REFERENCE_CARDS}
            results.append(measured.result(name, UNIT, batch=SIZE, **detail))
    return results


def _filled(
    run: Run,
    inside: int,
    items: int,
    observe: Callable[[list[_Item]], object],
    write: Callable[[Events], list[_Item]],
) -> Work:
    """Fill a reference's windows; return what takes the next events."""
    traffic = _traffic(run, _REFERENCE_CARDS, inside)
    observe(write(traffic.draw(_REFERENCE_CARDS * inside * 11 // 10)))
    begin_us = traffic.now_us
    # So many that more are written seldom.
    events = traffic.draw(items * (100 if run.quick else 1_500))
    later = Again(events, traffic.now_us - begin_us, write)
    return lambda: observe(later.take(items))


def _traffic(run: Run, cards: int, inside: int) -> Traffic:
    """Let every card pay so often that an hour holds as many payments on average."""
    return Traffic(run.rng, (cards,), cards * inside * (MONTH_US // HOUR_US))


def _hour(run: Run, cards: int, inside: int) -> Walk:
    run.progress(f"filling a state with {inside:,} events a window")
    return Walk(
        feature_set(_names(ENTITIES[:1], "1h"), ENTITIES[:1]),
        _traffic(run, cards, inside),
        events_max=cards * inside * 5 // 4,
        ahead=100_000 if run.quick else 2_000_000,
    )
