"""``fraudstream replay``: a file through the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from stream.config import load
from stream.console import OK, emit_json, emit_report, err
from stream.replay import Replay, ReplayOutputs


def run_replay(
    file: Path,
    config: Path | None,
    alerts: Path | None,
    dead_letters: Path | None,
    as_json: bool,
) -> int:
    """Replay a file and report; return the exit status."""
    replay = Replay(file, load(config), ReplayOutputs(alerts, dead_letters))
    with _progress() as progress:
        task = progress.add_task("replay", total=replay.input.rows)
        report: dict[str, Any] = replay.run(lambda rows: progress.update(task, completed=rows))
    if as_json:
        emit_json(report)
    else:
        emit_report(report, f"replay of {file.name}")
    return OK


def _progress() -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
