"""An experiment's results as tables for a person, of 80 columns."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from stream.cli.console import out
from stream.experiment.measures import PARTS, Measure
from stream.experiment.results import failures

# Characters: names and measures; mean, difference and wins.
_NAME_WIDTH = 30
_FIGURE_WIDTHS = {"mean over\nthe seeds": 16, "difference\nto the first": 17, "better in\nseeds": 9}


def show(found: dict[str, Any]) -> None:
    """Write what `stream.experiment.results.document` returned on stdout."""
    stream, seeds = found["stream"], len(found["seeds"])
    what = stream.get("file") or f"the Handbook's stream, {stream['days']} days"
    another = "" if "file" in stream or seeds == 1 else ", another one for each seed"
    out.print(f"{what}{another}", markup=False)
    out.print(
        f"{_many(len(found['configurations']), 'configuration')}, {_many(seeds, 'seed')}: means "
        f"with 95 % intervals; the first is {found['compared_with']}",
        markup=False,
    )
    for part, measures in PARTS.items():
        shown = {
            name: measure
            for name, measure in measures.items()
            if any(each["mean"][name] for each in found["configurations"])
        }
        if shown:
            title = part.format(days=_many(found["warm_up_days"], "day"))
            out.print(f"\n{title}", style="bold", markup=False)
            out.print(_table(found, shown))
    for note in found["notes"]:
        out.print(f"note: {note}", markup=False)
    for failure in failures(found):
        out.print(f"failed: {failure}", markup=False)


def _table(found: dict[str, Any], measures: dict[str, Measure]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True, overflow="crop", width=_NAME_WIDTH)
    for title, width in _FIGURE_WIDTHS.items():
        table.add_column(title, justify="right", no_wrap=True, min_width=width)
    sign = "±" if out.encoding.startswith("utf") else "+-"
    for name, measure in measures.items():
        low = ", low is good" if measure.lower_is_better else ""
        table.add_row(measure.words.format(k=found["budget"]) + low, style="bold")
        for each in found["configurations"]:
            differs = each["difference"] and each["difference"][name]
            table.add_row(
                # Not `escape`: the width is that of what is seen.
                f"  {each['name']}".replace("[", "\\["),
                _figure(each["mean"][name], sign, ""),
                _figure(differs, sign, "+") if each["difference"] else "",
                f"{differs['better']} of {differs['n']}" if differs else "",
            )
    return table


def _figure(value: dict[str, Any] | None, sign: str, plus: str) -> str:
    if value is None:
        return "-"
    large = abs(value["mean"]) >= 100
    form = ",.0f" if large else ".4f"
    half = "" if value["half"] is None else f" {sign} {value['half']:{form}}"
    return f"{value['mean']:{plus}{form}}{half}"


def _many(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
