"""How good a replay's decisions were, as tables for a person."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rich.table import Table

from stream.console import out
from stream.evaluation.handbook import PUBLISHED_FOLDS, PUBLISHED_SINGLE

_MEASURES = {
    "auc": "AUC ROC",
    "ap": "average precision",
    "card_precision": "card precision@{k}",
    "card_recall": "recall of {k} cards a day",
    "card_value_recall": "value recall of {k} cards a day",
    "budget_precision": "precision@{k} payments",
    "budget_recall": "recall of {k} payments a day",
    "budget_value_recall": "value recall of {k} payments a day",
    "alert_precision": "precision of the alerts",
    "alert_recall": "recall of the alerts",
    "alert_value_recall": "value recall of the alerts",
    "calibration_error": "calibration error",
    "calibration_error_debiased": "calibration error, debiased",
    "brier": "Brier score",
    "log_loss": "log loss",
}
_PLOT_WIDTH = 32
_BARS = "▁▂▃▄▅▆▇█"
# Where the terminal has no blocks.
_PLAIN_BARS = ".:-=+*#@"


def show_quality(quality: dict[str, Any]) -> None:
    """Write the measures of `stream.evaluation.report.quality_report` on stdout."""
    if not quality["judged"]:
        out.print("quality: nothing to judge; replay.label names the column that holds the truth")
        return
    days, fading, whole = quality["days"], quality["fading"], quality["whole"]
    title = (
        f"quality by the scores at decision time: {quality['judged']:,} payments, "
        f"{whole['frauds']:,} frauds, {len(days):,} days from {days[0]['day']} "
        f"to {days[-1]['day']}; a card is a {quality['card']}"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("measure")
    for name in ("whole", *(f"fading {name}" for name in fading), "lowest", "highest"):
        table.add_column(name, justify="right")
    table.add_column("by day")
    for name, words in _MEASURES.items():
        series = [day[name] for day in days]
        known = [value for value in series if value is not None]
        values = [whole[name], *(each[name] for each in fading.values())]
        values += [min(known, default=None), max(known, default=None)]
        cells = [words.format(k=quality["budget"]), *map(_figure, values)]
        table.add_row(*cells, plot(series, _bars()))
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
    table = Table(
        title="by the protocol of the Fraud Detection Handbook (its rows: batch models, published)",
        title_justify="left",
    )
    for name in ("", "AUC ROC", "average precision", "card precision@100"):
        table.add_column(name, justify="right" if name else "left")
    single = results["single"]
    table.add_row("single split", *(_figure(single[name]) for name in columns))
    for model, figures in PUBLISHED_SINGLE.items():
        table.add_row(f"  Handbook, {model}", *map(_figure, figures), style="dim")
    table.add_section()
    for fold in results["folds"]:
        words = f"test week from {fold['first_test_day']}"
        table.add_row(words, *(_figure(fold[name]) for name in columns))
    mean, std = results["folds_mean"], results["folds_std"]
    spread = (f"{_figure(mean[name])} ± {_figure(std[name])}" for name in columns)
    table.add_row("mean of the weeks ± std", *spread)
    for model, figures in PUBLISHED_FOLDS.items():
        table.add_row(f"  Handbook, {model}", *map(_figure, figures), style="dim")
    out.print(table)
    unscored = sum(fold["unscored"] for fold in results["folds"])
    if unscored:
        out.print(f"{unscored:,} payments of the test weeks had no score: they rank last")


def plot(values: Sequence[float | None], bars: str, width: int = _PLOT_WIDTH) -> str:
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


def _bars() -> str:
    return _BARS if out.encoding.startswith("utf") else _PLAIN_BARS


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"
