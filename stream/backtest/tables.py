"""A backtest's report as tables for a person."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from stream.cli.console import out, print_table
from stream.plurals import several

_EXAMPLES_MAX = 10


def show_backtest(report: dict[str, Any]) -> None:
    """Write a report on stdout."""
    live, candidate = report["live"], report["candidate"]
    out.print(headline(report), markup=False)
    table = _table("What", "as it was", "as it would be")
    for name, was, now in comparison(report):
        table.add_row(name, was, "" if candidate is None else now)
    print_table(table)
    sides = {"rules as they were": live} | ({} if candidate is None else {"the rules": candidate})
    for title, side in sides.items():
        if side["rules"]:
            print_table(_rules(side["rules"], title))
    if report["changes"]:
        table = _table("from", "to", "payments", "frauds", "genuine", "not judged")
        for each in report["changes"]:
            young = each["payments"] - each["judged"]
            numbers = (each["payments"], each["frauds"], each["genuine"], young)
            table.add_row(each["from"], each["to"], *(f"{number:,}" for number in numbers))
        table.title = "decided otherwise"
        print_table(table)
    if report["examples"]:
        table = _table("payment", "from", "to", "score", "rules", "fraud")
        for each in report["examples"][:_EXAMPLES_MAX]:
            table.add_row(
                each["transaction_id"],
                each["from"],
                each["to"],
                "" if each["score"] is None else f"{each['score']:.4f}",
                ", ".join(each["rules"]),
                fraud_text(each["fraud"]),
            )
        table.title = "some of them"
        print_table(table)
    if candidate is not None and not report["changes"]:
        out.print("nothing would have been decided otherwise")


def headline(report: dict[str, Any]) -> str:
    """Return what the report is of, in a sentence."""
    if not report["payments"]:
        return "no payment was decided in this time"
    return (
        f"{several(report['payments'], 'payment')} from {report['first']} to {report['last']}; "
        f"{report['judged']:,} of them can be judged by now, and {report['frauds']:,} are frauds"
    )


def comparison(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return name and two values of each measure; the last is empty without a candidate."""
    sides = report["live"], report["candidate"] or report["live"]
    rows = [
        (outcome, *(f"{side['outcomes'][outcome]:,}" for side in sides))
        for outcome in report["live"]["outcomes"]
    ]
    rows.append(("alerts that went out", *(f"{side['alerts']:,}" for side in sides)))
    planned = report["alerts_per_day_planned"]
    name = "alerts a day" + (f" ({planned:g} planned)" if planned else "")
    rows.append((name, *(_number(side["alerts_per_day"]["mean"]) for side in sides)))
    for what, title in (("found", "alerted"), ("blocked", "blocked")):
        found = [side[what] for side in sides]
        rows += [
            (f"{title}: frauds", *(f"{each['frauds']:,}" for each in found)),
            (f"{title}: genuine", *(f"{each['genuine']:,}" for each in found)),
            (f"{title}: precision", *(precision_text(each) for each in found)),
            (f"{title}: recall", *(percent(each["recall"]) for each in found)),
            (f"{title}: value recall", *(percent(each["value_recall"]) for each in found)),
        ]
    return rows


def precision_text(found: dict[str, Any]) -> str:
    """Return a precision with its interval."""
    if found["precision"] is None:
        return "-"
    low, high = found["precision_95"]
    return f"{percent(found['precision'])} ({100 * low:.1f} to {100 * high:.1f})"


def percent(share: float | None) -> str:
    """Return a share as people read it."""
    return "-" if share is None else f"{100 * share:.1f} %"


def fraud_text(fraud: bool | None) -> str:
    """Return what a payment was, as far as it is known."""
    return "not known yet" if fraud is None else "yes" if fraud else "no"


def rule_cells(rule: dict[str, Any]) -> list[str]:
    """Return the cells of a rule's row, in the order of `RULE_COLUMNS`."""
    overlaps = ", ".join(f"{each['id']} {percent(each['share'])}" for each in rule["overlaps"])
    tripped = f"; put in shadow {rule['put_in_shadow'][0]}" if rule["put_in_shadow"] else ""
    return [
        rule["id"],
        rule["action"] + tripped,
        f"{rule['payments']:,}",
        f"{rule['in_shadow']:,}",
        "-" if rule["new"] is None else f"{rule['new']:,} ({rule['new_frauds']:,})",
        f"{rule['frauds']:,}",
        precision_text(rule),
        percent(rule["recall"]),
        overlaps,
    ]


RULE_COLUMNS = (
    "rule",
    "action",
    "matches",
    "in shadow",
    "new (frauds)",
    "frauds",
    "precision",
    "recall",
    "matches too",
)
"""Of a table of rules; `new` is what the other side did not alert."""


def _rules(rules: list[dict[str, Any]], title: str) -> Table:
    table = _table(*RULE_COLUMNS)
    table.title = title
    for rule in rules:
        table.add_row(*rule_cells(rule))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title_justify="left")
    for at, name in enumerate(columns):
        table.add_column(name, justify="left" if at < 2 and name != "as it was" else "right")
    return table
