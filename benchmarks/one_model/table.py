"""The table of the experiment, from its results file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report import ReportError, markdown_table, summary, writer_of

BEGIN, END = "<!-- one-model:begin -->", "<!-- one-model:end -->"
_HEADINGS = (
    "Learned by",
    "Average precision",
    "Beside one partition",
    "AUC",
    "Card precision at 100",
    "Without a score",
)


def markdown(found: Mapping[str, Any]) -> str:
    """Return the table, and what was run.

    Raises
    ------
    ReportError
        These are no results of the experiment.
    """
    try:
        rows = [_cells(row, found) for row in found["one_model"]]
        return f"{markdown_table(_HEADINGS, rows, text_columns=1)}\n\n{_run(found)}"
    except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ReportError(f"holds no such experiment: {type(error).__name__} {error}") from error


write_into = writer_of(markdown, BEGIN, END)


def _cells(row: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, ...]:
    payments = sum(found["payments"].values()) / len(found["payments"])
    return (
        row["way"],
        _figure(row["ap"], ""),
        _figure(row["ap_apart"], "+"),
        _figure(row["auc"], ""),
        _figure(row["cp100"], ""),
        f"{row['unscored'] / payments:.1%}",
    )


def _figure(interval: Mapping[str, Any] | None, sign: str) -> str:
    if interval is None:
        return "-"
    half = "" if interval["half"] is None else f" ± {interval['half']:.3f}"
    return f"{interval['mean']:{sign}.3f}{half}"


def _run(found: Mapping[str, Any]) -> str:
    streams = found["payments"]
    return (
        f"{len(streams)} streams of the Handbook's simulator, {sum(streams.values()):,} payments "
        "together, means of its four test weeks, 95 % intervals over the streams; differences are "
        f"taken stream by stream. {summary(found)}"
    )
