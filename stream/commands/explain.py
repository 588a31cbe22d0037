"""``fraudstream explain``: an alert, told to a person."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.errors import BrokerError
from stream.app import connection_of, reader_of, registry_of
from stream.cli.console import OK, emit_json, out, row_progress, say
from stream.config.configuration import Config, load
from stream.explanation.explanation import explanation
from stream.kafka.alert_search import Search, find_alerts
from stream.kafka.reader import PartitionReader
from stream.plurals import several, were


def explain_alert(alert_id: str, path: Path | None, html: Path | None, as_json: bool) -> int:
    """Find an alert on its topic and show it; return the exit status."""
    config = load(path)
    told = told_of(find(config, alert_id), config)
    if html is not None:
        from stream.explanation.html import as_html

        html.write_text(as_html(told), encoding="utf-8")
        say(f"wrote {html}")
    if as_json:
        emit_json(told)
    elif html is None:
        from stream.explanation.text import as_text

        out.print(as_text(told))
    return OK


def find(config: Config, alert_id: str) -> dict[str, Any]:
    """Return an alert's record; BrokerError if it is not on its topic."""
    topic = config.topics.alerts
    with closing(registry_of(config)) as registry:
        reader = reader_of(registry, "alert", topic)
    with (
        closing(PartitionReader(connection_of(config), config.kafka.group, say)) as places,
        row_progress(f"{topic} records looked at", None) as tell,
    ):
        search = find_alerts(places, topic, [alert_id], tell)
    if alert_id not in search.found:
        raise BrokerError(not_found(alert_id, topic, config.kafka.bootstrap, search))
    return reader.decode(search.found[alert_id].value() or b"")


def told_of(alert: dict[str, Any], config: Config) -> dict[str, Any]:
    """Return what an alert says, in the words of today's configuration."""
    from stream.features.feature_set import FeatureSet
    from stream.records.wording import wording_of

    features = FeatureSet(config.declared(), config.roles().layout, config.inputs())
    digest = wording_of(config.reason_table(), features).feature_set
    return explanation(alert, config.inputs(), features.names, digest)


def not_found(alert_id: str, topic: str, bootstrap: str, search: Search) -> str:
    """Say where an alert was looked for."""
    oldest = ""
    if search.since_ms is not None:
        since = datetime.fromtimestamp(search.since_ms / 1000, UTC).isoformat(timespec="seconds")
        oldest = f", the oldest of {since}"
    looked_at = f"{several(search.looked_at, 'record')} {were(search.looked_at)} looked at"
    return (
        f"no alert {alert_id!r} is on {topic} at {bootstrap}: {looked_at}, all that it "
        f"holds{oldest}. See the id, topics.alerts, kafka.bootstrap and the topic's retention"
    )
