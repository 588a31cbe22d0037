"""What ``fraudstream experiment --out FILE`` found, as tables in a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report import ReportError, markdown_table, writer_of
from stream.experiment.measures import MEASURES

BEGIN, END = "<!-- experiment:begin -->", "<!-- experiment:end -->"
# What two configurations of one budget are compared by: all of it would be a page a run.
SHOWN = (
    "whole.card_precision",
    "whole.budget_precision",
    "whole.alert_precision",
    "whole.ap",
    "protocol.ap",
)


def markdown(found: Mapping[str, Any]) -> str:
    """Return an experiment as a table: means, and differences to the first configuration.

    Raises
    ------
    ReportError
        These are no results of an experiment.
    """
    try:
        k, stream = found["budget"], found["stream"]
        what = stream.get("file") or f"the Handbook's stream of {stream['days']} days"
        headings = [
            "Configuration",
            *(_words(name).format(k=k) for name in SHOWN),
            "Better in card precision",
        ]
        rows = [_row(each, len(found["seeds"])) for each in found["configurations"]]
        first = found["configurations"][0]["file"]
        table = markdown_table(headings, rows, text_columns=1)
        return (
            f"{first}, {what}, {len(found['seeds'])} seeds; without its first "
            f"{found['warm_up_days']} days but in the Handbook's protocol:\n\n{table}"
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ReportError(f"holds no experiment: {type(error).__name__} {error}") from error


write_into = writer_of(markdown, BEGIN, END)


def _words(name: str) -> str:
    words = MEASURES[name].words
    return f"{words}, protocol" if name.startswith("protocol.") else words


def _row(each: Mapping[str, Any], seeds: int) -> tuple[str, ...]:
    difference = each["difference"]
    better = "-" if difference is None else f"{difference[SHOWN[0]]['better']} of {seeds}"
    return str(each["name"]), *(_cell(each, name) for name in SHOWN), better


def _cell(each: Mapping[str, Any], name: str) -> str:
    """Write a mean with its interval, or the paired difference to the first with its own."""
    if each["difference"] is None:
        return _figure(each["mean"][name], "")
    return _figure(each["difference"][name], "+")


def _figure(interval: Mapping[str, float] | None, sign: str) -> str:
    if interval is None:
        return "-"
    half = "" if interval["half"] is None else f" ± {interval['half']:.4f}"
    return f"{interval['mean']:{sign}.4f}{half}"
