"""The whole job on a real Kafka: consume, decode, features, score, learn, alert.

Each program runs in a process of its own on the same broker, one after another in every round. What
counts is the processor's time of the whole process, the client's threads included, for one payment
and its label; the broker's is not ours.
"""

from __future__ import annotations

from collections import defaultdict

from benchmarks.harness import BenchmarkError, Result, Run, benchmark, compared
from benchmarks.kafka.broker import broker
from benchmarks.kafka.race import Contestant, Took, run

UNIT = "us/event"
# The module in `benchmarks.kafka` that each is compared with.
_AGAINST = {
    "engine_vs_raw_consume": "raw",
    "engine_vs_plain_river": "plain",
    "engine_vs_quix_dict": "quix",
}


def contestants(quick: bool) -> dict[str, Contestant]:
    """Return the programs, those that are slow with fewer records."""
    n = 25_000 if quick else 150_000
    sizes = {"ours": n, "raw": n, "plain": n // 5, "quix": n // 5}
    return {module: Contestant(module, size) for module, size in sizes.items()}


@benchmark(*_AGAINST, unit=UNIT)
def engine(bench: Run) -> list[Result]:
    """Do the whole job on a real Kafka, beside consuming alone and beside plain Python."""
    rounds = 1 if bench.quick else 5
    took: dict[str, list[Took]] = defaultdict(list)
    with broker() as bootstrap:
        for number in range(rounds):
            for module, contestant in contestants(bench.quick).items():
                bench.progress(f"round {number + 1} of {rounds}: {module}")
                took[module].append(run(bootstrap, contestant, bench.seed + number))
            _require_all(contestants(bench.quick)["ours"], took["ours"][-1])
    return [_result(name, took["ours"], took[other]) for name, other in _AGAINST.items()]


def _require_all(ours: Contestant, took: Took) -> None:
    """Refuse a run in which ours left something out."""
    counters, letters = took.told["counters"], took.told["letters"]
    wanted = 3 * ours.n, 2 * ours.n
    if (counters["decisions"], counters["labels"]) != wanted or letters:
        raise BenchmarkError(f"not all of {wanted} were taken: {counters}, dead letters {letters}")


def _result(name: str, ours: list[Took], theirs: list[Took]) -> Result:
    times = ([each.times for each in took] for took in (ours, theirs))
    told = {"told": ours[-1].told, "reference_told": theirs[-1].told}
    return compared(*times, clock="cpu", calls=(1, 1)).result(name, UNIT, **told)
