"""``fraudstream features build``: the training table of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.errors import InputFileError
from stream.bulk.ahead import read_ahead
from stream.bulk.build import BulkBuild
from stream.bulk.processes import SpawnedProcesses
from stream.bulk.shards import unsplit
from stream.cli.console import OK, emit_json, emit_report, row_progress, say, step_progress
from stream.config.configuration import Config, load
from stream.experiment.processes import cores, interruptible
from stream.features.declare import entities_of
from stream.files.rows import count_rows
from stream.offline.playback import REPLAY_HASH_KEY
from stream.replay import BLOCK_ROWS, Replay, ReplayOutputs

# What of a replay's report has to do with features; the rest speaks of the model.
_REPORTED = (
    "file",
    "events",
    "frauds",
    "labels_refused",
    "labels_refused_by_reason",
    "labels_not_yet_due",
    "dead_letters",
    "dead_letters_by_reason",
    "late",
    "too_late",
    "duplicates",
    "evicted_live",
    "shards",
    "seconds",
    "cpu_s",
    "compile_s",
    "events_per_s",
)
# For fewer rows, several processes take longer to begin than they save.
WORTH_ROWS = 500_000


def run_build(
    file: Path,
    out: Path,
    config: Path | None,
    dead_letters: Path | None,
    states: bool,
    as_json: bool,
    processes: int | None = None,
) -> int:
    """Build the feature table of a file and report; return the exit status."""
    outputs = ReplayOutputs(dead_letters=dead_letters, features=out, states=states)
    loaded = load(config)
    n = processes or _processes(file)
    features = loaded.engine_parameters(REPLAY_HASH_KEY).features
    full: dict[str, Any]
    if n == 1:
        full = _in_one(Replay(file, loaded, outputs, scoring=False))
    else:
        with interruptible(), SpawnedProcesses(n) as executor:
            if why := unsplit(features):
                say(f"note: {why}: the file is read by {n} processes, features are made by one")
                opened = read_ahead(file, loaded, REPLAY_HASH_KEY, BLOCK_ROWS, executor, n)
                full = _in_one(Replay(file, loaded, outputs, scoring=False, opened=opened))
            else:
                build = BulkBuild(file, loaded, outputs, _ranges(loaded, n))
                with step_progress() as on_progress:
                    full = build.run(executor, on_progress)
    report = {name: full[name] for name in _REPORTED if name in full}
    report = {**report, "processes": n, "table": str(out), "features": len(features.names)}
    if as_json:
        emit_json(report)
    else:
        emit_report(report, f"features of {file.name}")
    return OK


def _in_one(replay: Replay) -> dict[str, Any]:
    with row_progress("features", replay.input.rows) as on_rows:
        return replay.run(on_rows)


def _processes(file: Path) -> int:
    """Return how many processes are likely to be the fastest."""
    if cores() == 1 or file.suffix.lower() != ".parquet" or not file.is_file():
        return 1
    try:
        rows = count_rows(file) or 0
    except InputFileError:  # It is said where the file is opened.
        return 1
    return cores() if rows >= WORTH_ROWS else 1


def _ranges(config: Config, processes: int) -> int:
    """Return into how many shards each entity type is divided: one for each process in all."""
    return -(-processes // max(1, len(entities_of(config.declared()))))
