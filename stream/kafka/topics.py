"""Topics: which exist, and making the ones that are missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from schemas.errors import BrokerError
from stream.kafka.client import Connection

_TIMEOUT_S = 10.0
_ALREADY_EXISTS = "TOPIC_ALREADY_EXISTS"


def existing(connection: Connection, timeout_s: float = _TIMEOUT_S) -> dict[str, int]:
    """Return every topic with its number of partitions.

    Raises
    ------
    BrokerError
        If no broker answers in time.
    """
    admin = AdminClient(connection.common())
    try:
        found = admin.list_topics(timeout=timeout_s).topics.values()
    except KafkaException as error:
        raise BrokerError(f"no Kafka at {connection.bootstrap}: {error.args[0].str()}") from error
    return {str(topic.topic): len(topic.partitions) for topic in found if not topic.error}


@dataclass(frozen=True)
class Retention:
    """How long a topic keeps its records.

    Attributes
    ----------
    seconds : float
        Infinite if time deletes nothing.
    compacted : bool
        Whether a record goes once a newer one has its key.
    uncompacted_s : float
        For how long it stays even so.
    """

    seconds: float
    compacted: bool
    uncompacted_s: float = 0.0


_DAYS_WHOLE = 7
# Settings of a topic of which nothing is deleted by age or by size.
FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def newest(days: int = 0) -> dict[str, str]:
    """Return settings of a topic of which the newest record of each key stays.

    Parameters
    ----------
    days : int
        For how long all of them stay, at least; never less than a week.
    """
    lag_ms = max(_DAYS_WHOLE, days) * 86_400_000
    # The segment that is written to is never compacted.
    return {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(lag_ms),
        "segment.ms": str(86_400_000),
    }


def retention(connection: Connection, names: Iterable[str]) -> dict[str, Retention]:
    """Return how long topics keep their records, by their own configuration.

    Raises
    ------
    BrokerError
        If no broker answers in time, or it does not say.
    """
    admin = AdminClient(connection.common())
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    found = {}
    for resource, future in admin.describe_configs(asked, request_timeout=_TIMEOUT_S).items():
        try:
            entries = future.result(timeout=2 * _TIMEOUT_S)
        except (KafkaException, TimeoutError) as error:
            raise BrokerError(
                f"topic {resource.name}: its retention is not told: {error}"
            ) from error
        policy = str(entries["cleanup.policy"].value).split(",")
        kept_ms = int(entries["retention.ms"].value)
        endless = kept_ms < 0 or "delete" not in policy
        found[resource.name] = Retention(
            math.inf if endless else kept_ms / 1000,
            "compact" in policy,
            # Not every broker has it.
            int(entries["min.compaction.lag.ms"].value) / 1000
            if "min.compaction.lag.ms" in entries
            else 0.0,
        )
    return found


def create(
    connection: Connection,
    names: Iterable[str],
    partitions: int,
    replication: int = 1,
    settings: Mapping[str, str] | None = None,
) -> list[str]:
    """Create the topics that are missing, with settings of their own; return their names.

    Raises
    ------
    BrokerError
        If no broker answers in time, or a topic is refused.
    """
    present = existing(connection)
    missing = [name for name in names if name not in present]
    if not missing:
        return []
    admin = AdminClient(connection.common())
    futures = admin.create_topics(
        [NewTopic(name, partitions, replication, config=dict(settings or {})) for name in missing],
        operation_timeout=_TIMEOUT_S,
        request_timeout=_TIMEOUT_S,
    )
    created = []
    for name, future in futures.items():
        try:
            future.result(timeout=2 * _TIMEOUT_S)
            created.append(name)
        except (KafkaException, TimeoutError) as error:
            if _ALREADY_EXISTS not in str(error):
                raise BrokerError(f"topic {name} was not created: {error}") from error
    return created
