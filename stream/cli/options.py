"""Options that several commands have, and what some of them may be."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Configuration file (TOML).", show_default=False)
]
ByOption = Annotated[
    str,
    typer.Option("--by", help="Who orders or says it, such as a login.", show_default=False),
]
NoteOption = Annotated[str, typer.Option(help="Why; it is kept.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON on stdout, for scripts.")]


def _finite(value: float | None) -> float | None:
    """Refuse nan and inf, which lie in every range."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


SecondsOption = Annotated[
    float | None,
    typer.Option(min=0.1, callback=_finite, help="Stop after this long; without it, on Ctrl-C."),
]
RateOption = Annotated[
    float, typer.Option(min=0.1, max=1e6, callback=_finite, help="Payments a second.")
]
SeedOption = Annotated[
    int, typer.Option(min=0, max=2**64 - 1, help="Seed of the simulated traffic.")
]

StatesOption = Annotated[
    bool, typer.Option("--states", help="With each value how far it can be trusted.")
]


class Preset(StrEnum):
    """What is simulated."""

    LIVE = "live"
    HANDBOOK = "handbook"


class Protocol(StrEnum):
    """How a replay is judged beside the measures that it always reports."""

    HANDBOOK = "handbook"


class Target(StrEnum):
    """Where simulated payments go."""

    KAFKA = "kafka"
