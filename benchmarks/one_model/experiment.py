"""Each stream every way: one partition, several that learn alone, several with one model.

``python -m benchmarks one-model --out FILE`` runs it; ``--results FILE --into DOCUMENT`` writes the
table.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.one_model import partitions
from benchmarks.one_model.partitions import BLOCK_ROWS, Way
from benchmarks.one_model.stream import write_stream
from benchmarks.report import now
from stream.experiment.statistics import interval

SEEDS, QUICK_SEEDS = 3, 1
PROCESSES = 2
MEASURES = ("auc", "ap", "cp100")
WAYS = (
    Way(1, "logistic"),
    *(Way(n, "logistic", every) for n in (4, 12) for every in ("1h", None)),
    Way(1, "forest"),
    *(Way(12, "forest", every) for every in ("6h", None)),
)


def measure(
    *, quick: bool, seed: int = 1, tell: Callable[[str], None] = print, ways: tuple[Way, ...] = WAYS
) -> dict[str, Any]:
    """Run every way over every stream, two at a time; return what JSON takes."""
    seeds = range(seed, seed + (QUICK_SEEDS if quick else SEEDS))
    facts, started = machine.facts(seed), time.perf_counter()
    context = multiprocessing.get_context("spawn")
    found: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(PROCESSES, mp_context=context) as pool,
    ):
        paths = {each: Path(folder) / f"{each}.parquet" for each in seeds}
        made = {
            each: pool.submit(write_stream, path, each, quick=quick) for each, path in paths.items()
        }
        rows = {each: made[each].result() for each in seeds}
        # The long ones first, so that the processes end together.
        order = sorted(ways, key=lambda way: (way.kind != "forest", -way.partitions))
        running = {
            pool.submit(partitions.measure, paths[each], way): each
            for way in order
            for each in seeds
        }
        for done in as_completed(running):
            found.append({"seed": running[done], **done.result()})
            tell(f"[{len(found)}/{len(running)}] {found[-1]['way']}, seed {found[-1]['seed']}")
    return {
        "one_model": rows_of(ways, found),
        "runs": sorted(found, key=lambda each: (each["way"], each["seed"])),
        "payments": rows,
        "block_rows": BLOCK_ROWS,
        "seconds": round(time.perf_counter() - started, 1),
        "machine": facts,
        "quick": quick,
        "taken_at": now(),
    }


def rows_of(ways: tuple[Way, ...], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the means of every way over its runs."""
    return [_row(way, ways, found) for way in ways]


def _row(way: Way, ways: tuple[Way, ...], found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the means of a way, and how far it is from one partition, seed by seed."""
    alone = next(each for each in ways if each.kind == way.kind and each.partitions == 1)
    own, other = ({run["seed"]: run for run in found if run["way"] == w.name} for w in (way, alone))
    row: dict[str, Any] = {"way": way.name, "kind": way.kind, "partitions": way.partitions}
    for measure_ in MEASURES:
        mean = interval([run[measure_] for run in own.values()])
        differences = [own[seed][measure_] - other[seed][measure_] for seed in own]
        apart = None if way is alone else interval(differences)
        row[measure_] = None if mean is None else mean.as_dict()
        row[f"{measure_}_apart"] = None if apart is None else apart.as_dict()
    unscored = [run["unscored"] for run in own.values()]
    return row | {"unscored": sum(unscored) / len(unscored)}
