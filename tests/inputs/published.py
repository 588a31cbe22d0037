"""Our own contracts as they are written now, under the ids that the registry gives them."""

from __future__ import annotations

from functools import cache

from schemas.records import RecordCodec, builtin
from schemas.registry import value_subject
from stream.kafka.registry import open_registry

TOPICS = {"alert": "fraud.alerts", "decision": "fraud.decisions", "control": "fraud.control"}


@cache
def published(name: str) -> RecordCodec:
    """Return the codec of the newest version of a contract."""
    schema = builtin(name)
    return RecordCodec(schema, open_registry().id_of(value_subject(TOPICS[name]), schema))
