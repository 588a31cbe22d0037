"""The consumer's side of the brokers: of a worker that polls, and of one that recovers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulated.setting import ALERTS, CONTROL, IN, LABELS, parts

from stream.kafka.source import RawBatch, raw_batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from simulated.world import World

    from stream.kafka.source import Positions
    from stream.partition import Partition


class Reading:
    """Topics that are read, or held back; pausing changes nothing here."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._next: dict[Partition, int] | None = None
        self._held_back: set[str] = set()

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def hold_back(self, topic: str) -> None:
        self._held_back.add(topic)

    def let_go(self, topic: str) -> None:
        self._held_back.discard(topic)

    def lag(self, topic: str) -> int:
        ends = self._world.broker.ends(topic)
        return sum(ends[place] - at for place, at in (self._next or {}).items() if place in ends)

    def close(self) -> None: ...


class SimSource(Reading):
    """Gives records of all partitions in pieces and in any order, as a fetch finds them."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._positions: Positions | None = None
        self._uncommitted: dict[Partition, int] = {}
        self.commits_pending = 0

    def follow(self, positions: Positions) -> None:
        self._positions = positions

    def poll(self, n_max: int, timeout_s: float) -> list[RawBatch]:
        world = self._world
        world.point("poll")
        ends = world.broker.ends(IN, LABELS, CONTROL)
        if self._next is None or world.trouble(0.02):
            self._rebalance(ends)
        assert self._next is not None
        if world.trouble(0.03):
            world.unheard = int(world.rng.integers(1, 12))
        # While commits fail minutes may pass; else a turn is short.
        world.pass_time(30.0 if world.unheard else float(world.rng.exponential(0.05)))
        world.unheard = max(0, world.unheard - 1)
        found: dict[str, list[Any]] = {IN: [], LABELS: [], CONTROL: []}
        places = list(ends)
        for _ in range(int(world.rng.integers(0, 6))):
            place = places[int(world.rng.integers(0, len(places)))]
            if place[0] in self._held_back:
                continue
            at = self._next[place]
            if world.trouble(0.02):
                at = max(at - 3, 0)  # A fetch that a rebalance overtook.
            piece = world.broker.logs[place][at : at + int(world.rng.integers(1, 8))]
            found[place[0]] += piece
            self._next[place] = max(self._next[place], at + len(piece))
        now_ms = world.now_ms
        world.point("polled")
        return [raw_batch(topic, each, now_ms) for topic, each in found.items() if each]

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        self._world.point("before commit")
        # What was not heard goes along the next time.
        self._uncommitted |= offsets
        if not self._world.trouble(0.3) and not self._world.unheard:
            self._world.broker.commit(self._uncommitted)
            self._uncommitted = {}
        self._world.point("after commit")

    def group_metadata(self) -> str:
        return "the only one"

    def _rebalance(self, ends: Mapping[Partition, int]) -> None:
        """All partitions go and come back."""
        if self._next is not None and self._positions is not None:
            self._positions.revoked()
        self._uncommitted = {}
        committed = {place: self._world.broker.committed.get(place, -1001) for place in ends}
        starts = committed if self._positions is None else self._positions.assigned(committed)
        self._next = {place: max(at, 0) for place, at in starts.items()}
        self._world.point("assigned")


class SimReader:
    """Reads of the broker what a recovery asks for, in pieces."""

    def __init__(self, world: World) -> None:
        self._world = world

    def committed(self, places: list[Partition]) -> dict[Partition, int]:
        broker = self._world.broker
        while not all(map(broker.transactions.stable, places)):
            self._world.point("offsets are not stable")
            self._world.pass_time(0.5)
        return {place: self._world.broker.committed.get(place, -1001) for place in places}

    def read(
        self, first: Mapping[Partition, int], behind: Mapping[Partition, int]
    ) -> Iterator[list[Any]]:
        at = dict(first)
        while any(at[place] < end for place, end in behind.items()):
            self._world.point("replay")
            records = []
            for place in list(at):
                n = int(self._world.rng.integers(0, 30))
                piece = self._world.broker.committed_records(place, at[place])[:n]
                records += piece
                at[place] = piece[-1].offset() + 1 if piece else at[place]
            yield records

    def alerts(self, since_ms: int) -> dict[str, tuple[Partition, int]]:
        self._world.point("tail")
        _, _, codecs, _ = parts(self._world.setting)
        found = {}
        broker = self._world.broker
        for place in [place for place in broker.logs if place[0] == ALERTS]:
            for record in broker.committed_records(place):
                if record.stamp_ms >= since_ms:
                    alert = codecs.alert.decode(record.value())
                    source = alert["source_topic"], alert["source_partition"]
                    found[alert["alert_id"]] = source, alert["source_offset"]
        return found

    def close(self) -> None: ...
