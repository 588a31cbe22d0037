"""``python -m benchmarks guard``: compare this tree with the base, and with the libraries."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine
from benchmarks.bench_stages import STAGES
from benchmarks.guard.comparison import Compared, judge, table_of
from benchmarks.guard.lanes import Plan, race
from benchmarks.guard.trees import MissingCommitError, tree_of
from benchmarks.harness import BenchmarkError, Registry
from benchmarks.report import now

LIMITS = Path(__file__).with_name("limits.toml")
SLOWED_BY = 1.5


@dataclass(frozen=True)
class Limits:
    """What the guard holds on to; see limits.toml."""

    base: str
    slower_max: float
    confidence: float
    at_least: dict[str, float]

    @classmethod
    def read(cls) -> Limits:
        """Read limits.toml."""
        return cls(**tomllib.loads(LIMITS.read_text(encoding="utf-8")))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--base", metavar="COMMIT", help="default: that of limits.toml")
    parser.add_argument(
        "--slow",
        metavar="STAGE",
        choices=list(STAGES),
        action="append",
        default=[],
        help=f"make a stage {SLOWED_BY} times as slow, to see the guard fail; may repeat",
    )
    parser.add_argument("--repeat", metavar="N", type=int, default=1, help="default: 1")
    parser.add_argument("--only-stages", action="store_true", help="leave the libraries out")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="default: 1")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write the results file as well")


def run(options: argparse.Namespace, registry: Registry, progress: Callable[[str], None]) -> bool:
    """Run the guard; tell whether all is well.

    Raises
    ------
    BenchmarkError
        If the base is not there, or something cannot be measured.
    """
    limits, out = Limits.read(), Console(width=None if sys.stdout.isatty() else 160)
    facts, runs, good = machine.facts(options.seed), [], True
    base = options.base or limits.base
    try:
        tree, repeats = tree_of(base), options.repeat
    except MissingCommitError as why:
        if options.base:
            raise
        # A clone without history, as some CI has: what can be compared is.
        out.print(f"stages were NOT COMPARED: {why}", markup=False)
        tree, repeats = machine.ROOT, 0
    for number in range(repeats):
        found = compare(limits, tree, options.slow, options.seed, progress)
        slower = [f"{each.stage} at {each.size}" for each in found if each.slower]
        out.print(table_of(found))
        out.print(f"run {number + 1}: {_told(slower, base, limits)}")
        runs.append({"slower": slower, "stages": [each.as_json() for each in found]})
        good = good and not slower
    floors = [] if options.only_stages else beside_libraries(registry, limits, options, progress)
    for floor in floors:
        out.print(f"{floor['name']}: {floor['ratio']:.1f}x, at least {floor['at_least']:g}x")
        good = good and floor["ratio"] >= floor["at_least"]
    if options.out is not None:
        told = {
            "machine": facts,
            "taken_at": now(),
            "slowed": options.slow,
            "runs": runs,
            "libraries": floors,
        }
        options.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return good


def compare(
    limits: Limits,
    base: Path,
    slowed: Sequence[str],
    seed: int,
    progress: Callable[[str], None],
) -> list[Compared]:
    """Compare the stages of this tree with those of another."""
    slower: Mapping[str, float] = dict.fromkeys(slowed, SLOWED_BY)
    pairs = race(base, machine.ROOT, Plan(seed=seed), slower, progress)
    return judge(pairs, list(STAGES), limits.slower_max, limits.confidence)


def beside_libraries(
    registry: Registry,
    limits: Limits,
    options: argparse.Namespace,
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Measure the ratios to libraries that have a floor."""
    only, found = frozenset(limits.at_least), []
    for each in registry.select(list(limits.at_least)):
        for result in each.run(quick=True, seed=options.seed, only=only, progress=progress):
            if result.ratio is None:
                raise BenchmarkError(f"{result.name} has no reference: it cannot have a floor")
            floor = limits.at_least[result.name]
            found.append({"name": result.name, "ratio": result.ratio, "at_least": floor})
    return found


def _told(slower: list[str], base: str, limits: Limits) -> str:
    if not slower:
        return "no stage is slower"
    sure = f"by more than {limits.slower_max}, {limits.confidence:.1%} sure"
    return f"SLOWER than {base[:12]} {sure}: {', '.join(slower)}"
