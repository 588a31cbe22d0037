"""``fraudstream rules matches``: what rules matched of late, in shadow too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from schemas.any_version import AnyVersion
from schemas.errors import ConfigError, SchemaError
from stream.app import connection_of, reader_of, registry_of
from stream.cases.earlier import LIMIT_S, LatestLabels, earlier_labels
from stream.cases.verdict import SOURCE
from stream.cli.console import OK, emit_json, out, print_table, row_progress, say
from stream.config.configuration import load
from stream.kafka.newest_first import newest_first
from stream.kafka.reader import PartitionReader
from stream.plurals import several

_HEADS = ("rule", "live", "shadow", "not alerted", "known fraud", "known genuine", "last payment")


@dataclass
class Matched:
    """What one rule matched.

    Attributes
    ----------
    live, shadow : int
        Payments for which it was live, and in shadow.
    allowed : int
        Of them those that were no alert: what a shadow rule would add.
    payments : list of str
        Their ids, the newest first.
    """

    live: int = 0
    shadow: int = 0
    allowed: int = 0
    payments: list[str] = field(default_factory=list)


def show_matches(path: Path | None, last: int, as_json: bool) -> int:
    """Count what rules matched among the newest decisions; return the exit status."""
    config = load(path)
    if not config.topics.decisions:
        raise ConfigError(
            "topics.decisions is not set, so nobody notes what rules match: set it, for example "
            "to 'fraud.decisions', run `fraudstream topics create`, and restart the workers"
        )
    with closing(registry_of(config)) as registry:
        decisions = reader_of(registry, "decision", config.topics.decisions)
        labels = reader_of(registry, "label", config.topics.labels)
    connection = connection_of(config)
    with closing(PartitionReader(connection, config.kafka.group, say)) as places:
        found: dict[str, Matched] = {}
        looked_at, oldest_us, newest_us = 0, 0, 0
        for decision in _newest(places, config.topics.decisions, decisions, last):
            looked_at += 1
            at = decision["event_time"]
            oldest_us, newest_us = min(oldest_us or at, at), max(newest_us, at)
            _take(found, decision)
        wanted = {name for each in found.values() for name in each.payments}
        with row_progress(f"{config.topics.labels} records looked at", None) as tell:
            known = (
                earlier_labels(
                    places, config.topics.labels, labels, wanted, oldest_us // 1000, SOURCE, tell
                )
                if wanted
                else LatestLabels({}, {}, True)
            )
    if not known.whole:
        say(f"note: {config.topics.labels} could not be read to its end in {LIMIT_S:.0f} s")
    rows = [_row(name, found[name], known) for name in sorted(found)]
    span = {"decisions": looked_at, "from": _time(oldest_us), "to": _time(newest_us)}
    if as_json:
        emit_json({**span, "rules": rows})
    else:
        _show(span, rows)
    return OK


def _newest(
    places: PartitionReader, topic: str, reader: AnyVersion, last: int
) -> Iterator[dict[str, Any]]:
    """Yield the last decisions, the newest first; repeats of stored ones are none."""
    given = 0
    with row_progress(f"{topic} records looked at", last) as tell:
        for messages in newest_first(places, topic):
            messages.sort(key=lambda each: int(each.timestamp()[1]))
            for message in reversed(messages):
                if given == last:
                    return
                try:
                    decision = reader.decode(message.value() or b"")
                except SchemaError:
                    continue
                if not decision["duplicate"]:
                    given += 1
                    yield decision
            tell(given)


def _take(found: dict[str, Matched], decision: dict[str, Any]) -> None:
    live = decision.get("rules", ())
    for name in (*live, *decision.get("shadow_rules", ())):
        rule = found.setdefault(name, Matched())
        rule.live += name in live
        rule.shadow += name not in live
        rule.allowed += decision["decision"] == "ALLOW"
        rule.payments.append(decision["transaction_id"])


def _row(name: str, rule: Matched, known: LatestLabels) -> dict[str, Any]:
    said = [known.of_all[each].is_fraud for each in rule.payments if each in known.of_all]
    return {
        "rule": name,
        "live": rule.live,
        "shadow": rule.shadow,
        "not_alerted": rule.allowed,
        "known_fraud": sum(said),
        "known_genuine": len(said) - sum(said),
        "last_payment": rule.payments[0],
    }


def _show(span: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    title = f"{several(span['decisions'], 'decision')} of {span['from']} to {span['to']}"
    if not rows:
        out.print(f"{title}: no rule matched", markup=False)
        return
    table = Table(title=title, title_justify="left")
    for number, head in enumerate(_HEADS):
        table.add_column(head, justify="right" if 0 < number < len(_HEADS) - 1 else "left")
    for row in rows:
        table.add_row(*(f"{x:,}" if isinstance(x, int) else x for x in row.values()))
    print_table(table)


def _time(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="seconds")
