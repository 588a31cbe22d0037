"""The whole engine over a whole stream: the Handbook's 183 days, generated and replayed.

There is nothing to compare it with here, so it is the one benchmark that is not
paired: a single run, wall and processor time, of what `fraudstream replay` does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.harness import Result, Run, benchmark
from stream.config.configuration import load
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import PUBLISHED, HandbookParameters, generate, write_parquet

_EXAMPLE = Path(__file__).parent.parent / "examples" / "handbook.toml"
_QUICK_DAYS = 20


@benchmark("replay_handbook", unit="events/s", takes_s=90, full=True)
def replay_handbook(run: Run) -> list[Result]:
    """Replay the Handbook's stream from Parquet: decode, windows, River scoring and learning."""
    parameters = HandbookParameters(days=_QUICK_DAYS) if run.quick else PUBLISHED
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "handbook.parquet"
        write_parquet(generate(parameters), path)
        report = Replay(path, load(_EXAMPLE), ReplayOutputs()).run()
    keys = ("events", "frauds", "decisions", "alerts", "labels_learned", "matured_as_genuine")
    detail = {
        key: report[key] for key in (*keys, "dead_letters", "seconds", "cpu_s", "prequential")
    }
    return [Result("replay_handbook", "events/s", report["events_per_s"], detail=detail)]
