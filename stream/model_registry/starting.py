"""Models that begin with what a kept one has learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from schemas.errors import ConfigError, SnapshotError
from stream.champion.lineup import Lineup
from stream.config.configuration import Config
from stream.model_registry.folder import ModelFolder
from stream.model_registry.manifest import differences


def start_models(config: Config, lineup: Lineup, names: Sequence[str]) -> None:
    """Let contenders begin with the versions that the configuration names, if any.

    Parameters
    ----------
    config : Config
    lineup : Lineup
        That has learned nothing yet.
    names : sequence of str
        Of the features, in the order of the model's inputs.

    Raises
    ------
    ModelRegistryError
        The version is not there, or not whole.
    ConfigError
        It is of other features, or of a model that is built otherwise.
    """
    starts = {0: ("model", config.model.start)}
    for slot, (name, section) in enumerate(config.model.challengers.items(), 1):
        starts[slot] = f"model.challengers.{name}", section.start
    for slot, (place, start) in starts.items():
        if not start:
            continue
        folder = ModelFolder(Path(config.model.registry), config.snapshot_key())
        version = folder.find(start)
        if str(version) != start:
            raise ConfigError(
                f"{place}.start: {start!r} may be another model tomorrow: give {str(version)!r}"
            )
        kept = folder.read(version)
        if differs := differences(kept.manifest, names):
            raise ConfigError(
                f"{place}.start: {kept.version} was made for other features: {differs}; give "
                "features.names as its card lists them, or begin without it"
            )
        try:
            lineup.contenders[slot].begin_from(folder.state(kept))
        except SnapshotError as error:
            raise ConfigError(
                f"{place}.start: {kept.version} is of kind {kept.manifest.get('kind')!r} and was "
                f"built otherwise than {place} says: {error}"
            ) from error
