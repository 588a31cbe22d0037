"""One task in a process of its own: make a stream, or replay one with one configuration.

``python -m stream.experiment.task '{"do": ...}'`` writes a JSON value a line on stdout:
``{"done": 0.25}`` now and then, and at the end ``{"found": ...}`` or ``{"error": ...}``.
Nothing but JSON passes between the processes, so no object of ours is ever pickled.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from schemas.errors import FraudError
from stream.config.configuration import Config, load
from stream.experiment.variants import Changes
from stream.simulate.handbook import HandbookParameters, generate, write_parquet

OK, FAILED = 0, 1
# What writing the file takes of making a stream.
_WRITING_SHARE = 0.05

Tell = Callable[[float], None]


def generate_task(world: HandbookParameters, path: Path) -> dict[str, Any]:
    """Return the task of making a stream."""
    parameters = asdict(world) | {"start": world.start.isoformat()}
    return {"do": "generate", "parameters": parameters, "path": str(path)}


def replay_task(
    stream: Path, config: Path, changes: Changes, seed: int, warm_up_days: int
) -> dict[str, Any]:
    """Return the task of replaying a stream; its measures are found."""
    return {
        "do": "replay",
        "stream": str(stream),
        "config": str(config),
        "changes": changes,
        "seed": seed,
        "warm_up_days": warm_up_days,
    }


def seeded(config: Config, seed: int) -> Config:
    """Return the configuration with every model's seed that much greater; 0 changes nothing."""
    model = config.model
    challengers = {
        name: each.model_copy(update={"seed": each.seed + seed})
        for name, each in model.challengers.items()
    }
    update = {"seed": model.seed + seed, "challengers": challengers}
    return config.model_copy(update={"model": model.model_copy(update=update)})


def uses_seed(config: Config) -> bool:
    """Tell whether another seed would give other scores."""
    return "forest" in config.model.kinds()


def _generate(task: dict[str, Any], tell: Tell) -> dict[str, Any]:
    parameters = dict(task["parameters"])
    parameters["start"] = dt.date.fromisoformat(parameters["start"])
    world = HandbookParameters(**parameters)
    stream = generate(world, lambda part: tell(part * (1 - _WRITING_SHARE)))
    write_parquet(stream, Path(task["path"]))
    return {"rows": len(stream), "frauds": int(stream.is_fraud.sum())}


def _replay(task: dict[str, Any], tell: Tell) -> dict[str, Any]:
    # Here, not above: numba and River take seconds, and making a stream needs neither.
    from stream.experiment.measures import measured
    from stream.replay import Replay, ReplayOutputs

    config = seeded(load(Path(task["config"]), **task["changes"]), task["seed"])
    replay = Replay(Path(task["stream"]), config, ReplayOutputs())
    rows = replay.input.rows
    report = replay.run((lambda done: tell(done / rows)) if rows else None)
    return measured(replay, report, task["warm_up_days"])


_DO = {"generate": _generate, "replay": _replay}


def main(arguments: Sequence[str]) -> int:
    """Do the task that the only argument describes; return the exit status."""

    def write(value: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()

    notes: list[str] = []

    def note(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in notes:
            notes.append(str(message))

    warnings.showwarning = note
    task = json.loads(arguments[0])
    try:
        found = _DO[task["do"]](task, lambda part: write({"done": part}))
    except FraudError as error:
        write({"error": str(error)})
        return FAILED
    except BrokenPipeError:  # Whoever asked is gone.
        return FAILED
    except Exception as error:
        traceback.print_exc()
        write({"error": f"{type(error).__name__}: {error}"})
        return FAILED
    write({"found": found | {"notes": notes}})
    return OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
