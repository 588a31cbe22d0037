"""An experiment's results as a picture: means and intervals, a row for each configuration."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any

from stream.experiment.measures import MEASURES
from stream.plurals import several
from stream.svg import FAINT, INK, picture

# What is drawn, from left to right; the second where the stream is too short for the protocol.
PANELS = (
    ("protocol.ap", "protocol.cp100", "protocol.auc"),
    ("whole.ap", "whole.card_precision", "whole.auc"),
)
_NAMES, _PANEL, _GAP, _ROW, _TOP, _BOTTOM = 190, 200, 48, 28, 74, 40
_NAME_CHARACTERS = 26
_TICKS = 3
# Of each class: where all is light, where it is dark.
_STYLES = (
    [f".grid {{ stroke: {faint} }}" for faint in FAINT],
    [f".interval {{ stroke: {ink}; stroke-width: 2 }}" for ink in INK],
    [f".mean {{ fill: {ink} }}" for ink in INK],
)


def svg(found: dict[str, Any]) -> str:
    """Draw what `stream.experiment.results.document` returned."""
    configurations = found["configurations"]
    protocol = any(each["mean"][PANELS[0][0]] for each in configurations)
    measures = PANELS[0] if protocol else PANELS[1]
    height = _TOP + _ROW * len(configurations) + _BOTTOM
    width = _NAMES + len(measures) * (_PANEL + _GAP)
    days = found["warm_up_days"]
    over = (
        "the Handbook's protocol, mean of its test weeks"
        if protocol
        else f"all days but the first {days}"
    )
    n = len(found["seeds"])
    title = f"{several(len(configurations), 'configuration')} over {several(n, 'seed')}"
    parts = []
    for row, each in enumerate(configurations):
        y = _TOP + _ROW * row + _ROW // 2
        name = each["name"]
        if len(name) > _NAME_CHARACTERS:
            name = name[: _NAME_CHARACTERS - 1] + "…"
        parts.append(f'<text x="12" y="{y + 4}">{escape(name)}</text>')
    for column, measure in enumerate(measures):
        parts += _panel(found, measure, _NAMES + column * (_PANEL + _GAP))
    words = _in_words(found, measures, over)
    return picture(title, f"{over}; mean and 95 % interval", words, (width, height), _STYLES, parts)


def ticks(low: float, high: float, most: int = _TICKS) -> list[float]:
    """Return round numbers from low to high, evenly spaced, at least two and about `most`."""
    # Where all is one point there is still an axis.
    span = max(high - low, abs(high) * 1e-3, 1e-6)
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [k * step for k in range(first, max(last, first + 1) + 1)]


def _panel(found: dict[str, Any], measure: str, left: int) -> Iterator[str]:
    values = [each["mean"][measure] for each in found["configurations"]]
    words = MEASURES[measure].words.format(k=found["budget"])
    yield f'<text class="small" x="{left}" y="{_TOP - 10}">{escape(words)}</text>'
    known = [value for value in values if value]
    if not known:
        return
    at = ticks(min(map(_low, known)), max(map(_high, known)))
    digits = max(0, -math.floor(math.log10(at[1] - at[0]) + 1e-9)) + (
        0 if _whole_step(at[1] - at[0]) else 1
    )
    bottom = _TOP + _ROW * len(values)

    def x(value: float) -> str:
        return f"{left + (value - at[0]) / (at[-1] - at[0]) * _PANEL:.1f}"

    for tick in at:
        yield (
            f'<line class="grid" x1="{x(tick)}" x2="{x(tick)}" y1="{_TOP}" y2="{bottom}"/>'
            f'<text class="small" x="{x(tick)}" y="{bottom + 16}" text-anchor="middle">'
            f"{tick:.{digits}f}</text>"
        )
    for row, (each, value) in enumerate(zip(found["configurations"], values, strict=True)):
        if value is None:
            continue
        y = _TOP + _ROW * row + _ROW // 2
        yield f"<g><title>{escape(each['name'])}, {escape(words)}: {_said(value)}</title>"
        if value["half"] is not None:
            yield (
                f'<line class="interval" x1="{x(value["low"])}" x2="{x(value["high"])}" '
                f'y1="{y}" y2="{y}"/>'
            )
        yield f'<circle class="mean" cx="{x(value["mean"])}" cy="{y}" r="4"/></g>'


def _whole_step(step: float) -> bool:
    """Tell whether a step has one digit, so that a tick needs no more: not 0.25."""
    leading = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    return abs(leading - round(leading)) < 1e-6


def _in_words(found: dict[str, Any], measures: tuple[str, ...], over: str) -> str:
    lines = []
    for each in found["configurations"]:
        figures = (
            f"{MEASURES[name].words.format(k=found['budget'])} {_said(each['mean'][name])}"
            for name in measures
        )
        lines.append(f"{each['name']}: {', '.join(figures)}.")
    return f"By {over}. {' '.join(lines)}"


def _said(value: dict[str, Any] | None) -> str:
    if value is None:
        return "not known"
    if value["half"] is None:
        return f"{value['mean']:.4f}"
    return f"{value['mean']:.4f} ({value['low']:.4f} to {value['high']:.4f})"


def _low(value: dict[str, Any]) -> float:
    return float(value["mean"] if value["low"] is None else value["low"])


def _high(value: dict[str, Any]) -> float:
    return float(value["mean"] if value["high"] is None else value["high"])
