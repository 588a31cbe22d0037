"""``fraudstream topics create``: the topics that are missing."""

from __future__ import annotations

from pathlib import Path

from stream.app import connection_of
from stream.cli.console import OK, emit_json, out
from stream.config.configuration import load
from stream.kafka.topics import FOR_EVER, create, newest


def create_topics(path: Path | None, as_json: bool) -> int:
    """Create the configured topics that are missing; return the exit status."""
    config = load(path)
    topics = config.topics
    connection, names = connection_of(config), topics.names()
    others = topics.audit, topics.control, topics.models
    plain = [name for name in names if name not in others]
    created = create(connection, plain, topics.partitions, topics.replication)
    if topics.control:
        # Rules and lists are what they were ordered to be, whenever that was.
        many, replication = topics.partitions, topics.replication
        created += create(connection, [topics.control], many, replication, FOR_EVER)
    if topics.models:
        # Who begins anew wants the newest one, and who recovers those that it had.
        many, replication = topics.partitions, topics.replication
        settings = newest(config.recovery.history_days + 1)
        created += create(connection, [topics.models], many, replication, settings)
    if topics.audit:
        # One partition, for one order, and for ever: a chain has neither branches nor gaps.
        created += create(connection, [topics.audit], 1, topics.replication, FOR_EVER)
    if as_json:
        emit_json({"created": created, "present": [n for n in names if n not in created]})
        return OK
    for name in names:
        out.print(f"{'created' if name in created else 'present'} {name}", markup=False)
    return OK
