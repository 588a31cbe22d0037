"""The whole job on a real Kafka: consume, decode, features, score, learn, alert.

Each program runs in a process of its own on the same broker, one after another in every round. What
counts is the processor's time of the whole process, the client's threads included, for one payment
and its label; the broker's is not ours.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from benchmarks.harness import BenchmarkError, Result, Run, benchmark
from benchmarks.kafka.broker import broker
from benchmarks.kafka.race import Contestant, Took, run

UNIT = "us/event"
_OURS, _RAW, _PLAIN, _QUIX = "ours", "raw", "plain", "quix"


def _contestants(quick: bool) -> dict[str, Contestant]:
    n = 25_000 if quick else 150_000
    return {
        _OURS: Contestant("ours", "", n),
        _RAW: Contestant("raw", "", n),
        _PLAIN: Contestant("plain", "", n // 5),
        _QUIX: Contestant("quix", "", n // 5),
    }


_AGAINST = {
    "engine_vs_raw_consume": _RAW,
    "engine_vs_plain_river": _PLAIN,
    "engine_vs_quix_dict": _QUIX,
}


@benchmark(*_AGAINST, unit=UNIT)
def engine(bench: Run) -> list[Result]:
    """Do the whole job on a real Kafka, beside consuming alone and beside plain Python."""
    contestants = _contestants(bench.quick)
    rounds = 1 if bench.quick else 5
    took: dict[str, list[Took]] = {name: [] for name in contestants}
    with broker() as bootstrap:
        for number in range(rounds):
            for name, contestant in contestants.items():
                bench.progress(f"round {number + 1} of {rounds}: {name}")
                took[name].append(run(bootstrap, contestant, bench.seed + number))
                _require_all(contestant, took[name][-1])
    return [_result(name, took, other) for name, other in _AGAINST.items()]


def _require_all(contestant: Contestant, took: Took) -> None:
    """Refuse a run in which ours left something out."""
    counters, letters = took.told.get("counters"), took.told.get("letters")
    if counters is None:
        return
    wanted = 3 * contestant.n, 2 * contestant.n
    if (counters["decisions"], counters["labels"]) != wanted or letters:
        raise BenchmarkError(f"not all of {wanted} were taken: {counters}, dead letters {letters}")


def _result(name: str, took: Mapping[str, list[Took]], other: str) -> Result:
    ours, theirs = took[_OURS], took[other]
    ratios = [b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True)]
    return Result(
        name,
        UNIT,
        _median_us(ours, "cpu"),
        _median_us(theirs, "cpu"),
        statistics.median(ratios),
        {
            "ratio_low": min(ratios),
            "ratio_high": max(ratios),
            "clock": "cpu",
            "rounds": len(ratios),
            "seconds": {each: _median_us(ours, each) / 1e6 for each in ("cpu", "thread", "wall")},
            "reference_seconds": {
                each: _median_us(theirs, each) / 1e6 for each in ("cpu", "thread", "wall")
            },
            "told": ours[-1].told,
            "reference_told": theirs[-1].told,
        },
    )


def _median_us(took: list[Took], clock: str) -> float:
    return 1e6 * statistics.median(getattr(each, clock) for each in took)
