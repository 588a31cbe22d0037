"""An alert for a person at a terminal: an explanation in lines and tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stream.explanation.explanation import held_back

_BAR = 12  # Letters of the longest bar.
_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
_STYLES = {"BLOCK": "bold red", "CHALLENGE": "bold yellow", "REVIEW": "bold cyan"}


def as_text(told: dict[str, Any]) -> Group:
    """Lay an explanation out; texts of strangers are shown as letters, whatever is in them."""
    return Group(*_parts(told))


def printable(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _parts(told: dict[str, Any]) -> Iterator[RenderableType]:
    yield _head(told)
    yield _line(f"payment {told['transaction_id']} of {told['amount']} at {told['event_time']}")
    if told["degraded"] or told["timeliness"] != "ON_TIME":
        lacks = [
            *told["degraded"],
            *([told["timeliness"]] if told["timeliness"] != "ON_TIME" else []),
        ]
        yield _line(f"made with less than usual: {', '.join(lacks)}", "yellow")
    if told["grouped"]:
        yield _line(held_back(told["grouped"]), "yellow")
    yield _reasons(told)
    yield from map(_rule, told["rules"])
    change = told["counterfactual"]
    yield _line(change["text"] if change else "no single change of a reason is known to suffice")
    yield from _small(told)


def _head(told: dict[str, Any]) -> Text:
    head = Text(printable(told["decision"]), style=_STYLES.get(told["decision"], "bold"))
    if told["score"] is None:
        head.append(", no score", style="not bold default")
    else:
        score = f", score {told['score']:.4f} ({told['score_scaled']} of 999)"
        head.append(f"{score}, from {told['threshold']:.4g} on", style="not bold default")
    if told["selection_probability"] not in (None, 1.0):
        drawn = f", drawn with probability {told['selection_probability']:.3g}"
        head.append(drawn, style="not bold default")
    return head


def _reasons(told: dict[str, Any]) -> RenderableType:
    reasons = told["reasons"]
    if not reasons:
        return _line("no feature raised the score")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    most = max(each["contribution"] for each in reasons)
    for each in reasons:
        bar = "█" * max(1, round(_BAR * each["contribution"] / most)) if most > 0 else ""
        state = "" if each["state"] == "FRESH" else f" ({each['state'].lower()})"
        text = _line(each["text"] + state).append(f"\n{printable(each['feature'])}", style="dim")
        table.add_row(_line(each["code"]), Text(f"+{each['contribution']:.2f}"), Text(bar), text)
    others, base = told["other_contributions"], told["base"]
    if others is not None and base is not None:
        table.add_row("", f"{others:+.2f}", "", "all other features together")
        table.add_row("", f"{base:+.2f}", "", "what no feature explains")
    return table


def _rule(rule: dict[str, Any]) -> Text:
    looked = ", ".join(
        f"{each['name']} = {'?' if each['value'] is None else format(each['value'], '.6g')}"
        for each in rule["values"]
    )
    mode = "in shadow, " if rule["mode"] == "SHADOW" else ""
    said = f": {rule['text']}" if rule["text"] else ""
    code = f" {rule['reason_code']}" if rule["reason_code"] else ""
    return _line(f"rule {rule['id']} ({mode}{rule['action']}){code}{said}; {looked}")


def _small(told: dict[str, Any]) -> Iterator[Text]:
    states = told["value_states"]["not_fresh"]
    if states:
        named = ", ".join(f"{name} {state.lower()}" for name, state in states.items())
        yield _line(f"values not to be trusted whole: {named}", "dim")
    elif states is None and told["value_states"]["counts"]:
        counts = told["value_states"]["counts"].items()
        named = ", ".join(f"{count} {state.lower()}" for state, count in counts)
        yield _line(f"values not to be trusted whole: {named}, of features of another time", "dim")
    model, source = told["model"], told["source"]
    yield _line(
        f"model {model['name'] or 'unnamed'} {model['digest']} after {model['labels_learned']:,} "
        f"labels, known until {told['labels_known_until'] or 'an unknown time'}",
        "dim",
    )
    yield _line(
        f"policy {told['policy_version']}, features {told['feature_set'] or 'unknown'}, "
        f"reason codes {told['reason_codes_version'] or 'none'}",
        "dim",
    )
    place = f"{source['topic']}[{source['partition']}] at {source['offset']}"
    yield _line(f"alert {told['alert_id']}, from {place}", "dim")


def _line(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)
