"""A plan carried out: its streams made, every configuration replayed on each of them."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from stream.experiment.plan import Configuration, Plan, world_of
from stream.experiment.processes import Processes, TaskResult, interruptible
from stream.experiment.task import generate_task, replay_task

Outcomes = dict[tuple[str, int], TaskResult]
"""By name of the configuration and seed: what a run found, or ``error``."""
Progress = Callable[[float, int], None]


def carry_out(plan: Plan, jobs: int, on_progress: Progress) -> Outcomes:
    """Do all runs, each in a process of its own.

    Parameters
    ----------
    plan : Plan
    jobs : int
        Processes at the same time, at least 1. It changes nothing but the time taken.
    on_progress : callable
        Told, in any thread but one call at a time, the fraction done of everything and how
        many runs have ended.

    Raises
    ------
    KeyboardInterrupt
        If a signal ended it; no process and no file of it is left then.
    """
    with (
        interruptible(),
        tempfile.TemporaryDirectory(prefix="fraudstream-experiment-") as folder,
        ThreadPoolExecutor(jobs) as pool,
    ):
        work = _Work(plan, Path(folder), pool, on_progress)
        try:
            return work.all()
        except BaseException:
            work.stop()
            raise


class _Work:
    """One thread waits for each process; only the main thread decides what comes next."""

    def __init__(
        self, plan: Plan, folder: Path, pool: ThreadPoolExecutor, on_progress: Progress
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._pool = pool
        self._processes = Processes()
        self._on_progress = on_progress
        self._runs = [(each, seed) for seed in plan.seeds for each in self._of_seed(seed)]
        self._tasks = len(self._runs) + (0 if plan.file else len(plan.seeds))
        self._lock = threading.Lock()
        self._done: dict[str, float] = {}
        self._ended = 0

    def all(self) -> Outcomes:
        """Do everything; a run waits for nothing but its stream."""
        plan = self._plan
        outcomes: Outcomes = {}
        streams: dict[Future[TaskResult], tuple[int, Path]] = {}
        runs: dict[Future[TaskResult], tuple[Configuration, int]] = {}
        for seed in plan.seeds:
            if plan.file is not None:
                runs |= self._replays(seed, plan.file)
                continue
            path = self._folder / f"handbook-{seed}.parquet"
            task = generate_task(world_of(plan.world, seed), path)
            streams[self._pool.submit(self._do, f"stream {seed}", task)] = seed, path
        while streams or runs:
            for future in wait([*streams, *runs], return_when=FIRST_COMPLETED).done:
                found = future.result()
                if future in runs:
                    each, seed = runs.pop(future)
                    self._end(outcomes, each, seed, found)
                    continue
                seed, path = streams.pop(future)
                if "error" not in found:
                    runs |= self._replays(seed, path)
                    continue
                why = {"error": f"its stream could not be made: {found['error']}"}
                for each in self._of_seed(seed):
                    self._end(outcomes, each, seed, why)
        return outcomes

    def stop(self) -> None:
        """End all that is running and forget what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._processes.stop()

    def _of_seed(self, seed: int) -> list[Configuration]:
        plan = self._plan
        return [each for each in plan.configurations if seed in plan.seeds_of(each)]

    def _replays(
        self, seed: int, stream: Path
    ) -> dict[Future[TaskResult], tuple[Configuration, int]]:
        warm_up = self._plan.warm_up_days
        return {
            self._pool.submit(
                self._do,
                f"{each.name} {seed}",
                replay_task(stream, each.path, each.changes, seed, warm_up),
            ): (each, seed)
            for each in self._of_seed(seed)
        }

    def _do(self, name: str, task: dict[str, object]) -> TaskResult:
        found = self._processes.run(task, lambda part: self._told(name, part))
        self._told(name, 1.0)
        return found

    def _end(self, outcomes: Outcomes, each: Configuration, seed: int, found: TaskResult) -> None:
        outcomes[each.name, seed] = found
        with self._lock:
            self._ended += 1
        self._told(f"{each.name} {seed}", 1.0)

    def _told(self, name: str, part: float) -> None:
        with self._lock:
            self._done[name] = max(part, self._done.get(name, 0.0))
            self._on_progress(min(sum(self._done.values()) / self._tasks, 1.0), self._ended)
