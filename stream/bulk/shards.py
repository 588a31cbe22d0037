"""Features by entity shard: what one entity type's features are, for some of its entities.

A feature of a card depends on the events of that card alone, so entity types are computed apart,
and within a type entities by their keys. A shard goes through the whole stream in order; events
of other entities are to it events of nobody, which the kernels know already. So events are
forgotten at the same moments, and every value is the one of a single process, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Transactions
from stream.bulk.admission import Marks
from stream.bulk.parts import Entity, PartFiles
from stream.features.columns import entity_keys
from stream.features.declare import flat
from stream.features.feature_set import FeatureSet
from stream.features.grammar import AtFraud, Derived, Feature, PerEntity, Windowed
from stream.features.plan import plan_features
from stream.features.state import FeatureState
from stream.features.value_states import ValueState


@dataclass(frozen=True)
class Shard:
    """Some of the entities of one type.

    Attributes
    ----------
    number : int
        Of the shard.
    features : FeatureSet
        The features of this entity type, those that derived ones are made of included.
    entity : tuple of str
    at, of : int
        An entity belongs to it whose key modulo `of` is `at`.
    """

    number: int
    features: FeatureSet
    entity: Entity
    at: int = 0
    of: int = 1

    def owns(self, batch: Transactions) -> NDArray[np.bool_]:
        """Tell which rows are of its entities; a row of nobody is of the first shard's."""
        keys = entity_keys(batch, self.features.inputs, self.entity)
        return keys % np.uint64(self.of) == self.at

    @property
    def name(self) -> str:
        """As a person reads it: ``card+merchant 2 of 3``."""
        name = "+".join(self.entity)
        return name if self.of == 1 else f"{name} {self.at + 1} of {self.of}"


@dataclass(frozen=True)
class ShardTask:
    """The task of computing a shard.

    Attributes
    ----------
    shard : Shard
    folder : Path
        Where the parts lie, and what was decided of them; results are written there too.
    parts : int
    events : int
        How many rows count, of all parts.
    events_max, entities_max : int
    capacities : mapping of str to int
    batch_rows_max : int
    hash_key : bytes
        16 bytes.
    states : bool
        Whether value states are wanted.
    """

    shard: Shard
    folder: Path
    parts: int
    events: int
    events_max: int
    entities_max: int
    capacities: Mapping[str, int]
    batch_rows_max: int
    hash_key: bytes
    states: bool


@dataclass(frozen=True)
class ShardDone:
    """What computing a shard came to.

    Attributes
    ----------
    evicted_live : int
        See `stream.features.state.FeatureState`.
    cpu_s : float
        Processor time it took.
    """

    evicted_live: int
    cpu_s: float


def features_of_shard(task: ShardTask) -> ShardDone:
    """Compute the features of some entities over all parts, and leave them in the folder.

    For each part there is ``features-SHARD``, ndarray of float64, shape (rows, n_features): NaN
    where a row did not count or is of another shard's entity. On demand there is
    ``states-SHARD``, ndarray of uint8, the same of value states.

    Raises
    ------
    OSError
        If the folder cannot be read or written.
    """
    began = time.process_time()
    shard = task.shard
    state = FeatureState(
        shard.features,
        task.events_max,
        task.entities_max,
        task.capacities,
        task.batch_rows_max,
        task.hash_key,
    )
    run = _Run(task, state)
    for number in range(task.parts):
        run.take(PartFiles(task.folder, number))
    return ShardDone(state.evicted_live, time.process_time() - began)


class _Run:
    """A shard on its way through the parts."""

    def __init__(self, task: ShardTask, state: FeatureState) -> None:
        self._task = task
        self._state = state
        self._shard = task.shard
        # Where nothing is ever forgotten, events of others can be left out altogether.
        self._alone = task.shard.of > 1 and task.events <= task.events_max
        self._marks = Marks.load(task.folder) if state.hears_verdicts else None
        # What number each event has here, where they are not those of the stream.
        self._own = np.full(task.events if self._alone else 0, -1, np.int64)
        self._next_mark = 0
        self._seen = 0

    def take(self, part: PartFiles) -> None:
        """Compute a part."""
        batch = part.batch(self._shard.features.layout)
        taken = part.array("taken").astype(np.bool_, copy=False)
        width = len(self._shard.features.names)
        matrix = np.full((len(batch), width), np.nan)
        states = np.full(matrix.shape if self._task.states else (0, 0), ValueState.UNKNOWN)
        states = states.astype(np.uint8)
        owned = self._shard.owns(batch)
        rows = np.flatnonzero(taken)
        for start, stop in self._stretches(len(rows)):
            some = rows[start:stop]
            numbers = self._seen + np.arange(start, stop)
            if self._alone:
                mine = owned[some]
                first = self._state.arrived
                self._own[numbers[mine]] = np.arange(first, first + int(mine.sum()))
                some = some[mine]
            chosen = _chosen(batch, some)
            if not self._alone and self._shard.of > 1:
                self._leave_to_others(chosen, owned[some])
            readings = self._state.observe(chosen, np.ones(len(chosen), np.bool_))
            matrix[some] = readings.matrix
            if self._task.states:
                states[some] = readings.states(np.arange(len(chosen)))
        self._seen += len(rows)
        part.write(**{f"features-{self._shard.number}": matrix})
        if self._task.states:
            part.write(**{f"states-{self._shard.number}": states})

    def _leave_to_others(self, batch: Transactions, owned: NDArray[np.bool_]) -> None:
        """Make the events of other shards' entities events of nobody."""
        first = self._shard.features.layout.entities.index(self._shard.entity[0])
        batch.entities[first, ~owned] = 0

    def _stretches(self, rows: int) -> Iterator[tuple[int, int]]:
        """Cut the next rows where a verdict comes, and give it; at most a batch at once."""
        start = 0
        while start < rows:
            stop = min(rows, start + self._task.batch_rows_max)
            if self._marks is not None:
                stop = min(stop, self._give(self._marks, self._seen + start) - self._seen)
            yield start, stop
            start = stop

    def _give(self, marks: Marks, events: int) -> int:
        """Give the verdicts that come after so many events; return before which the next one."""
        while self._next_mark < len(marks.after) and marks.after[self._next_mark] <= events:
            at = self._next_mark
            told = slice(int(marks.stops[at - 1]) if at else 0, int(marks.stops[at]))
            numbers, is_fraud = marks.numbers[told], marks.is_fraud[told]
            if self._alone:
                numbers = self._own[numbers]
                numbers, is_fraud = numbers[numbers >= 0], is_fraud[numbers >= 0]
            self._state.mark(numbers, is_fraud)
            self._next_mark += 1
        if self._next_mark < len(marks.after):
            return int(marks.after[self._next_mark])
        return self._task.events


def shards_of(features: FeatureSet, ranges: int, full: Collection[Entity] = ()) -> list[Shard]:
    """Divide a feature list into shards.

    Parameters
    ----------
    features : FeatureSet
        Of which `unsplit` has nothing to say.
    ranges : int
        Into how many an entity type is divided, where that is possible.
    full : collection of Entity
        Those that may have to evict: then who goes depends on all entities of the type.

    Raises
    ------
    ValueError
        `ranges` is below 1.
    """
    if ranges < 1:
        raise ValueError(f"there must be at least 1 range of each entity type, not {ranges}")
    found: list[Shard] = []
    whole = set(full) | {plan.entity for plan in plan_features(features)[0] if plan.known}
    for entity, own in by_entity(features).items():
        if not entity:
            continue
        of = 1 if entity in whole else ranges
        some = replace(features, features=own)
        found += [Shard(len(found) + at, some, entity, at, of) for at in range(of)]
    return found


def by_entity(features: FeatureSet) -> dict[Entity, tuple[Feature, ...]]:
    """Return the features that are not derived, by entity; of no entity those of the payment."""
    found: dict[Entity, dict[Feature, None]] = {(): {}}
    for feature in flat(features.features):
        if isinstance(feature, Windowed | PerEntity | AtFraud):
            found.setdefault(feature.entity, {})[feature] = None
        elif not isinstance(feature, Derived):
            found[()][feature] = None
    return {entity: tuple(own) for entity, own in found.items()}


def unsplit(features: FeatureSet) -> str | None:
    """Say why a feature list cannot be computed by shards; None: it can."""
    for feature in flat(features.features):
        if isinstance(feature, AtFraud):
            return (
                f"{feature} remembers what another feature was when a payment was decided, "
                "which may be another shard's"
            )
    return None


def _chosen(batch: Transactions, rows: NDArray[np.int64]) -> Transactions:
    """Copy some rows."""
    return Transactions(batch.layout, np.ascontiguousarray(batch.longs[:, rows]), batch.data)
