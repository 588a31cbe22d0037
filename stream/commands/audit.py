"""``fraudstream audit``: whether an alert comes out the same when it is replayed."""

from __future__ import annotations

from pathlib import Path

from schemas.errors import BrokerError, ConfigError, RecoveryError
from stream.app import codecs_of, connection_of, decoders_of, engine_of, publisher_of, registry_of
from stream.assembly import input_partitions
from stream.config import Config, load
from stream.console import FAILED, OK, emit_json, emit_report, say
from stream.kafka.reader import PlaceReader
from stream.kafka.source import headers_of
from stream.recovery.audit import Auditor
from stream.recovery.segments import Segments
from stream.recovery.setup import identity_of, partition_folder
from stream.recovery.tail import KafkaReader, Tail
from stream.recovery.tenure import newest_tenure
from stream.snapshots.folder import SnapshotFolder


def audit_alert(alert_id: str, path: Path | None, as_json: bool) -> int:
    """Replay up to an alert; return 0 if it is the same byte for byte, else 1."""
    config = load(path)
    if not config.recovery.folder:
        raise ConfigError("recovery.folder is not set: without a journal nothing can be replayed")
    hash_key = config.hash_key()
    connection = connection_of(config)
    registry = registry_of(config)
    decoders = decoders_of(config, registry, hash_key)
    codecs = codecs_of(config, registry)
    registry.close()
    places = PlaceReader(connection, config.kafka.group, say)
    reader = KafkaReader(places, Tail(config.topics.alerts, codecs.alert, say))
    try:
        value = _published(places, config.topics.alerts, alert_id)
        partition = codecs.alert.decode(value)["source_partition"]
        folder = _folder(config, partition)
        partitions = input_partitions(config, connection) if config.per_partition else 1
        found = Auditor(
            Segments(folder),
            SnapshotFolder(folder, config.snapshot_key()),
            identity_of(
                config, (decoders.transactions, decoders.labels), hash_key, decoders.control
            ),
            reader,
            lambda: engine_of(config, hash_key, partitions=partitions),
            decoders.transactions,
            decoders.labels,
            lambda engine: publisher_of(config, engine),
            codecs.alert,
            decoders.control,
        ).audit(value)
    finally:
        reader.close()
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
        emit_report(report, "audit")
    return FAILED if found.differs else OK


def _folder(config: Config, partition: int) -> Path:
    """Return where the state lies that decided a partition's payments."""
    root = Path(config.recovery.folder)
    if not config.per_partition:
        return root
    folder = newest_tenure(partition_folder(root, partition))
    if folder is None:
        raise RecoveryError(f"recovery.folder: nothing of partition {partition} is in {root}")
    return folder


def _published(places: PlaceReader, topic: str, alert_id: str) -> bytes:
    """Find an alert on its topic."""
    first, behind = places.since(topic, 0)
    for messages in places.read(first, behind):
        for message in messages:
            if ("ce_id", alert_id.encode()) in headers_of(message):
                return message.value() or b""
    raise BrokerError(f"no alert {alert_id!r} is on {topic}: see its retention")
