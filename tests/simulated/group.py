"""The coordinator of a consumer group, and what its members are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulated.consumer import Reading
from simulated.setting import BESIDE, CONTROL, IN, LABELS

from stream.kafka.source import RawBatch, raw_batch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulated.broker import Broker
    from simulated.group_world import GroupWorld

    from stream.kafka.source import Positions
    from stream.partition import Partition


@dataclass
class Member:
    """What the group knows of a worker."""

    generation: int = -1
    rejoined: bool = True


@dataclass
class Group:
    """The coordinator of a group whose rebalances stop the world, as Kafka's classic one."""

    broker: Broker = field(repr=False)
    members: dict[str, Member] = field(default_factory=dict)
    generation: int = 0
    preparing: bool = False

    def prepare(self) -> None:
        """Begin a rebalance: each member is to let go of all it has, and come again."""
        self.preparing = True
        for member in self.members.values():
            member.rejoined = False

    def join(self, name: str) -> None:
        if name not in self.members:
            self.members[name] = Member()
            self.prepare()
        self.members[name].rejoined = True
        self._complete()

    def leave(self, name: str) -> None:
        if self.members.pop(name, None) is not None:
            self.prepare()

    def _complete(self) -> None:
        if self.preparing and all(member.rejoined for member in self.members.values()):
            self.preparing = False
            self.generation += 1

    def places(self, name: str) -> list[Partition]:
        """Return what is a member's, by ranges of partitions, the same of each topic."""
        names = sorted(self.members)
        ends = self.broker.ends(IN, LABELS, CONTROL)
        partitions = sorted({partition for _, partition in ends})
        ours = [p for p in partitions if names[p * len(names) // len(partitions)] == name]
        return [place for place in ends if place[1] in ours]

    def knows(self, name: str, generation: int) -> bool:
        """Tell whether somebody is a member of this generation."""
        member = self.members.get(name)
        return member is not None and member.generation == generation == self.generation

    def commit(self, name: str, generation: int, offsets: Mapping[Partition, int]) -> None:
        if not self.knows(name, generation):
            return  # Of one that was thrown out: refused.
        assert offsets.keys() <= set(self.places(name)) or self.preparing, "another's partition"
        self.broker.commit(offsets)


class GroupSource(Reading):
    """A member's consumer."""

    commits_pending = 0

    def __init__(self, world: GroupWorld, name: str) -> None:
        super().__init__(world)
        self._name = name
        self._group = world.group
        self._positions: Positions | None = None
        self._generation = -1
        self._uncommitted: dict[Partition, int] = {}

    def follow(self, positions: Positions) -> None:
        self._positions = positions

    def poll(self, n_max: int, timeout_s: float) -> list[RawBatch]:
        world = self._world
        world.point("poll")
        self._serve()
        if self._next is None:
            return []
        found: dict[str, list[Any]] = {topic: [] for topic in (*BESIDE, IN, LABELS, CONTROL)}
        for place in self._next:
            if place[0] in self._held_back:
                continue
            at = self._next[place]
            # Only of what workers write themselves some is never committed.
            piece = world.broker.committed_records(place, at)[: int(world.rng.integers(0, 8))]
            found[place[0]] += piece
            self._next[place] = piece[-1].offset() + 1 if piece else at
        now_ms = world.now_ms
        world.point("polled")
        return [raw_batch(topic, each, now_ms) for topic, each in found.items() if each]

    def _serve(self) -> None:
        """Hear what the group says, as a poll does."""
        assert self._positions is not None
        group, name = self._group, self._name
        member = group.members.get(name)
        if self._next is not None and member is None:
            # Thrown out while it was paused.
            self._world.passed.append("lost")
            self._positions.lost()
            self._next = None
        elif self._next is not None and group.preparing:
            self._positions.revoked()
            self._next = None
        if self._next is not None:
            return
        self._uncommitted = {}
        # It may have been thrown out just now, while it let go of what it had.
        member = group.members.get(name)
        if member is None or (group.preparing and not member.rejoined):
            group.join(name)
        member = group.members[name]
        if not group.preparing and member.generation != group.generation:
            member.generation = self._generation = group.generation
            self._wait_for_stable(group.places(name))
            known = self._world.broker.committed
            committed = {place: known.get(place, -1001) for place in group.places(name)}
            starts = self._positions.assigned(committed)
            # However long it took: it may have been thrown out meanwhile.
            self._next = {place: max(at, 0) for place, at in starts.items()}
            self._world.point("assigned")

    def _wait_for_stable(self, places: list[Partition]) -> None:
        """Wait until no open transaction may change what is committed."""
        while not all(map(self._world.broker.transactions.stable, places)):
            self._world.point("offsets are not stable")

    def group_metadata(self) -> tuple[str, int]:
        return self._name, self._generation

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        self._world.point("before commit")
        offsets = {**self._uncommitted, **offsets}
        self._uncommitted = offsets
        if self._world.chance(0.8):
            self._group.commit(self._name, self._generation, offsets)
            self._uncommitted = {}
        self._world.point("after commit")
