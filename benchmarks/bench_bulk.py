"""The table of features of a whole stream: by two processes, beside one.

What counts is how long somebody waits, so the clock is the wall's: on a machine where others work
as well, two processes have less of it to gain.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.harness import Result, Run, benchmark, paired
from stream.bulk.build import BulkBuild
from stream.bulk.processes import SpawnedProcesses
from stream.config.configuration import load
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import PUBLISHED, HandbookParameters, generate, write_parquet

_EXAMPLE = Path(__file__).parent.parent / "examples" / "handbook.toml"
_QUICK_DAYS = 20
_PROCESSES = 2


@benchmark("features_build_2_vs_1", unit="events/s", takes_s=400, full=True)
def features_build(run: Run) -> list[Result]:
    """Build the table of the Handbook's stream, Parquet to Parquet; reference: one process."""
    parameters = HandbookParameters(days=_QUICK_DAYS) if run.quick else PUBLISHED
    config = load(_EXAMPLE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, one, two = (folder / f"{each}.parquet" for each in ("handbook", "one", "two"))
        run.progress("making the stream")
        stream = generate(parameters)
        write_parquet(stream, path)

        def by_one() -> None:
            Replay(path, config, ReplayOutputs(features=one), scoring=False).run()

        def by_two() -> None:
            with SpawnedProcesses(_PROCESSES) as executor:
                BulkBuild(path, config, ReplayOutputs(features=two)).run(executor)

        measured = paired(
            by_two,
            by_one,
            rounds=1 if run.quick else 3,
            min_time_s=0.1,
            items=len(stream),
            clock="wall",
            progress=run.progress,
        )
        same = two.read_bytes() == one.read_bytes()
    detail = {"events": len(stream), "processes": _PROCESSES, "same_bytes": same}
    return [measured.result("features_build_2_vs_1", "events/s", **detail)]
