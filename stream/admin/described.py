"""How a metric is described: its name, labels and meaning, and how it is read off the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from stream.telemetry.figures import Figures
from stream.telemetry.standing import COUNTS

PREFIX = "fraud_"

# The values of a metric's labels, and what is said of them.
Sample = tuple[Sequence[str], float]
Samples = Iterable[Sample]
# Returns counts up to each bound and in all, and the sum of all values; None where there are none.
Cut = Callable[["Figures", tuple[float, ...]], "tuple[list[int], float] | None"]


class Moment(NamedTuple):
    """What a scrape sees: the figures, and the time it is by both clocks."""

    figures: Figures
    turned_s: float
    now_s: float
    now_us: int


class Described(NamedTuple):
    """A counter or a gauge: its name, kind, labels and meaning, and where its values are."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    samples: Callable[[Moment], Samples]


class Buckets(NamedTuple):
    """A histogram: bounds that are cut from finer counts when it is read."""

    name: str
    meaning: str
    bounds: tuple[float, ...]
    values: Cut
    kind: str = "histogram"
    labels: tuple[str, ...] = ()


def counts_of(name: str) -> Callable[[Moment], Samples]:
    """Return what reads the counts of a name."""

    def read(moment: Moment) -> Samples:
        counts: Mapping[tuple[str, ...], int] = moment.figures.counts
        found = [(key[1:], n) for key, n in counts.items() if key[0] == name]
        # What has no labels is there from the beginning, so that its rate is known.
        return found or ([((), 0)] if not COUNTS[name] else [])

    return read


def one(read: Callable[[Moment], float | None]) -> Callable[[Moment], Samples]:
    """Return what reads one value, where there is one."""

    def samples(moment: Moment) -> Samples:
        value = read(moment)
        return [] if value is None else [((), value)]

    return samples
