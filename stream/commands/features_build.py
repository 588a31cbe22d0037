"""``fraudstream features build``: the training table of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stream.config import load
from stream.console import OK, emit_json, emit_report, row_progress
from stream.replay import Replay, ReplayOutputs

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
    "seconds",
    "cpu_s",
    "compile_s",
    "events_per_s",
)


def run_build(
    file: Path,
    out: Path,
    config: Path | None,
    dead_letters: Path | None,
    states: bool,
    as_json: bool,
) -> int:
    """Build the feature table of a file and report; return the exit status."""
    outputs = ReplayOutputs(dead_letters=dead_letters, features=out, states=states)
    replay = Replay(file, load(config), outputs, scoring=False)
    with row_progress("features", replay.input.rows) as on_rows:
        full: dict[str, Any] = replay.run(on_rows)
    names = replay.engine.parameters.features.names
    report = {name: full[name] for name in _REPORTED}
    report = {**report, "table": str(out), "features": len(names)}
    if as_json:
        emit_json(report)
    else:
        emit_report(report, f"features of {file.name}")
    return OK
