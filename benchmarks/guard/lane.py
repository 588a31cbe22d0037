"""One tree's side of the race: a process that works off batches when it is told to.

It is started in the top folder of a tree and measures the code of that tree, with that tree's own
version of this module. What the two sides agree on is in this file alone: the argument is a `Plan`
as JSON; the process answers with the folder that it runs from, then each line on stdin,
``{"size": .., "batches": ..}``, with the seconds an event by stage.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import stream
from benchmarks.bench_stages import StageClock, Stages


class SlowedClock(StageClock):
    """Makes stages slower than they are, to see whether somebody notices.

    Parameters
    ----------
    factors : dict of str to float
        By stage, how many times as long it is to take.
    """

    def __init__(self, factors: dict[str, float]) -> None:
        super().__init__()
        self._factors = factors
        self._before: list[float] = []

    def enter(self, stage: str) -> None:
        """Give a stage the clock."""
        super().enter(stage)
        self._before.append(self.seconds[stage])

    def leave(self) -> None:
        """Let the stage be busy for what it lacks, then give the clock back."""
        stage, now = self._stack[-1], time.perf_counter()
        own = self.seconds[stage] - self._before.pop() + now - self._since
        until = now + own * (self._factors.get(stage, 1.0) - 1.0)
        while time.perf_counter() < until:
            pass
        super().leave()


def main() -> None:
    """Work off what stdin asks for until it ends."""
    plan: dict[str, Any] = json.loads(sys.argv[1])
    print(json.dumps({"root": str(Path(stream.__file__).parent.parent)}), flush=True)
    job = Stages(plan["events"], plan["seed"], SlowedClock(plan["slower"]), warm=plan["warm"])
    for line in sys.stdin:
        asked = json.loads(line)
        size, batches = asked["size"], asked["batches"]
        before = dict(job.clock.seconds)
        for _ in range(batches):
            job.pay(size)
            job.label(size)
        took = {
            stage: (seconds - before[stage]) / (size * batches)
            for stage, seconds in job.clock.seconds.items()
        }
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main()
