"""``fraudstream experiment``: configurations beside each other, over several seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.errors import ConfigError
from stream.cli.console import FAILED, OK, emit_json, err
from stream.experiment.plan import plan_of
from stream.experiment.plot import svg
from stream.experiment.processes import cores
from stream.experiment.results import document, failures
from stream.experiment.runs import carry_out
from stream.experiment.table import show
from stream.experiment.variants import variant_of
from stream.simulate.handbook import PUBLISHED


@dataclass(frozen=True)
class Asked:
    """The options; see `stream.cli.main.experiment`."""

    file: Path | None
    configs: tuple[Path, ...]
    variants: tuple[str, ...]
    seeds: int
    days: int | None
    warm_up: int
    jobs: int | None
    out: Path | None
    plot: Path | None


def run_experiment(asked: Asked, as_json: bool) -> int:
    """Run an experiment and report; the exit status is 1 if one of its runs failed."""
    _check_outputs(asked)
    world = PUBLISHED if asked.days is None else replace(PUBLISHED, days=asked.days)
    variants = [variant_of(text) for text in asked.variants]
    plan = plan_of(asked.configs, asked.seeds, asked.file, world, asked.warm_up, variants)
    total = sum(len(plan.seeds_of(each)) for each in plan.configurations)
    with _progress(total) as on_progress:
        outcomes = carry_out(plan, asked.jobs or cores(), on_progress)
    found = document(plan, outcomes)
    if asked.out is not None:
        asked.out.write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", "utf-8")
    if asked.plot is not None:
        asked.plot.write_text(svg(found), "utf-8")
    if as_json:
        emit_json(found)
    else:
        show(found)
    return FAILED if failures(found) else OK


def _check_outputs(asked: Asked) -> None:
    """Refuse what cannot be written before anything is run, and what would overwrite an input."""
    if asked.plot is not None and asked.plot.suffix.lower() != ".svg":
        raise ConfigError(f"--plot: the picture is an SVG: name a file .svg, not {asked.plot.name}")
    inputs = [*asked.configs, *([asked.file] if asked.file else [])]
    taken = {path.resolve(): path for path in inputs}
    for option, path in (("--out", asked.out), ("--plot", asked.plot)):
        if path is None:
            continue
        if path.resolve() in taken:
            raise ConfigError(f"{option}: {path} is needed for something else: name another file")
        taken[path.resolve()] = path
        if not path.parent.is_dir():
            raise ConfigError(f"{option}: there is no folder {path.parent}")
        try:
            path.open("ab").close()
        except OSError as error:
            raise ConfigError(f"{option}: {path} cannot be written: {error.strerror}") from error


@contextmanager
def _progress(total: int) -> Iterator[Callable[[float, int], None]]:
    """Show how much is done, on a terminal only; the function yielded is told it."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), Remaining())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(f"0 of {total} runs", total=1.0)
        yield lambda part, ended: progress.update(
            task, completed=part, description=f"{ended} of {total} runs"
        )
