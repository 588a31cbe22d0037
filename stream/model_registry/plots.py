"""Pictures beside a card, from its manifest alone: each says in words all that it shows.

Scores of payments lie near 0, so axes of scores are logarithmic where their sizes matter, and
equal steps of log-odds where their bins do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from models.reliability import LOG_ODDS_MAX, WIDTH
from stream.plurals import several
from stream.svg import FAINT, INK, picture

CALIBRATION, RANKING, SCORES = "reliability.svg", "precision-recall.svg", "scores.svg"

_SIZE = (460, 430)
_LEFT, _TOP, _WIDTH, _HEIGHT = 62, 84, 370, 220
# How high the greatest count is below the diagram of calibration.
_COUNTS = 50
# Shares of all payments that are named where thresholds come to them.
_NAMED = (0.001, 0.01, 0.1)
_STYLES = [
    (f".even {{ stroke: {FAINT[0]} }}", f".even {{ stroke: {FAINT[1]} }}"),
    (f".mark {{ stroke: {INK[0]} }}", f".mark {{ stroke: {INK[1]} }}"),
    (".line { fill: none }", ".line { fill: none }"),
    (f".dot {{ fill: {INK[0]} }}", f".dot {{ fill: {INK[1]} }}"),
    (".grey { fill: #8c959f }", ".grey { fill: #6e7681 }"),
]

Place = Callable[[float, float], tuple[float, float]]


def plots_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the SVG of each picture, by the name of its file."""
    return {
        CALIBRATION: calibration_plot(manifest),
        RANKING: ranking_plot(manifest),
        SCORES: scores_plot(manifest),
    }


def calibration_plot(manifest: Mapping[str, Any]) -> str:
    """Return what was said beside what was true, and of how many payments."""
    rows = manifest["calibration"]
    least = min((row["said"] for row in rows if row["said"] > 0), default=0.1)
    decades = max(1, min(6, math.ceil(-math.log10(least))))
    base = _TOP + _HEIGHT + 30 + _COUNTS

    def along(value: float) -> float:
        """Return where a probability is on a logarithmic axis, 0 to 1."""
        return max(0.0, 1.0 + math.log10(value) / decades) if value > 0 else 0.0

    def place(said: float, was: float) -> tuple[float, float]:
        return _LEFT + _WIDTH * along(said), _TOP + _HEIGHT * (1 - along(was))

    ticks = [10.0**-each for each in range(decades + 1)]
    parts = [*_frame(place, ticks, ticks), _line([(ticks[-1], ticks[-1]), (1.0, 1.0)], place)]
    most = max((math.log10(1 + row["payments"]) for row in rows), default=1.0)
    for row in rows:
        tall = _COUNTS * math.log10(1 + row["payments"]) / most
        x, y = place(row["said"], row["was"])
        parts += [
            _interval(row["said"], row["interval"], place),
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>',
            _bar("grey", x - 3, base - tall, 6, tall),
        ]
    parts += [
        _text(8, _TOP - 16, "was"),
        _text(_LEFT, base + 16, "said; below, how many payments (logarithmic)"),
    ]
    words = "; ".join(
        f"said {row['said']:.2%}, was {row['was']:.2%} of {several(row['payments'], 'payment')}"
        for row in rows
    )
    note = "On the line what was said was true; 0 % stands at the edge. Intervals hold 95 %."
    return _picture(manifest, "calibration", note, words, parts)


def ranking_plot(manifest: Mapping[str, Any]) -> str:
    """Return precision beside recall, threshold by threshold, and how many alerts that takes."""
    rows = [row for row in manifest["thresholds"] if row["recall"] is not None]

    def place(recall: float, precision: float) -> tuple[float, float]:
        return _LEFT + _WIDTH * recall, _TOP + _HEIGHT * (1 - precision)

    ticks = (0.0, 0.25, 0.5, 0.75, 1.0)
    parts = _frame(place, ticks, ticks)
    if rows:
        # The lowest threshold alerts everything: its precision is the share of frauds.
        base = min(rows, key=lambda row: row["threshold"])["precision"]
        parts.append(_line([(0.0, base), (1.0, base)], place))
        curve = [(row["recall"], row["precision"]) for row in rows]
        parts.append(_line(curve, place, "line mark"))
        for row in rows:
            x, y = place(row["recall"], row["precision"])
            parts += [
                _interval(row["recall"], row["precision_interval"], place),
                f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>',
            ]
        for share, row in _named(rows):
            x, y = place(row["recall"], row["precision"])
            parts.append(_text(min(x + 6, _LEFT + _WIDTH - 90), y - 6, f"{share:g} % of payments"))
    parts += [
        _text(8, _TOP - 16, "precision"),
        _text(_LEFT, _TOP + _HEIGHT + 34, "recall; the flat line is the share of frauds"),
    ]
    words = "; ".join(
        f"from {row['threshold']:.2%}: {row['share']:.2%} of payments, "
        f"precision {row['precision']:.1%}, recall {row['recall']:.1%}"
        for row in rows
    )
    note = "A dot a threshold, and what alerts from there on would have been."
    return _picture(manifest, "precision and recall", note, words, parts, "No frauds yet.")


def scores_plot(manifest: Mapping[str, Any]) -> str:
    """Return how scores of frauds and of genuine payments are distributed, each to its own sum."""
    bins = _bins(manifest["thresholds"])
    genuine, frauds = (sum(each[at] for each in bins.values()) for at in (0, 1))
    first, last = (min(bins), max(bins)) if bins else (0, 0)
    wide = _WIDTH / (last - first + 1)
    shares = {at: (own[0] / max(genuine, 1), own[1] / max(frauds, 1)) for at, own in bins.items()}
    most = max((share for pair in shares.values() for share in pair), default=1.0)

    def place(along: float, share: float) -> tuple[float, float]:
        return _LEFT + wide * (along - first), _TOP + _HEIGHT * (1 - share / most)

    step = _step(most)
    parts = _frame(place, [], [step * n for n in range(int(most / step) + 1)])
    for at, pair in sorted(shares.items()):
        for half, (kind, share) in enumerate(zip(("grey", "dot"), pair, strict=True)):
            x, y = place(at + 0.08 + 0.42 * half, share)
            parts.append(_bar(kind, x, y, 0.42 * wide, _TOP + _HEIGHT - y))
    for at in sorted(bins)[:: max(1, -(-len(bins) // 6))]:
        parts.append(_text(place(at, 0.0)[0], _TOP + _HEIGHT + 15, f"{100 * _low(at):.2g} %"))
    parts += [
        _text(8, _TOP - 16, "share of all frauds (blue), of all genuine payments (grey)"),
        _text(_LEFT, _TOP + _HEIGHT + 34, "score at which a bin begins"),
    ]
    words = "; ".join(
        f"from {_low(at):.2%}: {own[0]:,} genuine, {several(own[1], 'fraud')}"
        for at, own in sorted(bins.items())
    )
    note = f"{several(frauds, 'fraud')} and {genuine:,} genuine."
    return _picture(manifest, "scores", note, words, parts)


def _bins(thresholds: Sequence[Mapping[str, Any]]) -> dict[int, tuple[int, int]]:
    """Return genuine payments and frauds of each bin that has any, by its place on the axis."""
    rows = sorted(thresholds, key=lambda row: float(row["threshold"]))
    none = {"payments": 0, "frauds": 0}
    found = {}
    for row, above in pairwise([*rows, none]):
        frauds = row["frauds"] - above["frauds"]
        found[_at(row["threshold"])] = (row["payments"] - above["payments"] - frauds, frauds)
    return found


def _at(threshold: float) -> int:
    """Return the place of the bin that begins at a score, as `models.reliability` cuts them."""
    if threshold <= 0.0:
        return round(-LOG_ODDS_MAX / WIDTH) - 1
    return round(math.log(threshold / (1.0 - threshold)) / WIDTH)


def _low(at: int) -> float:
    """Return the score at which a bin begins."""
    log_odds = at * WIDTH
    return 1.0 / (1.0 + math.exp(-log_odds)) if log_odds >= -LOG_ODDS_MAX else 0.0


def _step(most: float) -> float:
    """Return 1, 2 or 5 of some power of ten, of which five or fewer are so much."""
    power = 10.0 ** math.floor(math.log10(most))
    return next(power * n / 10 for n in (1, 2, 5, 10, 20) if power * n / 10 * 5 >= most)


def _named(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, Mapping[str, Any]]]:
    """Return the threshold nearest to each share that is named, in per cent, each once."""
    found: dict[int, tuple[float, Mapping[str, Any]]] = {}
    for share in _NAMED:
        at = min(range(len(rows)), key=lambda at: abs(math.log(rows[at]["share"] / share)))
        if 0.5 < rows[at]["share"] / share < 2.0:
            found[at] = (float(f"{100 * rows[at]['share']:.2g}"), rows[at])
    return list(found.values())


def _frame(place: Place, across: Sequence[float], up: Sequence[float]) -> list[str]:
    """Return ticks with their lines; `across` along the x axis, `up` along the other."""
    bottom, right = _TOP + _HEIGHT, _LEFT + _WIDTH
    parts = [f'<path class="even" d="M{_LEFT} {bottom}L{right} {bottom}"/>']
    for value in across:
        x, _ = place(value, value)
        parts.append(f'<path class="even" d="M{x:.1f} {_TOP}L{x:.1f} {bottom}"/>')
        parts.append(_text(x - 10, bottom + 15, f"{100 * value:.4g} %"))
    for value in up:
        _, y = place(value or 1e-12, value)
        parts.append(f'<path class="even" d="M{_LEFT} {y:.1f}L{right} {y:.1f}"/>')
        parts.append(_text(8, y + 4, f"{100 * value:.3g} %"))
    return parts


def _line(points: Sequence[tuple[float, float]], place: Place, kind: str = "even") -> str:
    steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*each) for each in points))
    return f'<path class="{kind}" d="M{steps}"/>'


def _interval(along: float, interval: Sequence[float], place: Place) -> str:
    return _line([(along, end) for end in interval], place, "mark")


def _bar(kind: str, x: float, y: float, width: float, height: float) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{kind}" {place}/>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text class="small" x="{x:.1f}" y="{y:.1f}">{text}</text>'


def _picture(
    manifest: Mapping[str, Any],
    of: str,
    note: str,
    words: str,
    parts: Sequence[str],
    nothing: str = "No scores yet.",
) -> str:
    title = f"{manifest['name']}, version {manifest['version']}: {of}"
    return picture(title, note if words else nothing, words or nothing, _SIZE, _STYLES, parts)
