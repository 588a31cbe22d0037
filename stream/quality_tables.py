"""How good a replay's decisions were, as tables for a person."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rich import box
from rich.table import Table

from stream.cli.console import out
from stream.evaluation.handbook import PUBLISHED_FOLDS, PUBLISHED_SINGLE
from stream.plurals import several

# By what they are about; {k} is the budget.
MEASURES = {
    "ranking": {"auc": "AUC ROC", "ap": "average precision"},
    "{k} cards a day": {
        "card_precision": "card precision@{k}",
        "card_recall": "recall",
        "card_value_recall": "value recall",
    },
    "{k} payments a day": {
        "budget_precision": "precision",
        "budget_recall": "recall",
        "budget_value_recall": "value recall",
    },
    "alerts raised": {
        "alert_precision": "precision",
        "alert_recall": "recall",
        "alert_value_recall": "value recall",
    },
    "probabilities": {
        "calibration_error": "calibration error",
        "calibration_rms_debiased": "RMS, debiased",
        "brier": "Brier score",
        "log_loss": "log loss",
    },
}
# Characters: a column of figures with its gap, and the least and most for a plot.
_FIGURE_WIDTH = 9
_PLOT_WIDTH_MIN, _PLOT_WIDTH_MAX = 8, 60
_BARS = "▁▂▃▄▅▆▇█"
# Where the terminal has no blocks.
_PLAIN_BARS = ".:-=+*#@"


def show_quality(quality: dict[str, Any]) -> None:
    """Write the measures of `stream.evaluation.report.quality_report` on stdout."""
    if not quality["judged"]:
        out.print("quality: nothing to judge; replay.label names the column that holds the truth")
        return
    days, fading, whole = quality["days"], quality["fading"], quality["whole"]
    out.print(
        f"quality by the scores at decision time: {several(quality['judged'], 'payment')}, "
        f"{several(whole['frauds'], 'fraud')}, {several(len(days), 'day')} from {days[0]['day']} "
        f"to {days[-1]['day']}; a card is a {quality['card']}",
        markup=False,
    )
    figures = ["whole\n", *(f"fading\n{name}" for name in fading), "lowest\nday", "highest\nday"]
    names = [f"  {words}" for part in MEASURES.values() for words in part.values()]
    named = max(len(words.format(k=quality["budget"])) for words in [*MEASURES, *names])
    width = out.width - named - 2 - _FIGURE_WIDTH * len(figures)
    width = max(_PLOT_WIDTH_MIN, min(_PLOT_WIDTH_MAX, width))
    table = _table(*figures)
    table.add_column("by day\n", no_wrap=True, overflow="crop")
    for about, measures in MEASURES.items():
        table.add_row(about.format(k=quality["budget"]), style="bold")
        for name, words in measures.items():
            series = [day[name] for day in days]
            known = [value for value in series if value is not None]
            values = [whole[name], *(each[name] for each in fading.values())]
            values += [min(known, default=None), max(known, default=None)]
            cells = ["  " + words.format(k=quality["budget"]), *map(_figure, values)]
            table.add_row(*cells, plot(series, _bars(), width))
    out.print(table)
    for count, words in (
        (whole["unscored"], "payments had no score: they rank last and raise no alert"),
        (whole["without_card"], "payments have no card: they are in no measure of cards"),
        (quality["truth_unknown"], "payments are not judged: their truth is not known"),
    ):
        if count:
            out.print(f"{count:,} {words}", markup=False)


def show_protocol(results: dict[str, Any]) -> None:
    """Write the measures of `stream.evaluation.report.protocol_report` beside the Handbook's."""
    columns = ("auc", "ap", "cp100")
    out.print(
        "by the protocol of the Fraud Detection Handbook, beside its own batch models as published"
    )
    table = _table("AUC ROC\n", "average\nprecision", "card\nprecision@100")
    single = results["single"]
    table.add_row("single split", *(_figure(single[name]) for name in columns))
    _add_published(table, "the Handbook, chapter 3", PUBLISHED_SINGLE)
    table.add_section()
    for fold in results["folds"]:
        words = f"test week of {fold['first_test_day']}"
        table.add_row(words, *(_figure(fold[name]) for name in columns))
    mean, std = results["folds_mean"], results["folds_std"]
    sign = "±" if _unicode() else "+-"
    spread = (f"{_figure(mean[name])} {sign} {_figure(std[name])}" for name in columns)
    table.add_row("mean of the weeks", *spread)
    _add_published(table, "the Handbook, chapter 5", PUBLISHED_FOLDS)
    out.print(table)
    unscored = sum(fold["unscored"] for fold in results["folds"])
    if unscored:
        payments = several(unscored, "payment")
        out.print(f"{payments} of the test weeks had no score, and rank last")


def _add_published(table: Table, title: str, models: dict[str, tuple[float, ...]]) -> None:
    table.add_row(title, style="dim")
    for model, figures in models.items():
        table.add_row(f"  {model}", *map(_figure, figures), style="dim")


def plot(values: Sequence[float | None], bars: str, width: int) -> str:
    """Draw values as bars, from the lowest to the highest; a space where there is none.

    Parameters
    ----------
    values : sequence of float or None
    bars : str
        Characters, from low to high.
    width : int
        Most characters; more values are brought together by their mean.
    """
    n = min(width, len(values))
    cuts = [at * len(values) // n for at in range(n + 1)] if n else []
    parts = [
        [value for value in values[start:stop] if value is not None]
        for start, stop in pairwise(cuts)
    ]
    means = [sum(part) / len(part) if part else None for part in parts]
    known = [mean for mean in means if mean is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    steps = (len(bars) - 1) / (high - low) if high > low else 0.0
    return "".join(" " if mean is None else bars[round((mean - low) * steps)] for mean in means)


def _table(*figures: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True, overflow="crop")
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True, overflow="crop")
    return table


def _unicode() -> bool:
    return out.encoding.startswith("utf")


def _bars() -> str:
    return _BARS if _unicode() else _PLAIN_BARS


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if 0 < value < 0.01 else f"{value:.3f}"
