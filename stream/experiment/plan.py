"""What is run: configurations, seeds, and the stream or streams that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError, InputFileError
from stream.config.configuration import Config, load
from stream.evaluation.handbook import LAST_DAY
from stream.experiment.task import uses_seed
from stream.experiment.variants import Changes, Variant
from stream.replay import late_labels
from stream.simulate.handbook import PUBLISHED, HandbookParameters

# Apart enough that no customer or day of one stream draws from a seed of another.
_DRAW_STRIDE = 1_000_000
SEEDS_MAX = 1_000


@dataclass(frozen=True)
class Configuration:
    """A configuration that takes part.

    Attributes
    ----------
    name : str
        Its file's, without the ending, or a variant's.
    path : Path
    config : Config
    changes : dict of str to dict
        Of a section, its keys that are not as in the file.
    """

    name: str
    path: Path
    config: Config
    changes: Changes = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes
    ----------
    configurations : tuple of Configuration
        Each by its own name; the others are compared with the first.
    seeds : tuple of int
        The first is 0.
    file : Path or None
        The stream; None: the Handbook's, one for each seed.
    world : HandbookParameters
        Of the simulated stream of seed 0.
    warm_up_days : int
        Days at the beginning that only the protocol looks at.
    notes : tuple of str
        What a person should know before reading the results.
    """

    configurations: tuple[Configuration, ...]
    seeds: tuple[int, ...]
    file: Path | None
    world: HandbookParameters
    warm_up_days: int
    notes: tuple[str, ...]

    def seeds_of(self, configuration: Configuration) -> tuple[int, ...]:
        """Return the seeds that make a difference: of one stream, without chance, only the first.

        What is left out would give the same figures again.
        """
        alike = self.file is not None and not uses_seed(configuration.config)
        return self.seeds[:1] if alike else self.seeds

    @property
    def budget(self) -> int:
        """Alerts a day that can be looked at: the same in all configurations."""
        return self.configurations[0].config.replay.alert_budget

    @property
    def stream(self) -> dict[str, Any]:
        """What is replayed, as JSON takes it."""
        if self.file is not None:
            return {"file": self.file.name}
        world = self.world
        return {
            "preset": "handbook",
            "days": world.days,
            "customers": world.customers,
            "terminals": world.terminals,
        }


def world_of(world: HandbookParameters, seed: int) -> HandbookParameters:
    """Return the world of a seed: 0 is the one given, any other is drawn anew in every part."""
    return replace(
        world,
        customer_seed=world.customer_seed + 2 * seed,
        terminal_seed=world.terminal_seed + 2 * seed,
        draw_seed=world.draw_seed + _DRAW_STRIDE * seed,
    )


def plan_of(
    paths: Sequence[Path],
    seeds: int,
    file: Path | None = None,
    world: HandbookParameters = PUBLISHED,
    warm_up_days: int = 30,
    variants: Sequence[Variant] = (),
) -> Plan:
    """Read the configurations and check that they can be compared.

    Parameters
    ----------
    paths : sequence of Path
        Of the configurations; the first is what the others are compared with.
    seeds : int
        How many, from 0 on.
    file : Path or None
    world : HandbookParameters
    warm_up_days : int
    variants : sequence of Variant
        Of the first configuration.

    Raises
    ------
    ConfigError
        If one cannot be used, two have one name, or they are not judged alike.
    InputFileError
        If there is no such file.
    """
    if file is not None and not file.is_file():
        raise InputFileError(f"{file}: no such file")
    if file is None and world.days <= warm_up_days:
        raise ConfigError(
            f"--days {world.days}: nothing is left to judge once the first {warm_up_days} days are "
            "left out: simulate more days, or shorten --warm-up"
        )
    _check_names(paths, variants)
    configurations = (
        *(Configuration(path.stem, path, load(path)) for path in paths),
        *(_varied(paths[0], variant) for variant in variants),
    )
    _check_alike(configurations)
    late = ((each.name, late_labels(each.config)) for each in configurations)
    notes = [f"{name}: {note}" for name, note in late if note]
    if file is not None and seeds > 1 and not any(uses_seed(c.config) for c in configurations):
        seeds = 1
        notes.append("no configuration draws at random, and the stream is one: one run of each")
    if seeds == 1:
        notes.append("one seed: there are no intervals, and a difference may be chance")
    if file is None and world.days <= LAST_DAY:
        notes.append(
            f"{world.days} days are too short for the Handbook's protocol, which needs "
            f"{LAST_DAY + 1}: its measures are left out"
        )
    return Plan(configurations, tuple(range(seeds)), file, world, warm_up_days, tuple(notes))


def _varied(path: Path, variant: Variant) -> Configuration:
    try:
        config = load(path, **variant.changes)
    except ConfigError as error:
        raise ConfigError(f"--variant {variant.name!r}: {error}") from error
    return Configuration(variant.name, path, config, variant.changes)


def _check_names(paths: Sequence[Path], variants: Sequence[Variant]) -> None:
    seen: dict[str, Path] = {}
    for path in paths:
        if path.stem in seen:
            raise ConfigError(
                f"--config: {seen[path.stem]} and {path} have the same name, {path.stem!r}: the "
                "results could not be told apart; copy one to a file of another name"
            )
        seen[path.stem] = path
    for variant in variants:
        if variant.name in seen:
            raise ConfigError(
                f"--variant {variant.name!r}: {seen[variant.name]} has that name: give it another"
            )
        seen[variant.name] = paths[0]


def _check_alike(configurations: Sequence[Configuration]) -> None:
    """Refuse configurations whose figures would not be the same measure."""
    first = configurations[0]
    for each in configurations:
        if not each.config.replay.label:
            raise ConfigError(
                f"{each.path}: replay.label is empty, so the truth is not known and nothing can be "
                "judged: set it to the column that holds it"
            )
        for what, ours, theirs in zip(
            ("replay.label", "replay.alert_budget", "the field of the card"),
            _judged_by(each.config),
            _judged_by(first.config),
            strict=True,
        ):
            if ours != theirs:
                raise ConfigError(
                    f"{each.path}: {what} is {ours!r}, and {theirs!r} in {first.path}: what they "
                    "are judged by must be the same"
                )


def _judged_by(config: Config) -> tuple[str, int, str]:
    entities, replay = config.fields.entities, config.replay
    return replay.label, replay.alert_budget, entities[replay.card or next(iter(entities))]
