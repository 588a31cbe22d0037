"""The whole job on a real Kafka: consume, decode, features, score, learn, alert.

Each program runs in a process of its own on the same broker, one after another in every round. What
counts is the processor's time of the whole process, the client's threads included, for one payment
and its label; the broker's is not ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from benchmarks.harness import BenchmarkError, Result, Run, benchmark, compared
from benchmarks.kafka.broker import broker
from benchmarks.kafka.job import PARTITIONS
from benchmarks.kafka.race import Contestant, Took, run

UNIT = "us/event"
# The modules in `benchmarks.kafka` that are compared.
PAIRS = {
    "engine_vs_raw_consume": ("ours", "raw"),
    "engine_vs_plain_river": ("ours", "plain"),
    "engine_vs_quix_dict": ("ours", "quix"),
    "engine_vs_quix_state": ("ours", "quix_state"),
    "engine_vs_faust_dict": ("ours", "faust_dict"),
    "engine_with_decisions_vs_raw_consume": ("ours_decisions", "raw"),
    "engine_with_journal_vs_raw_consume": ("ours_journal", "raw"),
    "engine_with_forest_vs_raw_consume": ("ours_forest", "raw"),
}
# Those that are slow do so many times fewer records.
_SHARES = {"plain": 5, "quix": 5, "quix_state": 15, "faust_dict": 15, "ours_forest": 2}
# A store of states is of one partition: so it knows of all payments of a merchant.
_PARTITIONS = {"quix_state": 1}


def contestants(names: Collection[str], quick: bool) -> dict[str, Contestant]:
    """Return the programs of some benchmarks, in the order in which they run."""
    n = 25_000 if quick else 60_000
    modules = dict.fromkeys(module for name in PAIRS if name in names for module in PAIRS[name])
    return {
        module: Contestant(module, n // _SHARES.get(module, 1), _PARTITIONS.get(module, PARTITIONS))
        for module in modules
    }


@benchmark(*PAIRS, unit=UNIT, takes_s=300)
def engine(bench: Run) -> list[Result]:
    """Do the whole job on a real Kafka, beside consuming alone, plain Python and frameworks."""
    rounds = 1 if bench.quick else 3
    wanted = [name for name in PAIRS if name in bench.wanted]
    took: dict[str, list[Took]] = defaultdict(list)
    with broker() as bootstrap:
        for number in range(rounds):
            for module, contestant in contestants(wanted, bench.quick).items():
                bench.progress(f"round {number + 1} of {rounds}: {module}")
                took[module].append(run(bootstrap, contestant, bench.seed + number))
                if module.startswith("ours"):
                    _require_all(contestant, took[module][-1])
    return [_result(name, *(took[module] for module in PAIRS[name])) for name in wanted]


def _require_all(contestant: Contestant, took: Took) -> None:
    """Refuse a run in which ours left something out."""
    counters, letters = took.told["counters"], took.told["letters"]
    wanted = 3 * contestant.n, 2 * contestant.n
    if (counters["decisions"], counters["labels"]) != wanted or letters:
        raise BenchmarkError(f"not all of {wanted} were taken: {counters}, dead letters {letters}")


def _result(name: str, ours: list[Took], theirs: list[Took]) -> Result:
    times = ([each.times for each in took] for took in (ours, theirs))
    told = {"told": ours[-1].told, "reference_told": theirs[-1].told}
    return compared(*times, clock="cpu", calls=(1, 1)).result(name, UNIT, **told)
