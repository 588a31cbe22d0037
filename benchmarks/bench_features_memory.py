"""What the memory formula says, beside what the operating system says.

Nothing is timed: one state is filled to its last card and event in a process of its own.
"""

from __future__ import annotations

from benchmarks.baselines_memory import available_bytes, measure_in_child
from benchmarks.harness import BenchmarkError, Result, Run, benchmark

NAME = "features_memory"
_GB = 1e9
_NEEDED_BYTES = {False: 8_000_000_000, True: 1_000_000_000}


@benchmark(NAME, unit="GB", takes_s=120, full=True)
def features_memory(run: Run) -> list[Result]:
    """Growth of a process with 10 M cards (--quick: 1 M), 30-day windows, beside the formula."""
    if available_bytes() < _NEEDED_BYTES[run.quick]:
        raise BenchmarkError(f"{NAME}: less memory is free than {_NEEDED_BYTES[run.quick]:,} bytes")
    cards = 1_000_000 if run.quick else 10_000_000
    run.progress(f"filling a state with {cards:,} cards")
    found = measure_in_child(cards, events_max=4 * cards, seed=run.seed)
    detail = {"cards": cards, "events_max": 4 * cards, **found}
    grown, formula = found["resident_bytes"], found["formula_bytes"]
    return [Result(NAME, "GB", grown / _GB, formula / _GB, formula / grown, detail)]
