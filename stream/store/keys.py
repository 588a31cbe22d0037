"""The keys of Redis, which other services read; docs/redis.md is written for them."""

from __future__ import annotations

# Fields that are no feature begin with what no feature's name begins with.
EVENT_TIME_FIELD = "_event_time_us"
SOURCE_FIELD = "_source"


def features_key(group: str, entity: str, key: int) -> str:
    """Return the key of an entity's last values.

    Parameters
    ----------
    group : str
        The workers' consumer group.
    entity : str
        A name of `fields.entities`.
    key : int
        The keyed hash of the id; the id itself is in no key.
    """
    return f"fraudstream:{group}:features:{entity}:{key:016x}"


def copies_key(group: str, worker: str) -> str:
    """Return the key of the hash that names a worker's snapshot copies."""
    return f"fraudstream:{group}:snapshots:{worker}"


def piece_key(group: str, worker: str, copy: str, piece: int) -> str:
    """Return the key of a piece of a copy."""
    return f"{copies_key(group, worker)}:{copy}:{piece:06d}"
