"""Alerts as a worker publishes them, made by hand."""

from __future__ import annotations

import hashlib
from typing import Any

from schemas.records import RecordCodec, builtin
from schemas.registry import value_subject
from stream.kafka.registry import open_registry

ALERT_SCHEMA_ID = open_registry().id_of(value_subject("fraud.alerts"), builtin("alert"))
CODEC = RecordCodec(builtin("alert"), ALERT_SCHEMA_ID)
EVENT_US = 1_780_000_000_000_000


def alert_id(number: int) -> str:
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()


def alert(number: int = 1, partition: int = 0, **changes: Any) -> dict[str, Any]:
    """Return a record of `alert.avsc`."""
    record = {
        "alert_id": alert_id(number),
        "transaction_id": f"t-{number}",
        "event_time": EVENT_US + number,
        "decision": "REVIEW",
        "score": 0.75,
        "score_scaled": 750,
        "threshold": 0.5,
        "selection_probability": 1.0,
        "amount_minor": 1234,
        "entities": {"card": "00000000000000aa", "merchant": "00000000000000bb"},
        "reasons": [
            {"feature": "amount", "value": 12.34, "contribution": 1.5, "state": "FRESH"},
        ],
        "value_states": b"\x01\x02",
        "base": -1.0,
        "timeliness": "ON_TIME",
        "degraded": [],
        "model_version": 17,
        "policy_version": "0123456789ab",
        "source_topic": "fraud.transactions",
        "source_partition": partition,
        "source_offset": number,
    }
    return record | changes


def publish(producer: Any, topic: str, records: list[dict[str, Any]], partition: int = 0) -> None:
    """Write alerts to one partition, with the header that names them."""
    for record in records:
        headers = [("ce_id", record["alert_id"].encode())]
        producer.produce(topic, CODEC.encode(record), b"key", partition, headers=headers)
    assert producer.flush(20) == 0
