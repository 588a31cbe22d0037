"""``fraudstream alerts``: the newest alerts, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from schemas.any_version import AnyVersion
from schemas.errors import SchemaError
from stream.app import connection_of, reader_of, registry_of
from stream.cli.console import OK, emit_json, out, print_table, say
from stream.config.configuration import Config, load
from stream.explanation.text import printable
from stream.kafka.newest_first import newest_first
from stream.kafka.reader import PartitionReader
from stream.plurals import several

_HEADS = ("alert", "made at", "decision", "score", "amount", "payment", "why")


def show_alerts(path: Path | None, last: int, rule: str, ids: bool, as_json: bool) -> int:
    """Show the newest alerts, the newest first; return the exit status.

    Parameters
    ----------
    path : Path or None
        Of the configuration.
    last : int
        How many.
    rule : str
        Only those that this live rule matched; empty: all.
    ids : bool
        Only their ids, one a line.
    as_json : bool
        All of every alert but bytes.
    """
    config = load(path)
    topic = config.topics.alerts
    with closing(registry_of(config)) as registry:
        reader = reader_of(registry, "alert", topic)
    with closing(PartitionReader(connection_of(config), config.kafka.group, say)) as places:
        found = list(_newest(places, topic, reader, last, rule))
    if as_json:
        emit_json({"topic": topic, "alerts": [_row(each, config) for each in found]})
    elif ids:
        for each in found:
            out.print(each["alert_id"], markup=False)
    elif not found:
        out.print(f"no alert is on {topic}" + (f" that {rule} matched" if rule else ""))
    else:
        _show([_row(each, config) for each in found])
    return OK


def _newest(
    places: PartitionReader, topic: str, reader: AnyVersion, last: int, rule: str
) -> Iterator[dict[str, Any]]:
    """Yield alerts, each once, the newest first."""
    seen: set[str] = set()
    for messages in newest_first(places, topic):
        messages.sort(key=lambda each: int(each.timestamp()[1]))
        for message in reversed(messages):
            if len(seen) == last:
                return
            try:
                alert = reader.decode(message.value() or b"")
            except SchemaError:
                continue  # Whoever may write to the topic may write anything.
            if alert["alert_id"] not in seen and (not rule or rule in _live(alert)):
                seen.add(alert["alert_id"])
                yield alert


def _live(alert: dict[str, Any]) -> list[str]:
    """Return the ids of the live rules that matched."""
    rules = alert.get("rules", ())
    return [each["id"] if isinstance(each, dict) else str(each) for each in rules if _is_live(each)]


def _is_live(rule: Any) -> bool:
    return not isinstance(rule, dict) or rule["mode"] == "LIVE"


def _row(alert: dict[str, Any], config: Config) -> dict[str, Any]:
    digits = config.fields.minor_digits
    return {
        "alert_id": alert["alert_id"],
        "event_time": _time(alert["event_time"]),
        "decision": alert["decision"],
        "score": alert["score"],
        "amount": f"{alert['amount_minor'] / 10**digits:.{digits}f}",
        "transaction_id": alert["transaction_id"],
        "rules": _live(alert),
        "reasons": [each["feature"] for each in alert["reasons"]],
    }


def _show(rows: list[dict[str, Any]]) -> None:
    table = Table(title=f"{several(len(rows), 'alert')}, the newest first", title_justify="left")
    for head in _HEADS:
        right = head in ("score", "amount")
        table.add_column(head, justify="right" if right else "left", no_wrap=head != "why")
    for row in rows:
        score = "-" if row["score"] is None else f"{row['score']:.3f}"
        why = [f"rule {name}" for name in row["rules"]] + row["reasons"][:1]
        values = (row["alert_id"], row["event_time"], row["decision"], score, row["amount"])
        cells = (*values, row["transaction_id"], ", ".join(why))
        table.add_row(*map(printable, cells))
    print_table(table)


def _time(time_us: int) -> str:
    try:
        return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{time_us} us"
