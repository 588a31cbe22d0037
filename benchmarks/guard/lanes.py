"""Two trees' processes, asked in turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.harness import BenchmarkError
from benchmarks.programs import Program

# The first start of a tree compiles.
_SECONDS_MAX = 600.0

Seconds = dict[str, float]
"""Of an event, by stage."""


@dataclass(frozen=True)
class Plan:
    """What is asked of both sides.

    Parameters
    ----------
    processes : int
        Pairs of processes, one after another: where a process finds its memory shifts its times.
    rounds : int
        Of each pair.
    batches : dict of int to int
        How many batches of each size are one measurement.
    seed : int
    warm : int
        Payments that a process has seen before.
    """

    processes: int = 3
    rounds: int = 11
    batches: Mapping[int, int] = field(default_factory=lambda: {16: 64, 1024: 4})
    seed: int = 1
    warm: int = 20_000

    @property
    def events(self) -> int:
        """How many events a process takes, those of a first round included, which counts not."""
        return (self.rounds + 1) * sum(size * n for size, n in self.batches.items())


class Lane(Protocol):
    """One side."""

    def ask(self, size: int, batches: int) -> Seconds:
        """Work off batches of a size; return what an event took."""
        ...


class Process:
    """The lane of a tree, in a process of its own.

    Raises
    ------
    BenchmarkError
        If it does not start, or runs the code of another tree.
    """

    def __init__(self, tree: Path, plan: Plan, slower: Mapping[str, float]) -> None:
        asked = {
            "events": plan.events,
            "seed": plan.seed,
            "warm": plan.warm,
            "slower": dict(slower),
        }
        self._program = Program(
            "benchmarks.guard.lane", json.dumps(asked), tree=tree, seconds_max=_SECONDS_MAX
        )
        try:
            root = Path(json.loads(self._program.hear("it said what it runs"))["root"])
            if root.resolve() != tree.resolve():
                raise BenchmarkError(f"the process of {tree} runs the code of {root}")
        except BaseException:
            self._program.end()
            raise

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._program.end()

    def ask(self, size: int, batches: int) -> Seconds:
        """Work off batches of a size; return what an event took."""
        self._program.tell(json.dumps({"size": size, "batches": batches}))
        took: Seconds = json.loads(self._program.hear("it had answered"))
        return took


Pairs = dict[tuple[str, int], list[tuple[float, float]]]
"""(stage, size) to the seconds of (base, now) of every round."""


def in_turn(base: Lane, now: Lane, plan: Plan) -> Iterator[tuple[int, Seconds, Seconds]]:
    """Yield a size and what both sides took, round by round; who begins changes."""
    for number in range(plan.rounds + 1):
        for size, batches in plan.batches.items():
            order = (base, now) if number % 2 else (now, base)
            took = {id(lane): lane.ask(size, batches) for lane in order}
            if number:
                yield size, took[id(base)], took[id(now)]


def race(
    base: Path,
    now: Path,
    plan: Plan,
    slower: Mapping[str, float],
    progress: Callable[[str], None],
) -> Pairs:
    """Measure two trees; the second one's stages may be made slower on purpose.

    Raises
    ------
    BenchmarkError
        If a process does not start or ends early, or the trees have no stage in common.
    """
    pairs: Pairs = {}
    for number in range(plan.processes):
        progress(f"starting pair {number + 1} of {plan.processes}")
        with ExitStack() as stack:
            lanes = [
                stack.enter_context(Process(tree, plan, factors))
                for tree, factors in ((base, {}), (now, slower))
            ]
            progress(f"pair {number + 1} of {plan.processes}")
            for size, before, after in in_turn(lanes[0], lanes[1], plan):
                for stage in before.keys() & after.keys():
                    pairs.setdefault((stage, size), []).append((before[stage], after[stage]))
    if not pairs:
        raise BenchmarkError(f"{base} and {now} have no stage in common")
    return pairs
