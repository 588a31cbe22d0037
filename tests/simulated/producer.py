"""The producer's side of the brokers, without transactions."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING
from zlib import crc32

from simulated.setting import PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulated.world import World

    from stream.kafka.sink import Offsets, OutRecord


class SimSink:
    """Delivers in the order of each topic, and acknowledges some time after."""

    congested = False
    relieved = True
    due_s = math.inf

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps: deque[tuple[Offsets, list[int]]] = deque()
        self._flying: dict[str, deque[tuple[OutRecord, int, list[int]]]] = {}
        world.at_death.append(self._last_act)

    def publish(self, records: Iterable[OutRecord], offsets: Offsets) -> None:
        outstanding = [0]
        self._steps.append((dict(offsets), outstanding))
        for record in records:
            self._world.point("publish")
            outstanding[0] += 1
            flying = self._flying.setdefault(record.topic, deque())
            flying.append((record, self._world.now_ms, outstanding))
        self._world.point("published")

    def poll(self, timeout_s: float) -> None:
        for topic, flying in self._flying.items():
            least = 0 if self._world.troubled else (len(flying) + 1) // 2
            for _ in range(int(self._world.rng.integers(least, len(flying) + 1))):
                self._deliver(topic)[0] -= 1

    def safe_offsets(self) -> Offsets:
        safe: Offsets = {}
        while self._steps and self._steps[0][1][0] == 0:
            safe.update(self._steps.popleft()[0])
        return safe

    def hear_offsets(self, committed: Offsets) -> None: ...

    def forget_offsets(self) -> None:
        for offsets, _ in self._steps:
            offsets.clear()

    def flush(self, timeout_s: float) -> int:
        if timeout_s and not self._world.trouble(0.1):
            for topic, flying in self._flying.items():
                while flying:
                    self._deliver(topic)[0] -= 1
        self._world.point("flushed")
        return sum(map(len, self._flying.values()))

    def close(self) -> None: ...

    def _deliver(self, topic: str) -> list[int]:
        record, stamp_ms, outstanding = self._flying[topic].popleft()
        anywhere = crc32(record.key or record.value or b"") % PARTITIONS
        place = topic, anywhere if record.partition < 0 else record.partition
        self._world.broker.append(place, stamp_ms, record.key, record.value, record.headers or [])
        return outstanding

    def _last_act(self) -> None:
        """What was on its way arrives, or not; nobody hears of it."""
        self.poll(0)
