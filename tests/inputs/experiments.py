"""Small experiments: a world of few customers, configurations for it, outcomes made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stream.config.configuration import load
from stream.experiment.measures import MEASURES
from stream.experiment.plan import Configuration, Plan
from stream.simulate.handbook import HandbookParameters

EXAMPLE = Path(__file__).parents[2] / "examples" / "handbook.toml"
SMALL = HandbookParameters(
    customers=120,
    terminals=60,
    days=30,
    radius=15.0,
    max_daily_rate=1.5,
    terminals_per_day=1,
    terminal_days=3,
    customers_per_day=1,
)
QUICK = {"frauds_min": 3, "genuine_min": 50}


def config_in(folder: Path, name: str, **model: object) -> Path:
    """Write the example for a small world, with keys of its model."""
    keys = "".join(f"model.{key} = {value!r}\n" for key, value in (QUICK | model).items())
    path = folder / f"{name}.toml"
    path.write_text(keys + EXAMPLE.read_text())
    return path


def plan_by_hand(names: Sequence[str], seeds: int, **changes: Any) -> Plan:
    config = load(EXAMPLE)
    plan: dict[str, Any] = {
        "configurations": tuple(
            Configuration(name, Path(f"{name}.toml"), config) for name in names
        ),
        "seeds": tuple(range(seeds)),
        "file": None,
        "world": SMALL,
        "warm_up_days": 10,
        "notes": (),
    }
    return Plan(**(plan | changes))


def outcome(**measures: float | None) -> dict[str, Any]:
    """Return what a run of these measures finds; a double underscore is a dot."""
    values: dict[str, float | None] = dict.fromkeys(MEASURES, 0.5)
    values |= {name.replace("__", "."): value for name, value in measures.items()}
    assert set(values) == set(MEASURES)
    return {"measures": values, "protocol_missing": None, "notes": []}
