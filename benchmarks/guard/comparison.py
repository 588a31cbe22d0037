"""Whether a stage has become slower, and how that is told."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from benchmarks.guard.intervals import Interval, of_median
from benchmarks.guard.lanes import Pairs


@dataclass(frozen=True)
class Compared:
    """One stage at one size of batches.

    Parameters
    ----------
    stage : str
    size : int
    base_us, now_us : float
        Medians of microseconds an event.
    ratio : Interval
        Of now to base; above 1 is slower.
    slower : bool
        Whether the whole interval is above the limit.
    """

    stage: str
    size: int
    base_us: float
    now_us: float
    ratio: Interval
    slower: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {**asdict(self), "ratio": self.ratio._asdict()}


def judge(
    pairs: Pairs, stages: Sequence[str], slower_max: float, confidence: float
) -> list[Compared]:
    """Compare every stage at every size, in the order of `stages`."""
    places = {stage: place for place, stage in enumerate(stages)}
    return [
        _compare(stage, size, pairs[stage, size], slower_max, confidence)
        for stage, size in sorted(pairs, key=lambda key: (key[1], places[key[0]]))
    ]


def _compare(
    stage: str,
    size: int,
    rounds: list[tuple[float, float]],
    slower_max: float,
    confidence: float,
) -> Compared:
    ratio = of_median([now / base for base, now in rounds], confidence)
    base_us, now_us = (statistics.median(side) * 1e6 for side in zip(*rounds, strict=True))
    return Compared(stage, size, base_us, now_us, ratio, ratio.low > slower_max)


def table_of(found: Sequence[Compared]) -> Table:
    """Return what was compared as a table."""
    table = Table(box=None, pad_edge=False)
    table.add_column("Stage")
    for heading in ("Batch", "Base us", "Now us", "Now / base", "Interval"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for each in found:
        table.add_row(
            each.stage,
            str(each.size),
            f"{each.base_us:.3g}",
            f"{each.now_us:.3g}",
            f"{each.ratio.median:.2f}",
            f"{each.ratio.low:.2f} to {each.ratio.high:.2f}",
            "slower" if each.slower else "",
        )
    return table
