"""The Handbook's stream: ours, River's own objects and batch models by one protocol.

``python -m benchmarks leaderboard --out FILE`` runs every row, one after the other so
that none slows another; ``--results FILE --into DOCUMENT`` writes the table. Nothing in
the table is typed: the Handbook's own figures are those of `stream.evaluation.handbook`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.leaderboard_batch import (
    BATCH_MODELS,
    decisions_of,
    handbook_features,
    weekly_scores,
)
from benchmarks.report import ReportError, bring_up_to_date, markdown_table, number, summary
from models.compiler import UncompiledWarning
from stream.config.configuration import Config, load
from stream.evaluation.handbook import LAST_DAY, PUBLISHED_FOLDS, PUBLISHED_SINGLE, judge
from stream.evaluation.report import protocol_report
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import PUBLISHED, HandbookStream, generate, write_parquet

BEGIN, END = "<!-- leaderboard:begin -->", "<!-- leaderboard:end -->"
FIGURES = ("auc", "ap", "cp100")
ONE_PASS, WEEKLY = "one pass", "weekly, on the week before the last"
# As long as the protocol needs it, of a tenth of the customers.
_QUICK = replace(PUBLISHED, customers=500, terminals=1_000, days=LAST_DAY + 1)
_EXAMPLES = Path(__file__).parent.parent / "examples"
_PLAIN, _BEST = _EXAMPLES / "handbook.toml", _EXAMPLES / "handbook_quality.toml"
_RIVERS = "benchmarks.river_objects"

# From the file, the stream and the Handbook's features to what `Replay` or `judge` says.
Run = Callable[[Path, HandbookStream, NDArray[np.float64] | None], dict[str, Any]]


@dataclass(frozen=True)
class Entry:
    """A row that is run.

    Attributes
    ----------
    name : str
    whose : str
        ours, River or batch.
    training : str
    run : Run
    """

    name: str
    whose: str
    training: str
    run: Run


def entries() -> list[Entry]:
    """Return every row that can be run here."""
    found = [
        Entry("logistic regression", "ours", ONE_PASS, _replayed(_PLAIN)),
        Entry("additive model", "ours", ONE_PASS, _replayed(_PLAIN, kind="additive")),
        Entry("forest of 10", "ours", ONE_PASS, _replayed(_PLAIN, kind="forest", trees=10)),
    ]
    if _BEST.is_file():
        found.append(Entry("examples/handbook_quality.toml", "ours", ONE_PASS, _replayed(_BEST)))
    river = {"kind": "river", "source": f"{_RIVERS}:logistic"}
    found.append(Entry("logistic regression", "River", ONE_PASS, _replayed(_PLAIN, **river)))
    found += [Entry(name, "batch", WEEKLY, _batch(make)) for name, make in BATCH_MODELS.items()]
    return found


def measure(*, quick: bool, only: str = "", tell: Callable[[str], None] = print) -> dict[str, Any]:
    """Run every row whose name has `only` in it; one that fails does not cost the others."""
    facts = machine.facts(0)
    chosen = [each for each in entries() if only in f"{each.whose}: {each.name}"]
    rows, failed = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "handbook.parquet"
        tell("making the stream")
        stream = generate(_QUICK if quick else PUBLISHED)
        write_parquet(stream, path)
        features = None
        for each in chosen:
            tell(f"{each.whose}: {each.name}")
            try:
                if each.whose == "batch" and features is None:
                    features = handbook_features(path, load(_PLAIN))
                found = each.run(path, stream, features)
            except Exception:  # An hour of measuring must not end with the first that fails.
                failed.append(f"{each.whose}: {each.name}")
                print(f"{failed[-1]} failed:\n{traceback.format_exc()}", file=sys.stderr, end="")
                continue
            rows.append(
                {"name": each.name, "whose": each.whose, "training": each.training, **found}
            )
    return {
        "leaderboard": rows,
        "failed": failed,
        "payments": len(stream),
        "machine": facts,
        "load_average_after": machine.load_average(),
        "quick": quick,
        "taken_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _replayed(path: Path, **model: Any) -> Run:
    def run(
        file: Path, stream: HandbookStream, features: NDArray[np.float64] | None
    ) -> dict[str, Any]:
        config: Config = load(path, **({"model": model} if model else {}))
        with warnings.catch_warnings():
            # That River's own objects run is what is asked for.
            warnings.simplefilter("ignore", UncompiledWarning)
            replay = Replay(file, config, ReplayOutputs(), protocol=True)
            report = replay.run()
        keys = ("single", "folds_mean", "folds_std", "folds", "seconds", "cpu_s")
        return {key: report[key] for key in keys} | {"events_per_s": report["events_per_s"]}

    return run


def _batch(make: Callable[[], Any]) -> Run:
    def run(
        file: Path, stream: HandbookStream, features: NDArray[np.float64] | None
    ) -> dict[str, Any]:
        if features is None:
            raise ValueError("a batch model needs the features")
        start = time.perf_counter()
        scores = weekly_scores(make, features, stream)
        seconds = time.perf_counter() - start
        report = protocol_report(judge(decisions_of(stream, scores), file.name))
        return report | {"seconds": round(seconds, 2), "cpu_s": None, "events_per_s": None}

    return run


def load_results(path: Path) -> dict[str, Any]:
    """Read a results file of `measure`.

    Raises
    ------
    ReportError
        It cannot be read, or does not hold a leaderboard.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: {error}") from error
    rows = found.get("leaderboard") if isinstance(found, dict) else None
    wanted = {"name", "whose", "training", "single", "folds_mean", "folds_std", "events_per_s"}
    if not isinstance(rows, list) or any(not wanted <= set(row) for row in rows):
        raise ReportError(f"{path}: holds no leaderboard: make one with --out")
    return dict(found)


def markdown(found: Mapping[str, Any]) -> str:
    """Return the leaderboard as a Markdown table, best average precision of the folds first."""
    rows = [(_precision(row["folds_mean"]["ap"]), _cells(row)) for row in found["leaderboard"]]
    if not found["quick"]:  # Of another stream the Handbook's figures say nothing.
        rows += _published()
    rows.sort(key=lambda row: row[0], reverse=True)
    single, folds = ("Single: AUC", "AP", "CP@100"), ("Four folds: AUC", "AP", "CP@100")
    headings = ("Model", "Whose", "Learns", *single, *folds, "Events/s")
    table = markdown_table(headings, [cells for _, cells in rows], text_columns=3)
    failed = [f"{name} failed and is not in it." for name in found["failed"]]
    return "\n\n".join([table, " ".join([summary(found), *failed])])


def write_into(results: Path, into: Path, *, check: bool = False) -> bool:
    """Write the table between its markers in a document; return whether it was there already.

    Raises
    ------
    ReportError
        One of the two cannot be used.
    """
    table = markdown(load_results(results))
    return bring_up_to_date(into, [table], BEGIN, END, check=check)


def _precision(value: float | None) -> float:
    return -1.0 if value is None else value


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    single = [_figure(row["single"][name]) for name in FIGURES]
    mean, std = row["folds_mean"], row["folds_std"]
    folds = [f"{_figure(mean[name])} ± {_figure(std[name])}" for name in FIGURES]
    speed = "-" if row["events_per_s"] is None else number(row["events_per_s"])
    return (row["name"], row["whose"], row["training"], *single, *folds, speed)


def _published() -> list[tuple[float, tuple[str, ...]]]:
    """Return the Handbook's own rows, quoted."""
    rows = []
    for name in dict.fromkeys([*PUBLISHED_FOLDS, *PUBLISHED_SINGLE]):
        single, folds = PUBLISHED_SINGLE.get(name), PUBLISHED_FOLDS.get(name)
        figures = [_figure(value) for part in (single, folds) for value in part or (None,) * 3]
        precision = folds[1] if folds else -1.0
        rows.append((precision, (name, "the Handbook, as published", WEEKLY, *figures, "-")))
    return rows


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
