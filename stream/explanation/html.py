"""An alert as a fragment of HTML, to be put into a case or sent: it needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from stream.explanation.explanation import held_back
from stream.plurals import several

_STYLE = """\
.fs-alert{font:14px/1.5 system-ui,sans-serif;max-width:52rem}
.fs-alert table{border-collapse:collapse;width:100%}
.fs-alert td{padding:.15rem .75rem .15rem 0;vertical-align:top}
.fs-alert .n{text-align:right;font-variant-numeric:tabular-nums}
.fs-alert .bar{display:block;height:.8em;min-width:2px;background:#b3261e}
.fs-alert .faint{opacity:.7;font-size:12px}"""


def as_html(told: dict[str, Any]) -> str:
    """Return an explanation as an ``article``; texts of strangers stay texts."""
    score = "no score"
    if told["score"] is not None:
        score = (
            f"score {told['score']:.4f} ({told['score_scaled']} of 999), "
            f"from {told['threshold']:.4g} on"
        )
    change = told["counterfactual"]
    parts = [
        f"<style>{_STYLE}</style>",
        f"<h2>{_text(told['decision'])}: {_text(score)}</h2>",
        _paragraph(f"Payment {told['transaction_id']} of {told['amount']} at {told['event_time']}"),
        _paragraph(f"{held_back(told['grouped'])}.") if told["grouped"] else "",
        _reasons(told["reasons"])
        if told["reasons"]
        else _paragraph("No feature raised the score."),
        _rules(told["rules"]) if told["rules"] else "",
        _paragraph(f"It {change['text']}.") if change else "",
        _small(told),
    ]
    name = _text(told["alert_id"])
    body = "\n".join(part for part in parts if part)
    return f'<article class="fs-alert" data-alert="{name}">\n{body}\n</article>\n'


def _reasons(reasons: list[dict[str, Any]]) -> str:
    if not reasons:
        return _paragraph("No feature raised the score.")
    most = max(each["contribution"] for each in reasons)
    rows = []
    for each in reasons:
        width = 100 * each["contribution"] / most if most > 0 else 0
        rows.append(
            f'<tr title="{_text(each["feature"])}"><td>{_text(each["code"])}</td>'
            f'<td>{_text(each["text"])}</td><td class="n">+{each["contribution"]:.2f}</td>'
            f'<td style="width:8rem"><span class="bar" style="width:{width:.0f}%"></span></td></tr>'
        )
    return f"<table>{''.join(rows)}</table>"


def _rules(rules: list[dict[str, Any]]) -> str:
    items = []
    for rule in rules:
        shadow = " in shadow" if rule["mode"] == "SHADOW" else ""
        values = ", ".join(
            f"{each['name']} = {'?' if each['value'] is None else format(each['value'], '.6g')}"
            for each in rule["values"]
        )
        said = f"Rule {rule['id']} ({rule['action']}{shadow}) {rule['reason_code']} {rule['text']}"
        items.append(f"<li>{_text(said)}; {_text(values)}</li>")
    return f"<ul>{''.join(items)}</ul>"


def _small(told: dict[str, Any]) -> str:
    model, source = told["model"], told["source"]
    states = told["value_states"]["not_fresh"] or {}
    policy = f"policy {told['policy_version']}, features {told['feature_set']}"
    place = f"{source['topic']}[{source['partition']}] at {source['offset']}"
    labels = several(model["labels_learned"], "label")
    lines = [
        f"Model {model['name']} {model['digest']} after {labels}",
        f"labels known until {told['labels_known_until'] or 'an unknown time'}",
        f"{policy}, reason codes {told['reason_codes_version']}",
        *(f"{name}: {state.lower()}" for name, state in states.items()),
        *(f"made without: {lack}" for lack in told["degraded"]),
        f"alert {told['alert_id']} from {place}",
    ]
    return f'<p class="faint">{_joined(lines)}</p>'


def _paragraph(text: str) -> str:
    return f"<p>{_text(text)}</p>"


def _joined(lines: Iterable[str]) -> str:
    return "<br>".join(map(_text, lines))


def _text(value: object) -> str:
    return escape(str(value), quote=True)
