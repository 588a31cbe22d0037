"""The features at work: what is remembered of every entity, and a matrix for every batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.states.snapshot import State
from schemas.borrowed import bound, lend
from schemas.columns import Transactions
from stream.features.columns import FRAUD, VERDICT, EventColumns, entity_keys, key_column
from stream.features.evaluate import evaluate
from stream.features.feature_set import FeatureSet
from stream.features.kept import Kept, fill, names_of, state_of
from stream.features.memory import check_sizes, entity_memory, event_memory, event_words
from stream.features.plan import EntityPlan, parts_of, plan_features
from stream.features.program import compile_program
from stream.features.readings import NOT_TAKEN, Readings
from stream.features.sharing import SharedLayout
from stream.features.side_by_side import side_by_side
from stream.short_arrays import filled, marked
from stream.windows.erasing import ERASE_ENTITIES, ERASE_VALUE, erase_entities, erase_value
from stream.windows.observe import OBSERVE, observe
from stream.windows.verdicts import TELL, note_verdicts, tell_verdicts
from stream.windows.words import (
    EVICTED,
    EVICTED_LIVE,
    KEY,
    KNOWN,
    LATE_INSERTS,
    NIL,
    OWNER,
    TIME_US,
    USED,
    Memory,
    Plan,
)

# A stride that is no power of two: columns of a block do not fall into the same cache lines.
_PADDING = 8
# For fewer rows, handing them to another thread takes longer than they do.
_SHARED_ROWS_MIN = 128


class FeatureState:
    """All that the features remember: flat arrays, allocated once.

    Parameters
    ----------
    features : FeatureSet
    events_max : int
        Events remembered, of all entities together.
    entities_max : int
        Entities remembered of each type.
    capacities : mapping of str to int, optional
        The same by type, such as ``card`` or ``card+merchant``.
    batch_rows_max : int
        Rows observed at once.
    hash_key : bytes
        16 bytes, the key of every id's hash.
    threads : int
        Entity types observed at once; the values are the same.
    shared : collection of str, optional
        Entity types of which other partitions tell, and are told; see `stream.features.sharing`.

    Attributes
    ----------
    sharing : SharedLayout or None
        None where nothing is shared.
    """

    def __init__(
        self,
        features: FeatureSet,
        events_max: int,
        entities_max: int,
        capacities: Mapping[str, int] = MappingProxyType({}),
        batch_rows_max: int = 1024,
        hash_key: bytes = bytes(16),
        threads: int = 1,
        shared: Collection[str] = (),
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self._built = (
            features,
            events_max,
            entities_max,
            dict(capacities),
            batch_rows_max,
            hash_key,
            threads,
            shared,
        )
        self.features = features
        self.threads = threads
        self.events_max = events_max
        self.batch_rows_max = batch_rows_max
        self.arrived = 0
        plans, columns = plan_features(features)
        for plan in plans:
            check_sizes(plan.name, events_max, capacities.get(plan.name, entities_max))
        at = {column: 1 + place for place, column in enumerate(columns)}
        self._fraud_at = at.get(FRAUD)
        self._verdict_at = at.get(VERDICT)
        self.sharing = SharedLayout(features, shared, hash_key) if shared else None
        # Of the events that were observed last.
        self._shared_keys: dict[str, NDArray[np.uint64]] = {}
        self._key_at = {name: place for (kind, name), place in at.items() if kind == "key"}
        self._columns = EventColumns(columns, features.inputs, events_max, hash_key)
        self._types: list[_EntityType] = []
        n_columns = 1 + len(columns)
        arrays = [plan.arrays(at, features.inputs) for plan in plans]
        self._lines = event_memory(event_words(columns, arrays), events_max, batch_rows_max)
        self._events = self._lines[:, :n_columns]
        links_at = np.cumsum([0, *(each.links for each in arrays)]).tolist()
        bases = n_columns + np.cumsum([0, *(each.reads for each in arrays)])
        stride = batch_rows_max + _PADDING
        self._block = np.zeros((bases[-1], stride), np.int64)
        for plan, each, start, base in zip(plans, arrays, links_at, bases.tolist(), strict=False):
            capacity = capacities.get(plan.name, entities_max)
            read = self._block[base : base + each.reads]
            parts = parts_of(plan.entity, features.inputs)
            room = capacity, events_max, len(parts)
            memory = entity_memory(each, self._lines, n_columns, start, read, *room)
            self._types.append(_EntityType(plan, each, memory, base, parts, batch_rows_max))
        by_entity = {kind.plan.entity: kind for kind in self._types}
        self._program = compile_program(
            features,
            {entity: kind.plan for entity, kind in by_entity.items()},
            at,
            {entity: kind.base for entity, kind in by_entity.items()},
        )
        self._values = np.zeros((self._program.n_values, stride))

    @property
    def bytes_allocated(self) -> int:
        """Memory of the state: it never grows."""
        arrays = [array for name, array in self.arrays().items() if name != "arrived"]
        return sum(array.nbytes for array in arrays)

    @property
    def hears_verdicts(self) -> bool:
        """Whether any feature is made of verdicts: else `mark` has nothing to do."""
        return self._fraud_at is not None

    @property
    def evicted_live(self) -> int:
        """Events forgotten, once an entity, that a window ending at that moment would count."""
        return sum(int(kind.memory.control[0, EVICTED_LIVE]) for kind in self._types)

    @property
    def evicted_entities(self) -> dict[str, int]:
        """Entities that had to make room, by type."""
        return {kind.plan.name: int(kind.memory.control[0, EVICTED]) for kind in self._types}

    @property
    def entities(self) -> dict[str, tuple[int, int]]:
        """How many entities are remembered, and how many can be, by type."""
        return {
            kind.plan.name: (int(kind.memory.control[0, USED]), len(kind.memory.rows))
            for kind in self._types
        }

    @property
    def late_inserts(self) -> int:
        """Events that came out of their entity's order, once an entity."""
        return sum(int(kind.memory.control[0, LATE_INSERTS]) for kind in self._types)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all arrays by name."""
        state: dict[str, NDArray[np.generic]] = {
            "arrived": np.array(self.arrived),
            "events": self._lines,
        }
        for kind in self._types:
            for name, array in kind.memory._asdict().items():
                if name not in ("lines", "events", "doubles", "links", "read", "reading"):
                    state[f"{kind.plan.name}.{name}"] = array
        return state

    def state(self) -> State:
        """Return all that is remembered; its arrays are views, until the next `observe` or `mark`.

        It is as large as what is remembered, not as what there is room for.
        """
        return state_of(self._common, self.events_max, self.arrived, self._lines, self._kept)

    def restore(self, state: State) -> None:
        """Go on from the state of features of the same declaration and sizes.

        Raises
        ------
        SnapshotError
            It is of others, or damaged; then nothing was changed.
        """
        self.restorer(state)()

    def restorer(self, state: State) -> Callable[[], None]:
        """Return what makes these features go on from a state, which is looked at here; see above.

        Takes as much memory again as is remembered, until the old one is free.
        """
        other = FeatureState(*self._built)
        other.arrived = fill(state, self._common, self.events_max, other._lines, other._kept)
        return partial(vars(self).update, vars(other))

    def observe(self, batch: Transactions, take: NDArray[np.bool_]) -> Readings:
        """Take the events of a batch in order of arrival, and compute the features of each.

        Parameters
        ----------
        batch : Transactions
            At most `batch_rows_max` rows.
        take : ndarray of bool, shape (n,)
            Rows that count. Of others only what needs no memory is computed.
        """
        n = len(batch)
        if n > self.batch_rows_max:
            raise ValueError(f"{n} rows at once, of at most {self.batch_rows_max}")
        taken = marked(take)
        numbers = filled(n, NOT_TAKEN, np.int64)
        if len(taken) == n:
            matrix = self._observe(batch, slice(None), n)
        else:
            matrix = np.full((n, len(self.features.features)), np.nan)
            others = np.flatnonzero(~take)
            matrix[others] = self._pass_over(batch, others)
            matrix[taken] = self._observe(batch, taken, len(taken))
        numbers[taken] = np.arange(self.arrived - len(taken), self.arrived)
        return Readings(numbers, matrix, taken, self._block, self._values, self._program)

    def tell(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what other partitions are to know of the events that `observe` took last.

        Parameters
        ----------
        offsets : ndarray of int64, shape (n,)
            Of those rows.

        Returns
        -------
        ndarray of int64, shape (words, n)
            As `SharedLayout` lays them out.
        """
        if self.sharing is None:
            raise ValueError("nothing is shared")
        return self.sharing.pack(offsets, self._block, self._shared_keys)

    def hear(self, words: NDArray[np.int64]) -> None:
        """Take events that another partition observed, in its order; nothing is computed of them.

        Parameters
        ----------
        words : ndarray of int64, shape (words, n)
            At most `batch_rows_max` events.
        """
        n = words.shape[1]
        if self.sharing is None or n > self.batch_rows_max:
            raise ValueError(f"{n} events of another partition cannot be taken")
        first = self.arrived
        self.sharing.unpack(words, self._block[: self._events.shape[1]])
        self._write_events(first, n)
        self.arrived += n
        for kind in self._types:
            keys, parts = self.sharing.keys(kind.plan.name, len(kind.parts), words)
            kind.observe(kind.longest_us, keys, parts, first, self.events_max, kind.places)

    def mark(
        self,
        numbers: NDArray[np.int64],
        is_fraud: NDArray[np.bool_],
        scores: NDArray[np.float64] | None = None,
        X: NDArray[np.float64] | None = None,
    ) -> None:
        """Take verdicts on events, in the order they came; the last one on an event stands.

        Those on events that are forgotten are passed over.

        Parameters
        ----------
        numbers : ndarray of int64, shape (k,)
            As `Readings.numbers` told them.
        is_fraud : ndarray of bool, shape (k,)
        scores : ndarray of float64, shape (k,), optional
            What was said of them at decision time; NaN where there was no score.
        X : ndarray of float64, shape (k, n_features), optional
            What their features were then.
        """
        if self._fraud_at is None or not len(numbers):
            return
        remembered = (numbers >= max(self.arrived - self.events_max, 0)) & (numbers < self.arrived)
        slots = np.where(remembered, numbers % len(self._lines), NIL)
        fraud = is_fraud.astype(np.int64)
        changes, news = np.empty_like(slots), np.empty_like(slots)
        said = np.full(len(slots), np.nan) if scores is None else np.ascontiguousarray(scores)
        then = np.full((len(slots), len(self.features.features)), np.nan) if X is None else X
        then = np.ascontiguousarray(then)
        verdict_at = NIL if self._verdict_at is None else self._verdict_at
        note_verdicts(self._lines, self._fraud_at, verdict_at, slots, fraud, changes, news)
        for kind in self._types:
            kind.tell(slots, fraud, changes, news, said, then)

    def erase(self, name: str, key: int) -> None:
        """Forget an entity for good: its events are from now on events of nobody.

        Whoever else they are of goes on counting them, but not the entity among distinct
        values. What nobody counts is left blank.

        Parameters
        ----------
        name : str
            Of the entity, as in `Inputs.entities`.
        key : int
            Its keyed hash.
        """
        column = self._key_at.get(name)
        for kind in self._types:
            if column is not None and (kind.arrays.distinct == column).any():
                kind.erase_value(column, key)
            places = kind.places_of(name, key)
            if len(places):
                kind.erase_entities(places)
        if column is not None:
            held = self._events[:, column]
            held[held.view(np.uint64) == key] = 0
        nobodys = np.ones(len(self._lines), np.bool_)
        for kind in self._types:
            nobodys &= kind.memory.links[:, OWNER] == NIL
        self._events[nobodys] = 0

    @property
    def _common(self) -> dict[str, Any]:
        return names_of(self.features, self.events_max, self.batch_rows_max)

    @property
    def _kept(self) -> list[Kept]:
        return [Kept(kind.plan.name, kind.memory, kind.arrays) for kind in self._types]

    def _observe(
        self, batch: Transactions, rows: NDArray[np.int64] | slice, n: int
    ) -> NDArray[np.float64]:
        first = self.arrived
        self._fill(batch, rows, n)
        self._write_events(first, n)
        self.arrived += n
        tasks = []
        for kind in self._types:
            keys = entity_keys(batch, self.features.inputs, kind.plan.entity)[rows]
            keys = np.ascontiguousarray(keys)
            parts = np.empty((len(kind.parts), n), np.uint64)
            for at, name in enumerate(kind.parts):
                parts[at] = key_column(batch, self.features.inputs, name)[rows]
            if self.sharing is not None and kind.plan.name in self.sharing:
                self._shared_keys[kind.plan.name] = np.vstack([keys[None], parts])
            arguments = kind.longest_us, keys, parts, first, self.events_max, kind.places
            tasks.append(partial(kind.observe, *arguments))
        side_by_side(tasks, self.threads if n >= _SHARED_ROWS_MIN else 1)
        return self._evaluate(n)

    def _pass_over(self, batch: Transactions, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Compute the features of rows that were not taken."""
        self._fill(batch, rows, len(rows))
        for kind in self._types:
            self._block[kind.base + KNOWN] = 0
        matrix = self._evaluate(len(rows))
        matrix[:, ~self._program.of_transaction] = np.nan
        return matrix

    def _fill(self, batch: Transactions, rows: NDArray[np.int64] | slice, n: int) -> None:
        self._block[TIME_US, :n] = batch.event_time_us[rows]
        self._columns.fill(batch, rows, self._block[1 : self._events.shape[1], :n])

    def _write_events(self, first: int, n: int) -> None:
        events, words = self._events, self._events.shape[1]
        start = first % len(events)
        fits = min(n, len(events) - start)
        events[start : start + fits] = self._block[:words, :fits].T
        events[: n - fits] = self._block[:words, fits:n].T

    def _evaluate(self, n: int) -> NDArray[np.float64]:
        program, block = self._program, self._block
        doubles = block.view(np.float64)
        evaluate(program.steps, program.scales, block, doubles, self._values, n)
        return np.ascontiguousarray(self._values[: len(self.features.features), :n].T)


class _EntityType:
    """One entity type: what is kept of it, and where its readings go."""

    def __init__(
        self,
        plan: EntityPlan,
        arrays: Plan,
        memory: Memory,
        base: int,
        parts: list[str],
        batch_rows_max: int,
    ) -> None:
        self.plan, self.arrays, self.memory, self.base = plan, arrays, memory, base
        self.parts = parts
        self.places = np.zeros(batch_rows_max, np.int64)
        lent = lend(memory), lend(arrays)
        self.tell = bound(tell_verdicts, *lent, rest=TELL)
        self.erase_value = bound(erase_value, *lent, rest=ERASE_VALUE)
        self.erase_entities = bound(erase_entities, *lent, rest=ERASE_ENTITIES)
        if not arrays.distinct.size and not arrays.peaks.size:
            # The common kind is compiled for its number of sums; ARCHITECTURE.md says why only it.
            event = ("lines", "events", "links")
            known = lend(memory, columns=["lines", "links"], strides=event)
            lent = known, lend(arrays, rows=["peaks"], columns=["sums", "distinct"])
        self.observe = bound(observe, *lent, rest=OBSERVE)
        self.longest_us = arrays.longest_us

    def places_of(self, name: str, key: int) -> NDArray[np.int64]:
        """Return where an entity is, by itself or in pairs, the greatest place first.

        A pair that was kept before its parts were could be anybody's, and is among them.
        """
        used = int(self.memory.control[0, USED])
        if self.plan.entity == (name,):
            found = self.memory.rows[:used, KEY].view(np.uint64) == key
        elif name in self.parts:
            part = self.memory.parts[:used, self.parts.index(name)]
            found = (part == key) | (part == 0)
        else:
            return np.zeros(0, np.int64)
        return np.flatnonzero(found)[::-1].copy()
