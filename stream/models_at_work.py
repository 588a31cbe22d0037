"""The models of workers, as their newest snapshots have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.states.snapshot import State
from schemas.errors import ConfigError, SnapshotError
from stream.config.configuration import Config
from stream.model_registry.standing import ModelsStanding, standing_of
from stream.recovery.setup import PARTITION_FOLDERS
from stream.recovery.tenure import newest_tenure
from stream.snapshots.folder import NewestSnapshot, SnapshotFolder


def standings(
    config: Config, required: bool = True
) -> list[tuple[str, dict[str, Any], ModelsStanding]]:
    """Return what the newest snapshot of each state says: partition, source, models.

    Raises
    ------
    ConfigError
        There is none, and it is required.
    """
    return [
        (partition, _source(found), standing_of(config, engine_in(found.state)))
        for partition, found in newest_snapshots(config, required)
    ]


def newest_snapshots(config: Config, required: bool = True) -> list[tuple[str, NewestSnapshot]]:
    """Return the newest snapshot of each state, with its partition.

    Raises
    ------
    ConfigError
        There is none, and it is required.
    """
    root = Path(config.recovery.folder)
    if not config.recovery.folder or not root.is_dir():
        if required:
            raise ConfigError(
                "recovery.folder is not set, or not there: what is known of models at work is in "
                "a worker's snapshots"
            )
        return []
    parts = {path.name: newest_tenure(path) for path in sorted(root.glob(PARTITION_FOLDERS))}
    folders = {name: path for name, path in parts.items() if path} if parts else {"": root}
    found = []
    for name, each in folders.items():
        newest = SnapshotFolder(each, config.snapshot_key()).newest()
        if newest is not None:
            found.append((name.rpartition("-")[2], newest))
    if not found and required:
        raise ConfigError(f"{root} holds no snapshot yet: wait for recovery.snapshot_interval")
    return found


def engine_in(state: State) -> State:
    """Return the engine's part of a snapshot."""
    if "engine" not in state.parts:
        raise SnapshotError("the snapshot is not a worker's: it has no engine")
    return state.parts["engine"]


def _source(found: NewestSnapshot) -> dict[str, Any]:
    names = ("code_version", "configuration", "step", "offsets")
    header = {name: found.state.header.get(name) for name in names}
    return {"snapshot": found.number, **header}
