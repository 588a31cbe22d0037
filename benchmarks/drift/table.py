"""The tables of the experiment, from its results file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.drift.experiment import CHANGES, DELTAS, OWN, RULES
from benchmarks.report import ReportError, markdown_table, number, summary, writer_of
from stream.simulate.drifts import DriftKind

BEGIN, END = "<!-- drift:begin -->", "<!-- drift:end -->"
_HEADINGS = (
    "Alarms a month",
    "Published",
    "Days in alarm",
    *(kind.capitalize() for kind in DriftKind),
)
SETTINGS = (
    *(f"{OWN}: windows, {name}" for name in RULES),
    *(f"{OWN}: ADWIN, adwin_delta = {delta:g}" for delta in DELTAS),
    *(f"{OWN}: ADWIN, adwin_change_min = {change:g}" for change in CHANGES),
)


def markdown(found: Mapping[str, Any]) -> str:
    """Return the table of methods, that of settings, and what was run.

    Raises
    ------
    ReportError
        These are no results of the experiment.
    """
    try:
        rows = {row["method"]: row for row in found["drift"]}
        methods = [_cells(row) for name, row in rows.items() if name not in SETTINGS]
        settings = [_cells(rows[name]) for name in SETTINGS if name in rows]
        return "\n\n".join(
            [
                markdown_table(("Method", *_HEADINGS), methods, text_columns=1),
                "What the engine says with other parameters:",
                markdown_table(("Setting", *_HEADINGS), settings, text_columns=1),
                _run(found),
            ]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"holds no drift experiment: {type(error).__name__} {error}") from error


write_into = writer_of(markdown, BEGIN, END)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    share = row["share_of_days"]
    return (
        row["method"],
        _rate(row["alarms_a_month"]),
        _rate(row["alarms_a_month_published"]),
        "-" if share is None else f"{share:.0%}",
        *(_found(row["drifts"][kind.value]) for kind in DriftKind),
    )


def _rate(value: float | None) -> str:
    return "0" if value == 0 else number(value)


def _found(cell: Mapping[str, Any]) -> str:
    median = cell["median_days"]
    when = "" if median is None else f", {number(median)} d"
    return f"{cell['found']}/{cell['runs']}{when} ({cell['without_drift']})"


def _run(found: Mapping[str, Any]) -> str:
    streams, plan = found["streams"], found["plan"]
    payments = sum(stream["rows"] for stream in streams)
    of = ", ".join(
        f"{name} {_shares(found, name)}"
        for name in ("undrifted", DriftKind.PRIOR.value, DriftKind.CONCEPT.value)
    )
    return (
        f"{len(streams)} streams with {payments:,} payments, seeds "
        f"{', '.join(map(str, plan['seeds']))}; shares of fraud after the drift: {of}. "
        f"{found['seconds']:,.0f} seconds. {summary(found)}"
    )


def _shares(found: Mapping[str, Any], name: str) -> str:
    shares = [it["frauds_after"] for it in found["streams"] if it["name"] == name]
    return f"{sum(shares) / len(shares):.2%}"
