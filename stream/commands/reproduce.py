"""``fraudstream reproduce``: whether an alert comes out the same when it is replayed."""

from __future__ import annotations

from pathlib import Path

from schemas.errors import BrokerError
from stream.cli.console import FAILED, OK, emit_json, emit_report, row_progress, say
from stream.config.configuration import load
from stream.histories import Histories
from stream.kafka.alert_search import find_alerts
from stream.kafka.reader import PartitionReader
from stream.recovery.reproduction import Reproducer


def reproduce_alert(alert_id: str, path: Path | None, as_json: bool) -> int:
    """Replay up to an alert; return 0 if it is the same byte for byte, else 1."""
    config = load(path)
    with Histories(config, say) as histories:
        value = _published(histories.places, config.topics.alerts, alert_id)
        codec = histories.codecs.alert
        folder = histories.folder_of(codec.decode(value)["source_partition"])
        found = Reproducer(histories.history(folder), histories.publisher, codec).reproduce(value)
    report = {
        "alert_id": alert_id,
        "same": not found.differs,
        "snapshot": found.snapshot,
        "steps_replayed": found.steps,
        "records_replayed": found.records,
        "differs": {
            name: {"published": repr(was), "replayed": repr(now)}
            for name, (was, now) in found.differs.items()
        },
    }
    if as_json:
        emit_json(report)
    else:
        emit_report(report, "reproduce")
    return FAILED if found.differs else OK


def _published(places: PartitionReader, topic: str, alert_id: str) -> bytes:
    """Find an alert on its topic."""
    with row_progress(f"{topic} records looked at", None) as tell:
        found = find_alerts(places, topic, [alert_id], tell).found
    if alert_id not in found:
        raise BrokerError(f"no alert {alert_id!r} is on {topic}: see its retention")
    return found[alert_id].value() or b""
