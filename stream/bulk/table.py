"""A part of the table, put together from what the shards found."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Transactions
from stream.bulk.parts import PartFiles
from stream.bulk.shards import Shard, by_entity
from stream.features.declare import flat
from stream.features.evaluate import evaluate
from stream.features.feature_set import FeatureSet
from stream.features.grammar import Derived, Feature
from stream.features.program import compile_derived
from stream.features.state import FeatureState
from stream.features.value_states import ValueState, worse
from stream.files.table_columns import TableShape, columns_of, rows_of
from stream.files.table_parts import write_part

_STATES = NDArray[np.uint8]


@dataclass(frozen=True)
class TableTask:
    """The task of writing a part of the table.

    Attributes
    ----------
    number : int
        Of the part.
    folder : Path
    path : Path
        Where the part of the table goes.
    shape : TableShape
    features : FeatureSet
    shards : tuple of Shard
        All of them; they have been computed.
    batch_rows_max : int
    hash_key : bytes
        16 bytes.
    """

    number: int
    folder: Path
    path: Path
    shape: TableShape
    features: FeatureSet
    shards: tuple[Shard, ...]
    batch_rows_max: int
    hash_key: bytes


def table_part(task: TableTask) -> float:
    """Write a part of the table; return the processor time it took, seconds.

    Raises
    ------
    OSError
        If it cannot be read or written.
    """
    began = time.process_time()
    part = PartFiles(task.folder, task.number)
    batch = part.batch(task.features.layout)
    taken = part.array("taken").astype(np.bool_, copy=False)
    found = _of_payment(task, batch, taken) | _of_entities(task, part, batch)
    matrix, states = _derived(task, found, len(batch))
    became = _Became(
        part.array("reasons").astype(np.int64, copy=False),
        part.array("duplicate").astype(np.bool_, copy=False),
    )
    is_fraud = part.array("is_fraud").astype(np.int8, copy=False)
    rows = rows_of(batch, is_fraud, became, matrix, states)
    write_part(task.path, task.shape, columns_of([rows], task.shape))
    return time.process_time() - began


class _Became(NamedTuple):
    """What became of rows; see `stream.files.table_columns.Taken`."""

    reasons: NDArray[np.int64]
    duplicate: NDArray[np.bool_]


class _Column(NamedTuple):
    """A feature of all rows; states only if they are wanted."""

    values: NDArray[np.float64]
    states: _STATES | None


def _of_payment(
    task: TableTask, batch: Transactions, taken: NDArray[np.bool_]
) -> dict[Feature, _Column]:
    """Compute what needs no memory."""
    own = by_entity(task.features)[()]
    if not own:
        return {}
    size = task.batch_rows_max
    features = replace(task.features, features=own)
    state = FeatureState(features, size, 1, {}, size, task.hash_key)
    matrix = np.empty((len(batch), len(own)))
    states = np.empty(matrix.shape, np.uint8)
    for start in range(0, len(batch), size):
        some = slice(start, min(start + size, len(batch)))
        view = Transactions(batch.layout, batch.longs[:, some], batch.data)
        readings = state.observe(view, taken[some])
        matrix[some] = readings.matrix
        if task.shape.states:
            states[some] = readings.states(np.arange(len(view)))
    return _by_feature(own, matrix, states if task.shape.states else None)


def _of_entities(task: TableTask, part: PartFiles, batch: Transactions) -> dict[Feature, _Column]:
    """Read what the shards found; of each row what its entity's shard did."""
    found: dict[Feature, _Column] = {}
    for shard in task.shards:
        values = part.array(f"features-{shard.number}").astype(np.float64, copy=False)
        states = None
        if task.shape.states:
            states = part.array(f"states-{shard.number}").astype(np.uint8, copy=False)
        if shard.at:
            # What the first shard of the type wrote is filled up, in place.
            owned = shard.owns(batch)
            for at, feature in enumerate(shard.features.features):
                whole = found[feature]
                whole.values[owned] = values[owned, at]
                if states is not None and whole.states is not None:
                    whole.states[owned] = states[owned, at]
        else:
            found |= _by_feature(shard.features.features, values, states)
    return found


def _by_feature(
    features: tuple[Feature, ...], matrix: NDArray[np.float64], states: _STATES | None
) -> dict[Feature, _Column]:
    return {
        feature: _Column(matrix[:, at], None if states is None else states[:, at])
        for at, feature in enumerate(features)
    }


def _derived(
    task: TableTask, found: dict[Feature, _Column], n: int
) -> tuple[NDArray[np.float64], _STATES | None]:
    """Compute what is derived; return all features as the table wants them."""
    results, program = compile_derived(task.features)
    values = np.full((len(results), n), np.nan)
    for feature, row in results.items():
        if not isinstance(feature, Derived):
            values[row] = found[feature].values
    nothing = np.zeros((0, n), np.int64)
    evaluate(program.steps, program.scales, nothing, nothing.view(np.float64), values, n)
    matrix = np.ascontiguousarray(values[: len(task.features.features)].T)
    if not task.shape.states:
        return matrix, None
    states = np.zeros(matrix.shape, np.uint8)
    for at, feature in enumerate(task.features.features):
        for part in flat([feature]):
            column = None if isinstance(part, Derived) else found[part].states
            if column is not None:
                states[:, at] = worse(states[:, at], column)
    states[np.isnan(matrix)] = ValueState.UNKNOWN
    return matrix, states
