"""What came out of a world, and the same inputs for another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from inputs.published import published
from simulated.setting import ALERTS, CONTROL, DECISIONS, IN, LABELS
from simulated.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from simulated.broker import Record

    from stream.partition import Partition

Said = tuple[bytes | None, bytes | None, tuple[tuple[str, Any], ...]]
DECISION = published("decision")


def said(world: World, topic: str) -> list[Said]:
    """Return every record of a topic that a reader of committed records sees, in no order."""
    return [each for place in _places(world, topic) for each in _seen(world, place)]


def in_order(world: World, topic: str) -> dict[Partition, list[Said]]:
    """Return the same, of each partition in order."""
    return {place: _seen(world, place) for place in _places(world, topic)}


def by_id(records: list[Said]) -> dict[str, Said]:
    """Return alerts by their ids."""
    return {dict(headers)["ce_id"]: (key, value, headers) for key, value, headers in records}


def alerted(world: World) -> list[str]:
    """Return the id of every alert."""
    return [dict(headers)["ce_id"] for _, _, headers in said(world, ALERTS)]


def decided(world: World) -> set[str]:
    """Return the payments that were decided."""
    return {DECISION.decode(value)["transaction_id"] for _, value, _ in said(world, DECISIONS)}


def missing(world: World, other: World) -> int:
    """Return how many decisions and alerts of another world are not in this one."""
    alerts = set(alerted(other)) - set(alerted(world))
    return len(decided(other) - decided(world)) + len(alerts)


def unlike(world: World, other: World, topic: str) -> list[str]:
    """Return in which partitions another world's readers see something else, in short."""
    ours, theirs = in_order(world, topic), in_order(other, topic)
    found = []
    for place in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(place, []), theirs.get(place, [])
        if here != there:
            lost, more = Counter(there) - Counter(here), Counter(here) - Counter(there)
            found.append(f"{place}: {lost.total()} lost, {more.total()} more, or another order")
    return found


def inputs_of(world: World, folder: Path) -> World:
    """Return a world of its own with the same inputs."""
    other = World(0, folder, setting=world.setting)
    inputs = IN, LABELS, CONTROL
    other.broker.logs = {p: log for p, log in world.broker.logs.items() if p[0] in inputs}
    return other


def _places(world: World, topic: str) -> list[Partition]:
    return sorted(place for place in world.broker.logs if place[0] == topic)


def _seen(world: World, place: Partition) -> list[Said]:
    return [_said(record) for record in world.broker.committed_records(place)]


def _said(record: Record) -> Said:
    return record.key(), record.value(), tuple(record.headers())
