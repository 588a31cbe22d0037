"""What it costs that some have far more payments than others.

Cards and shops follow Zipf's law with 1.2, and one shop has three of ten payments; the reference is
ours too, where all have about as many.
"""

from __future__ import annotations

from benchmarks.bench_stages import Stages
from benchmarks.bench_workers import Took, work
from benchmarks.harness import Result, Run, Times, benchmark, compared, read_clocks
from benchmarks.kafka.broker import broker

_ROWS = 256
_BATCHES = 60


@benchmark("hot_keys_vs_even", unit="us/event", takes_s=90, full=True)
def hot_keys(run: Run) -> list[Result]:
    """Decide and learn where few have most of the payments; reference: where all have as many."""
    rounds = 2 if run.quick else 7
    n = rounds * _BATCHES * _ROWS
    run.progress("making payments")
    hot, even = (Stages(n, run.seed, hot=each) for each in (True, False))
    times: dict[bool, list[Times]] = {True: [], False: []}
    for number in range(rounds):
        run.progress(f"round {number + 1} of {rounds}")
        # Each begins as often as the other.
        for each in (True, False) if number % 2 else (False, True):
            times[each].append(_worked(hot if each else even))
    measured = compared(times[True], times[False], clock="cpu", calls=(_BATCHES, _BATCHES))
    return [measured.result("hot_keys_vs_even", "us/event", rows=_ROWS)]


def _worked(stages: Stages) -> Times:
    """Take some batches; return the times of a payment and its label."""
    batches = [(stages.payments(_ROWS), stages.labels(_ROWS)) for _ in range(_BATCHES)]
    began = read_clocks()
    for payments, labels in batches:
        stages.work(payments)
        stages.work(labels)
    return (read_clocks() - began) / (_BATCHES * _ROWS)


@benchmark("workers_2_hot_keys", unit="events/s", takes_s=400, full=True)
def workers(run: Run) -> list[Result]:
    """Share partitions of very different size by two workers; reference: of about the same."""
    rounds, n = (1, 30_000) if run.quick else (3, 400_000)
    took: dict[bool, list[Took]] = {True: [], False: []}
    with broker() as bootstrap:
        for number in range(rounds):
            for hot, each in took.items():
                run.progress(f"round {number + 1} of {rounds}: {'hot' if hot else 'even'} keys")
                each.append(work(bootstrap, 2, n, run.seed + number, hot=hot))
    times = ([each.times for each in took[hot]] for hot in took)
    told = {"payments": n, "parts": [each.parts for each in took[True]]}
    measured = compared(*times, clock="wall", calls=(1, 1))
    return [measured.result("workers_2_hot_keys", "events/s", **told)]
