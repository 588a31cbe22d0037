"""What the guard says of unchanged trees and of slowed stages, summed up, and as a table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import (
    ReportError,
    markdown_table,
    summary,
    writer_of,
)

BEGIN, END = "<!-- guard:begin -->", "<!-- guard:end -->"
HEADINGS = ("Stage", "Batch", "Unchanged", "Named", "Slowed", "Named", "Others named")


def read_log(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return what ``guard --out`` wrote.

    Raises
    ------
    ReportError
        A file cannot be read, or is none of the guard's.
    """
    files = []
    for path in paths:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReportError(f"{path}: {error}; run the guard with --out once more") from error
        if not isinstance(found, dict) or not {"machine", "slowed", "runs"} <= set(found):
            raise ReportError(f"{path}: was not written by guard --out")
        files.append(found)
        for fact in ("cpu", "commit"):
            here, first = found["machine"].get(fact), files[0]["machine"].get(fact)
            if here != first:
                raise ReportError(f"{path}: {fact} is {here}, and {first} in {paths[0]}")
    return files


def summed(files: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return, for each stage and size of batches, what the guard said, as JSON takes it.

    Runs in which another stage was slowed count for neither.

    Raises
    ------
    ReportError
        A run has no stages.
    """
    files = list(files)
    unchanged = [run for each in files if not each["slowed"] for run in each["runs"]]
    slowed = [(each["slowed"], run) for each in files if each["slowed"] for run in each["runs"]]
    runs = [*unchanged, *(run for _, run in slowed)]
    try:
        keys = dict.fromkeys((row["stage"], row["size"]) for run in runs for row in run["stages"])
    except (KeyError, TypeError) as error:
        raise ReportError(f"a run has no stages: {error}") from error
    return {
        "machine": files[0]["machine"] if files else {},
        "taken_at": min((each.get("taken_at", "") for each in files), default=""),
        "unchanged_runs": len(unchanged),
        "unchanged_runs_that_failed": sum(bool(run["slower"]) for run in unchanged),
        "stages": [
            {
                "stage": stage,
                "size": size,
                "unchanged": _said(stage, size, unchanged),
                "slowed": _said(stage, size, [run for which, run in slowed if which == [stage]]),
            }
            for stage, size in keys
        ],
    }


def failed(found: Mapping[str, Any]) -> bool:
    """Tell whether an unchanged tree was named slower, or a slowed stage was not."""
    return found["unchanged_runs_that_failed"] > 0 or any(
        each["slowed"]["named"] < each["slowed"]["runs"] for each in found["stages"]
    )


def markdown(found: Mapping[str, Any]) -> str:
    """Return the table, and a line about where and how often it was run.

    Raises
    ------
    ReportError
        This is nothing that was summed up.
    """
    try:
        rows = [_row(each) for each in found["stages"]]
        told = (
            f"{found['unchanged_runs_that_failed']} of {found['unchanged_runs']} runs on an "
            "unchanged tree failed. Ratios are medians of a run: the lowest and the highest run."
        )
        return f"{markdown_table(HEADINGS, rows, text_columns=1)}\n\n{told} {summary(found)}"
    except (KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"holds no runs of the guard: {type(error).__name__} {error}") from error


write_into = writer_of(markdown, BEGIN, END)


def _said(stage: str, size: int, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what was said of one stage, and how often stages of another name were named."""
    rows = [
        row
        for run in runs
        for row in run["stages"]
        if row["stage"] == stage and row["size"] == size
    ]
    ratios = [row["ratio"]["median"] for row in rows]
    return {
        "runs": len(rows),
        "named": sum(row["slower"] for row in rows),
        "others_named": sum(
            row["slower"] for run in runs for row in run["stages"] if row["stage"] != stage
        ),
        "ratio": statistics.median(ratios) if ratios else None,
        "ratio_low": min(ratios, default=None),
        "ratio_high": max(ratios, default=None),
    }


def _row(each: Mapping[str, Any]) -> tuple[str, ...]:
    unchanged, slowed = each["unchanged"], each["slowed"]
    return (
        each["stage"],
        str(each["size"]),
        _spread(unchanged),
        f"{unchanged['named']} of {unchanged['runs']}",
        _spread(slowed),
        f"{slowed['named']} of {slowed['runs']}",
        str(slowed["others_named"]),
    )


def _spread(said: Mapping[str, Any]) -> str:
    if said["ratio"] is None:
        return "-"
    if said["runs"] == 1:
        return f"{said['ratio']:.2f}x"
    return f"{said['ratio_low']:.2f}x to {said['ratio_high']:.2f}x"
