"""A backtest's report as a page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from stream.backtest.tables import (
    RULE_COLUMNS,
    comparison,
    fraud_text,
    headline,
    rule_cells,
)
from stream.plurals import several

_STYLE = """\
:root{color-scheme:light dark;--line:#d8dee4;--was:#8c959f;--now:#0550ae;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--line:#343b44;--was:#9aa4af;--now:#79b8ff;--bad:#ff8a80}}
body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:64rem;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;min-width:30rem}
th,td{padding:.25rem .9rem .25rem 0;text-align:left;border-bottom:1px solid var(--line);
vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto}
.was{fill:var(--was)}.now{fill:var(--now)}.plan{stroke:var(--bad);stroke-dasharray:5 4}
svg text{font:11px system-ui,sans-serif;fill:currentColor}
.faint{opacity:.75;font-size:13px}
@media print{body{max-width:none}}"""

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 760, 190, 46, 24


def page_of(report: dict[str, Any], title: str) -> str:
    """Return a whole page of HTML; texts of strangers stay texts.

    Parameters
    ----------
    report : dict
        `stream.backtest.report.report_of`.
    title : str
    """
    candidate = report["candidate"]
    parts = [
        f"<h1>{_text(title)}</h1>",
        f"<p>{_text(headline(report))}.</p>",
        _changed(report),
        _same(report.get("recorded")),
        _section("What would be other", _comparison(report)),
        _section("Alerts that went out, by day", _days(report)),
    ]
    if report["changes"]:
        parts.append(_section("Payments decided otherwise", _changes(report["changes"])))
    for name, side in (("Rules as they were", report["live"]), ("The rules tried", candidate)):
        if side is not None and side["rules"]:
            rows = map(rule_cells, side["rules"])
            parts.append(_section(name, _table(RULE_COLUMNS, rows, numbers=range(2, 8))))
    if report["examples"]:
        parts.append(_section("Some of the payments", _examples(report["examples"])))
    parts.append(f'<p class="faint">{_text(_HOW)}</p>')
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


_HOW = (
    "Both sides were decided by the engine itself, on the same inputs in the same order, with the "
    "lists, labels and models of the time. Judged is a payment that is old enough for a fraud to "
    "have been found, or whose truth the file has; intervals hold 95 % (Wilson). New is a match "
    "that the other side did not alert. Labels are those that came: nobody was asked about a "
    "payment that only the tried rules alert."
)


def _changed(report: dict[str, Any]) -> str:
    change = report["change"]
    said = [f"{name} {value}" for name, value in change.items() if value]
    if not said:
        return "<p>Nothing was changed.</p>"
    return f"<p>Tried: {_text(', '.join(said))}.</p>"


def _same(recorded: dict[str, Any] | None) -> str:
    if recorded is None:
        return ""
    said = [
        f"{each['same']:,} of {each['replayed']:,} {topic} came out as they were published"
        for topic, each in recorded.items()
        if each is not None
    ]
    return f"<p>Taken once more as it was: {_text('; '.join(said))}.</p>"


def _comparison(report: dict[str, Any]) -> str:
    rows = comparison(report)
    if report["candidate"] is None:
        return _table(("", "as it was"), ([name, was] for name, was, _ in rows), numbers=[1])
    return _table(("", "as it was", "as it would be"), map(list, rows), numbers=[1, 2])


def _changes(changes: list[dict[str, Any]]) -> str:
    names = ("from", "to", "payments", "judged", "frauds", "genuine")
    rows = (
        [f"{each[name]:,}" if isinstance(each[name], int) else each[name] for name in names]
        for each in changes
    )
    return _table(names, rows, numbers=range(2, 6))


def _examples(examples: list[dict[str, Any]]) -> str:
    rows = (
        [
            each["transaction_id"],
            each["event_time"],
            each["from"],
            each["to"],
            "" if each["score"] is None else f"{each['score']:.4f}",
            ", ".join(each["rules"]),
            fraud_text(each["fraud"]),
        ]
        for each in examples
    )
    names = ("payment", "time", "from", "to", "score", "rules", "fraud")
    return _table(names, rows, numbers=[4])


def _days(report: dict[str, Any]) -> str:
    """Return bars of both sides by day, and the plan as a line."""
    sides = [("was", report["live"]), ("now", report["candidate"])]
    shown = [(kind, side["days"]) for kind, side in sides if side is not None]
    days = report["live"]["days"]
    if not days:
        return ""
    planned = report["alerts_per_day_planned"] or 0
    most = max([planned, 1, *(each["alerts"] for _, row in shown for each in row)])
    step = (_WIDTH - _LEFT) / len(days)
    bar = max(step * 0.8 / len(shown), 0.5)

    def height(value: float) -> float:
        return value / most * (_HEIGHT - _BOTTOM - 12)

    parts = [f'<text x="0" y="16">{most:,.0f}</text>']
    for at, (kind, row) in enumerate(shown):
        for place, day in enumerate(row):
            tall, x = height(day["alerts"]), _LEFT + place * step + at * bar
            y = _HEIGHT - _BOTTOM - tall
            payments = several(day["payments"], "payment")
            said = f"{day['day']}: {several(day['alerts'], 'alert')} of {payments}"
            parts.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{bar:.1f}" '
                f'height="{tall:.1f}"><title>{_text(said)}</title></rect>'
            )
    if planned:
        y = _HEIGHT - _BOTTOM - height(planned)
        parts.append(f'<line class="plan" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
    ends = (days[0]["day"], _LEFT, "start"), (days[-1]["day"], _WIDTH, "end")
    for name, x, anchor in ends[: len(days)]:
        parts.append(f'<text x="{x}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{_text(name)}</text>')
    legend = ["grey: as it was"] + ["blue: as it would be"] * (len(shown) > 1)
    words = "; ".join(legend + ["the broken line: what is planned"] * bool(planned)).capitalize()
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_text(words)}">'
        f'{"".join(parts)}</svg><p class="faint">{_text(words)}</p>'
    )


def _section(title: str, body: str) -> str:
    return f"<h2>{_text(title)}</h2>\n{body}" if body else ""


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()
) -> str:
    right = set(numbers)

    def cells(tag: str, texts: Sequence[str]) -> str:
        marks = (' class="n"' if at in right else "" for at in range(len(texts)))
        each = zip(texts, marks, strict=True)
        return "".join(f"<{tag}{mark}>{_text(text)}</{tag}>" for text, mark in each)

    body = "".join(f"<tr>{cells('td', list(row))}</tr>" for row in rows)
    head = f"<tr>{cells('th', columns)}</tr>"
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _text(text: str) -> str:
    return escape(text)
