"""How long a payment takes from due to decided on a real Kafka, beside a bare echo.

A process of its own sends on schedule, another reads the decisions; what counts is the time from
the moment at which a payment was due. See `benchmarks.kafka.on_schedule`.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any, NamedTuple

from benchmarks.harness import BenchmarkError, Result, Run, benchmark
from benchmarks.kafka.broker import broker
from benchmarks.kafka.open_loop import SKIPPED_S, Load, run
from benchmarks.machine import ROOT

UNIT = "ms"
_RATES = {"1k": 1_000, "10k": 10_000, "50k": 50_000}
# That count; at the highest rate there are enough payments in fewer.
_SECONDS = {"1k": 10, "10k": 10, "50k": 4}
_ECHO = "echo"
# HdrHistogram's interval logs of the last run, a file for each program, rate and round.
LOGS = ROOT / ".cache" / "latency"


class Case(NamedTuple):
    """Which program decides, at which rate, with labels or without; and beside which other."""

    module: str
    rate: str
    labelled: bool = True
    reference: str = _ECHO


# Of each name's reference, the echo if it names none, everything is the same but for the program.
CASES = {
    "latency_1k": Case("ours_decisions", "1k"),
    "latency_10k": Case("ours_decisions", "10k"),
    "latency_50k": Case("ours_decisions", "50k"),
    "latency_unlabelled": Case("ours_decisions", "10k", labelled=False),
    "latency_snapshots": Case("ours_snapshots", "10k"),
    "latency_page": Case("ours_page", "10k", reference="ours_decisions"),
    "latency_page_1k": Case("ours_page", "1k", reference="ours_decisions"),
    "latency_swaps": Case("ours_swaps", "10k", reference="ours_challenged"),
}
# The two that have targets, of `latency_10k`.
NAMES = {
    "latency_p99_vs_echo": ("latency_10k", "p99"),
    "latency_p99.9_vs_echo": ("latency_10k", "p99.9"),
}
MORE = {f"{name}_p99": (name, "p99") for name in CASES if name != "latency_10k"}


@benchmark(*NAMES, unit=UNIT, takes_s=200)
def latency(bench: Run) -> list[Result]:
    """Decide payments that come on schedule, beside sending them on undecided."""
    return _measured(bench, NAMES)


@benchmark(*MORE, unit=UNIT, takes_s=900, full=True)
def latency_otherwise(bench: Run) -> list[Result]:
    """The same at other rates, without labels, during snapshots and swaps, with the page open."""
    return _measured(bench, MORE)


def _measured(bench: Run, names: dict[str, tuple[str, str]]) -> list[Result]:
    rounds = 1 if bench.quick else 3
    wanted = {name: names[name] for name in names if name in bench.wanted}
    cases = {CASES[of] for of, _ in wanted.values()}
    cases |= {case._replace(module=case.reference) for case in cases}
    found: dict[Case, list[dict[str, Any]]] = defaultdict(list)
    LOGS.mkdir(parents=True, exist_ok=True)
    for case in cases:
        for old in LOGS.glob(f"{_file_name(case)}-*.hlog"):
            old.unlink()
    with broker() as bootstrap:
        for number in range(rounds):
            for case in sorted(cases):
                bench.progress(f"round {number + 1} of {rounds}: {_words(case)}")
                counted = 3 if bench.quick else _SECONDS[case.rate]
                load = Load(_RATES[case.rate], SKIPPED_S + counted, case.labelled)
                log = LOGS / f"{_file_name(case)}-{number + 1}.hlog"
                found[case].append(run(bootstrap, case.module, load, bench.seed + number, log))
                if missing := found[case][-1]["missing"]:
                    raise BenchmarkError(f"{missing} payments were not decided by {_words(case)}")
    return [_result(name, found, CASES[of], at) for name, (of, at) in wanted.items()]


def _words(case: Case) -> str:
    return f"{case.module} at {case.rate}/s {'with' if case.labelled else 'without'} labels"


def _file_name(case: Case) -> str:
    return f"{case.module}-{case.rate}-{'labelled' if case.labelled else 'unlabelled'}"


def _result(name: str, found: dict[Case, list[dict[str, Any]]], case: Case, at: str) -> Result:
    ours, echo = found[case], found[case._replace(module=case.reference)]
    ratios = [theirs[at] / mine[at] for mine, theirs in zip(ours, echo, strict=True)]
    return Result(
        name,
        UNIT,
        statistics.median(mine[at] for mine in ours),
        statistics.median(theirs[at] for theirs in echo),
        statistics.median(ratios),
        {
            "ratio_low": min(ratios),
            "ratio_high": max(ratios),
            "rounds": len(ratios),
            "told": ours,
            "reference_told": echo,
        },
    )
