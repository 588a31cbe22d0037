"""``fraudstream replay``: a file through the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stream.config import load
from stream.console import OK, emit_json, emit_report, row_progress
from stream.replay import Replay, ReplayOutputs


def run_replay(
    file: Path,
    config: Path | None,
    alerts: Path | None,
    dead_letters: Path | None,
    features_out: Path | None,
    states: bool,
    as_json: bool,
) -> int:
    """Replay a file and report; return the exit status."""
    outputs = ReplayOutputs(alerts, dead_letters, features_out, states)
    replay = Replay(file, load(config), outputs)
    with row_progress("replay", replay.input.rows) as on_rows:
        report: dict[str, Any] = replay.run(on_rows)
    if as_json:
        emit_json(report)
    else:
        emit_report(report, f"replay of {file.name}")
    return OK
