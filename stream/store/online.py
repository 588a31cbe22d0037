"""The last values of each entity's features, written beside scoring, which never waits.

The loop hands whole arrays over; all else is a thread's work. What is written is the newest of
each entity, so that a busy entity costs no more than a quiet one, and an outage leaves no queue
behind it but one row for each entity that had a payment meanwhile. Both are bounded: beyond
the bound the oldest are given up, and counted.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from schemas.errors import StoreError
from stream.engine.effects import Effects
from stream.store.breaker import Breaker, Circuit
from stream.store.entity_columns import EntityColumns
from stream.store.feature_hashes import ENTITIES_AT_ONCE
from stream.store.newest import Newest, newest, nobody

# Rows handed over and not looked at yet, and entities of a type that wait to be written.
ROWS_MAX = 50_000
ENTITIES_MAX = 50_000
# How long payments are gathered, so that an entity's newest is written and not each.
GATHER_S = 0.05
SHUT_GATHER_S = 0.5
# Of a processor, at most: Python runs one thread at a time, and scoring comes first.
SHARE_MAX = 0.25
# Beyond it what others read is old enough to be said.
BEHIND_MAX_S = 5.0
_ENDING_S = 0.005


class Hashes(Protocol):
    """Where features are written; `stream.store.feature_hashes.FeatureHashes` is one."""

    def write(self, of: EntityColumns, newest: Newest) -> int:
        """Write some entities' values, or raise StoreError."""
        ...

    def forget(self, entity: str, keys: list[int]) -> None:
        """Delete entities, or raise StoreError."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class _Block(NamedTuple):
    """What a step was made of, as arrays that nobody changes any more."""

    put_s: float
    batch: Transactions
    reasons: NDArray[np.int64]
    duplicate: NDArray[np.bool_]
    matrix: NDArray[np.float64]


class _Erased(NamedTuple):
    """Entities of a type of which nothing may be there, whatever was handed over before."""

    put_s: float
    entity: str
    keys: tuple[int, ...]


class OnlineFeatures:
    """Writes the last values of each entity's features from a thread of its own.

    Parameters
    ----------
    hashes : Hashes
    entities : sequence of EntityColumns
    tell : callable
        Told in words when Redis stops answering, and when it answers again.
    clock : callable
        Seconds, never going back.
    breaker : Breaker, optional
    """

    def __init__(
        self,
        hashes: Hashes,
        entities: Sequence[EntityColumns],
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        breaker: Breaker | None = None,
    ) -> None:
        self.written = 0
        self.failed = 0
        self._hashes = hashes
        self._tell = tell
        self._clock = clock
        self._stamp_s = -math.inf
        self._breaker = Breaker(clock) if breaker is None else breaker
        self._entities = list(entities)
        self._waiting = [nobody(len(of.names)) for of in self._entities]
        self._queue: deque[_Block | _Erased] = deque()
        self._erased: deque[_Erased] = deque()
        # When the oldest came that left the queue and does not wait yet.
        self._in_hand_s = math.inf
        # Partitions that went, and when.
        self._left: deque[tuple[int, float]] = deque()
        # Each is written by one thread only: rows that came, that were taken, that were dropped.
        self._came = self._taken = self._pushed_out = self._given_up = 0
        self._erasures_asked = self._erasures_done = 0
        self._said = False
        self._end_s: float | None = None
        self._ending = False
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="online features", daemon=True)
        self._thread.start()

    def put(self, batch: Transactions, effects: Effects) -> None:
        """Hand a step's features over; they must stay as they are. Never waits.

        Parameters
        ----------
        batch : Transactions
        effects : Effects
            Of an engine that keeps the values.
        """
        self._queue.append(
            _Block(
                self._stamp(), batch, effects.reasons, effects.duplicate, effects.readings.matrix
            )
        )
        self._came += len(batch)
        while self._came - self._taken - self._pushed_out > ROWS_MAX:
            try:
                oldest = self._queue.popleft()
            except IndexError:  # The other thread has just taken the last.
                break
            if isinstance(oldest, _Block):
                self._pushed_out += len(oldest.batch)
            else:  # It is never given up.
                self._erased.append(oldest)

    def forget(self, entity: str, keys: Sequence[int]) -> None:
        """Have entities deleted, as soon as Redis answers; what is put later is written again.

        Parameters
        ----------
        entity : str
        keys : sequence of int
            Keyed hashes of the ids.
        """
        self._erasures_asked += 1
        self._queue.append(_Erased(self._stamp(), entity, tuple(keys)))

    def leave(self, partition: int) -> None:
        """Give up what waits of a partition's payments, which are another worker's from now on.

        That one erases whom it is told to erase, and what is written after that is back.
        """
        self._left.append((partition, self._stamp()))

    def as_dict(self) -> dict[str, Any]:
        """Return how it stands; rows and entities that were given up count as dropped."""
        behind_s = self.behind_seconds
        alive = self._end_s is not None or self._thread.is_alive()
        well = self._breaker.failures == 0 and behind_s <= BEHIND_MAX_S and alive
        return {
            "state": "ok" if well else "degraded",
            "written": self.written,
            "dropped": self._pushed_out + self._given_up,
            "failed": self.failed,
            "erasures_pending": self.erasures_pending,
            "behind_seconds": round(behind_s, 3),
        }

    @property
    def erasures_pending(self) -> int:
        """Orders to delete that were not carried out yet; what is left at the end is lost."""
        return self._erasures_asked - self._erasures_done

    @property
    def behind_seconds(self) -> float:
        """For how long the oldest of what is not written yet has waited."""
        # Looked at in the order in which all goes, so that nothing slips by while it goes on.
        oldest = []
        with suppress(IndexError):
            oldest.append(self._queue[0].put_s)
        oldest.append(self._in_hand_s)
        with suppress(IndexError):
            oldest.append(self._erased[0].put_s)
        oldest += [float(each.put_s.min()) for each in self._waiting if len(each)]
        return max(0.0, self._clock() - min(oldest))

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what can be written in this time, and end."""
        self._end_s = self._clock() + timeout_s
        self._woken.set()
        self._thread.join(timeout_s + 1.0)
        if pending := self.erasures_pending:
            self._tell(
                f"{pending} orders to erase did not reach Redis: give them again, or what is there "
                "stays until redis.features_ttl"
            )

    def _run(self) -> None:
        gather_s = self._clock()
        try:
            while not self._over():
                if self._end_s is not None and not self._ending:
                    # However long the pause was to be, there is no later: once more.
                    self._ending, self._breaker = True, Breaker(self._clock, failures_max=1)
                if self._clock() >= gather_s:
                    self._rest(self._gather)
                    shut = self._breaker.circuit is Circuit.OPEN
                    gather_s = self._clock() + (SHUT_GATHER_S if shut else GATHER_S)
                if not self._rest(self._write_some):
                    self._woken.wait(max(0.0, gather_s - self._clock()))
                    if self._end_s is not None:
                        time.sleep(_ENDING_S)
                        gather_s = self._clock()
        finally:
            self._hashes.close()

    def _rest(self, work: Callable[[], bool]) -> bool:
        """Do some work, then nothing for as long as keeps its share of a processor small."""
        used_s = time.thread_time()
        more = work()
        used_s = time.thread_time() - used_s
        if self._end_s is None:
            self._woken.wait(used_s * (1 / SHARE_MAX - 1))
        return more

    def _over(self) -> bool:
        """Tell whether it is to end: nothing is left, nothing can be done, or time is up."""
        if self._end_s is None:
            return False
        left = bool(self._queue or self._erased) or any(map(len, self._waiting))
        given_up = self._ending and self._breaker.circuit is Circuit.OPEN
        return not left or given_up or self._clock() >= self._end_s

    def _gather(self) -> bool:
        """Take what was handed over, keep the newest of each entity; tell whether there was any."""
        blocks: list[_Block] = []
        n_left, n_before = len(self._left), self._taken
        while self._queue:
            try:
                self._in_hand_s = min(self._in_hand_s, self._queue[0].put_s)
                each = self._queue.popleft()
            except IndexError:  # The other thread made room.
                break
            if isinstance(each, _Erased):
                # Before what comes later is joined: an older payment may be newer by its time.
                self._join(blocks)
                blocks = []
                self._erased.append(each)
                self._drop(each)
            else:
                self._taken += len(each.batch)
                blocks.append(each)
        self._join(blocks)
        self._in_hand_s = math.inf
        self._drop_left()
        for _ in range(n_left):  # All that came before they went was looked at.
            self._left.popleft()
        return self._taken > n_before

    def _join(self, blocks: list[_Block]) -> None:
        """Let of each entity the newest wait, of what waits and of some blocks."""
        for at, of in enumerate(self._entities if blocks else ()):
            joined = newest([self._waiting[at], *(_of_entity(block, of) for block in blocks)])
            self._given_up += max(0, len(joined) - ENTITIES_MAX)
            self._waiting[at] = joined.rows(slice(-ENTITIES_MAX, None))

    def _stamp(self) -> float:
        """Return the time, later than ever before: who came after whom is told by it."""
        self._stamp_s = max(self._clock(), math.nextafter(self._stamp_s, math.inf))
        return self._stamp_s

    def _drop_left(self) -> None:
        """Leave unwritten what waits of partitions that went after it came."""
        if not self._left:
            return
        for at, waiting in enumerate(self._waiting):
            gone = np.zeros(len(waiting), np.bool_)
            for partition, left_s in tuple(self._left):
                gone |= (waiting.marks[1] == partition) & (waiting.put_s <= left_s)
            if gone.any():
                self._given_up += int(gone.sum())
                self._waiting[at] = waiting.rows(np.flatnonzero(~gone))

    def _drop(self, erased: _Erased) -> None:
        """Leave unwritten what waits of some entities and came before they were erased."""
        keys = np.array(erased.keys, np.uint64)
        for at, of in enumerate(self._entities):
            if of.entity == erased.entity:
                waiting = self._waiting[at]
                before = np.isin(waiting.keys, keys) & (waiting.put_s <= erased.put_s)
                self._waiting[at] = waiting.rows(np.flatnonzero(~before))

    def _forget_some(self) -> bool:
        """Delete what is to be deleted, before anything is written; tell whether it is done."""
        while self._erased:
            self._drop(self._erased[0])
            if not self._breaker.allows():
                return False
            try:
                self._hashes.forget(self._erased[0].entity, list(self._erased[0].keys))
            except StoreError as error:
                self._failed(str(error))
                return False
            self._succeeded(0)
            self._erased.popleft()
            self._erasures_done += 1
        return True

    def _write_some(self) -> bool:
        """Write a piece of each type; tell whether there is more to write at once."""
        if not self._forget_some():
            return False
        self._drop_left()
        more = False
        for at, of in enumerate(self._entities):
            piece = self._waiting[at].rows(slice(ENTITIES_AT_ONCE))
            if not len(piece):
                continue
            if not self._breaker.allows():
                return False
            try:
                self._hashes.write(of, piece)
            except StoreError as error:
                self._failed(str(error))
                return False
            self._succeeded(len(piece))
            self._waiting[at] = self._waiting[at].rows(slice(ENTITIES_AT_ONCE, None))
            more = more or len(self._waiting[at]) > 0
        return more

    def _succeeded(self, n: int) -> None:
        self._breaker.succeeded()
        self.written += n
        if self._said:
            self._said = False
            self._tell("Redis answers again: online features are written")

    def _failed(self, error: str) -> None:
        self._breaker.failed()
        self.failed += 1
        if not self._said:
            self._said = True
            self._tell(f"online features are not written, scoring goes on: {error}")


def _of_entity(block: _Block, of: EntityColumns) -> Newest:
    """Return what a block says of an entity type; a row that was not taken says nothing."""
    keys = block.batch.entities[of.place]
    rows = np.flatnonzero((block.reasons == Reason.OK) & ~block.duplicate)
    batch = block.batch
    marks = np.stack([batch.event_time_us[rows], batch.partition[rows], batch.offset[rows]])
    put_s = np.full(len(rows), block.put_s)
    return Newest(keys[rows], marks, put_s, block.matrix[rows][:, of.columns])
