"""``fraudstream replay``: a file through the engine."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError
from stream.bulk.ahead import read_ahead
from stream.bulk.processes import SpawnedProcesses
from stream.cli.console import OK, emit_json, emit_report, row_progress, say
from stream.config.configuration import Config, load
from stream.config.values import parse_duration
from stream.experiment.processes import interruptible
from stream.offline.playback import REPLAY_HASH_KEY
from stream.quality_tables import show_protocol, show_quality
from stream.replay import BLOCK_ROWS, Replay, ReplayOutputs, late_labels

_PROTOCOL = ("single", "folds_mean", "folds_std", "folds")


def run_replay(
    file: Path,
    config: Path | None,
    alerts: Path | None,
    dead_letters: Path | None,
    features_out: Path | None,
    states: bool,
    as_json: bool,
    label_delay: str = "",
    protocol: bool = False,
    drifts: Path | None = None,
    processes: int = 1,
) -> int:
    """Replay a file and report; return the exit status."""
    outputs = ReplayOutputs(alerts, dead_letters, features_out, states, drifts)
    loaded = _configured(config, label_delay)
    with ExitStack() as stack:
        opened = None
        if processes > 1:
            # They read ahead of this one, which learns and decides.
            stack.enter_context(interruptible())
            ahead = stack.enter_context(SpawnedProcesses(processes)), processes
            opened = read_ahead(file, loaded, REPLAY_HASH_KEY, BLOCK_ROWS, *ahead)
        replay = Replay(file, loaded, outputs, protocol=protocol, opened=opened)
        on_rows = stack.enter_context(row_progress("replay", replay.input.rows))
        report: dict[str, Any] = replay.run(on_rows)
    if as_json:
        emit_json(report)
        return OK
    quality = report.pop("quality")
    results = {name: report.pop(name) for name in _PROTOCOL if name in report}
    emit_report(report, f"replay of {file.name}")
    show_quality(quality)
    if results:
        show_protocol(results)
    return OK


def _configured(path: Path | None, label_delay: str) -> Config:
    """Load the configuration; a label delay given as an option stands above file and environment.

    Raises
    ------
    ConfigError
        If it is none.
    """
    config = load(path)
    if label_delay:
        try:
            delay_us = parse_duration(label_delay)
        except ValueError as error:
            raise ConfigError(f"--label-delay: {error}") from error
        replay = config.replay.model_copy(update={"label_delay": delay_us})
        config = config.model_copy(update={"replay": replay})
    if note := late_labels(config):
        say(f"note: {note}")
    return config
