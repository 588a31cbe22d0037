"""A Redis that is there or not, and the thread that writes to it, when it is its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from simulated.setting import parts

from schemas.errors import StoreError
from stream.store.entity_columns import entity_columns
from stream.store.online import OnlineFeatures

if TYPE_CHECKING:
    from simulated.world import World

    from schemas.columns import Transactions
    from stream.engine.engine import Effects
    from stream.store.entity_columns import EntityColumns
    from stream.store.newest import Newest

Owner = tuple[str, int]
# Event time, partition and offset of the payment that values are as of.
Mark = tuple[int, int, int]


class SimHashes:
    """What Redis holds; see `stream.store.online.Hashes`.

    Parameters
    ----------
    world : World

    Attributes
    ----------
    there : dict
        Of each entity the newest payment that was written, and the values as of it.
    away : bool
        Whether it does not answer.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.there: dict[Owner, tuple[Mark, bytes]] = {}
        self.away = False
        self.n_failed = self.n_flushed = 0

    def write(self, of: EntityColumns, newest: Newest) -> int:
        """Write what is not older than what is there, as the script does; or fail."""
        rows = zip(newest.keys.tolist(), newest.marks.T.tolist(), newest.values, strict=True)
        found = [((of.entity, key), (tuple(mark), row.tobytes())) for key, mark, row in rows]
        self._ask(lambda: self._write(found))
        return len(found)

    def forget(self, entity: str, keys: list[int]) -> None:
        """Delete entities, or fail."""
        self._ask(lambda: self._forget([(entity, key) for key in keys]))

    def close(self) -> None: ...

    def flush(self) -> None:
        """Lose everything."""
        self.there.clear()
        self.n_flushed += 1

    def _ask(self, request: Any) -> None:
        world = self._world
        if self.away or world.trouble(0.2):
            self.n_failed += 1
            if not self.away and world.chance(0.5):
                request()  # It took longer than its bound, or the answer was lost.
            raise StoreError("Redis does not answer")
        request()

    def _write(self, found: list[tuple[Owner, tuple[Mark, bytes]]]) -> None:
        for owner, (mark, values) in found:
            if owner not in self.there or mark >= self.there[owner][0]:
                self.there[owner] = mark, values

    def _forget(self, owners: list[Owner]) -> None:
        for owner in owners:
            self.there.pop(owner, None)


class SimOnline(OnlineFeatures):
    """Online features whose thread works when the world lets it.

    Parameters
    ----------
    world : World
    hashes : SimHashes

    Attributes
    ----------
    should : dict
        What Redis is to hold once all is written: of each entity its newest payment.
    erased : set
        Who was erased and has not paid since.
    put_at : dict
        Of each entity, how many payments and orders there had been when it was last told of.
    """

    def __init__(self, world: World, hashes: SimHashes) -> None:
        self.told: list[str] = []
        self.should: dict[Owner, tuple[Mark, bytes]] = {}
        self.erased: set[Owner] = set()
        self.put_at: dict[Owner, int] = {}
        self.n_told = 0
        self._world, self._redis = world, hashes
        entities = entity_columns(parts(world.setting)[0].engine_parameters().features)
        with patch("stream.store.online.threading.Thread", _Nobody):
            super().__init__(hashes, entities, self.told.append, lambda: world.seconds)

    def put(self, batch: Transactions, effects: Effects) -> None:
        """Note what was handed over, and let the thread work."""
        super().put(batch, effects)
        taken = (effects.reasons == 0) & ~effects.duplicate
        for row in np.flatnonzero(taken).tolist():
            marks = batch.event_time_us, batch.partition, batch.offset
            time_us, partition, offset = (int(each[row]) for each in marks)
            mark = time_us, partition, offset
            for of in self._entities:
                owner = of.entity, int(batch.entities[of.place, row])
                values = effects.readings.matrix[row, of.columns].tobytes()
                self._note(owner)
                self.erased.discard(owner)
                if owner not in self.should or mark >= self.should[owner][0]:
                    self.should[owner] = mark, values
        self.work()

    def forget(self, entity: str, keys: Any) -> None:
        """Note who was erased, and let the thread work."""
        super().forget(entity, keys)
        for key in keys:
            self._note((entity, key))
            self.should.pop((entity, key), None)
            self.erased.add((entity, key))
        self.work()

    def work(self) -> None:
        """Let Redis come and go, and the thread do some of what it has to do."""
        world, redis = self._world, self._redis
        if world.trouble(0.05):
            redis.away = not redis.away
        redis.away = redis.away and world.troubled
        if world.trouble(0.01):
            redis.flush()
            self.put_at.clear()
        for _ in range(int(world.rng.integers(0, 4))):
            if world.chance(0.5):
                self._gather()
            else:
                self._write_some()
        assert self.erasures_pending or not self._redis.there.keys() & self.erased

    def settle(self) -> None:
        """Without any more trouble all must be written, soon."""
        for _ in range(500):
            self._world.pass_time(0.5)
            self.work()
        assert self.behind_seconds == 0
        assert self.as_dict()["state"] == "ok"
        assert self.erasures_pending == 0

    def _note(self, owner: Owner) -> None:
        self.n_told += 1
        self.put_at[owner] = self.n_told


class _Nobody:
    """A thread that never runs of itself."""

    def __init__(self, **_: Any) -> None: ...

    def start(self) -> None: ...

    def is_alive(self) -> bool:
        return True

    def join(self, timeout: float) -> None: ...
