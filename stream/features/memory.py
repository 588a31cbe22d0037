"""What the features remember costs: the formula, and the arrays it is the formula of.

bytes = events * event words * 8
      + for each entity type: events * states * 8
                              + capacity * (row words + states + known + parts) * 8 + key tables

where `events` is `events_max` and one batch more, and the words of an event hold its
columns and, two a word, its links in every entity type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.features.columns import Column
from stream.features.feature_set import FeatureSet
from stream.features.plan import parts_of, plan_features
from stream.keytable import BUCKET, buckets_for, key_table
from stream.windows.words import (
    BEGINNING_US,
    EVICTED_NOW_US,
    FRESHEST,
    KNOWN_SUMS,
    LINE,
    N_CONTROL,
    NIL,
    OWNER,
    STALEST,
    Memory,
    Plan,
)


def memory_of(
    features: FeatureSet,
    events_max: int,
    entities_max: int,
    capacities: Mapping[str, int] | None = None,
    batch_rows_max: int = 1024,
) -> dict[str, Any]:
    """Compute what a feature list takes, without taking it.

    Returns
    -------
    dict
        ``events``: count, bytes_each, bytes; ``entities``: by name, capacity, bytes_each (a
        row and its share of the key table), events_bytes_each (running values), bytes;
        ``total_bytes``.
    """
    plans, columns = plan_features(features)
    events = events_max + batch_rows_max
    arrays = [entity.arrays(_index(columns), features.inputs) for entity in plans]
    each = 8 * event_words(columns, arrays)
    report: dict[str, Any] = {
        "events": {"count": events, "bytes_each": each, "bytes": events * each},
        "entities": {},
    }
    for entity, plan in zip(plans, arrays, strict=True):
        capacity = (capacities or {}).get(entity.name, entities_max)
        table = buckets_for(capacity) * BUCKET.itemsize
        same = plan.distinct.size * buckets_for(events_max) * BUCKET.itemsize
        event = 8 * plan.states
        of = len(parts_of(entity.entity, features.inputs))
        row = 8 * (plan.row_words + plan.states + plan.known + of)
        report["entities"][entity.name] = {
            "capacity": capacity,
            "bytes_each": round(row + table / capacity, 1),
            "events_bytes_each": event,
            "bytes": events * event + capacity * row + table + same,
        }
    parts = [report["events"], *report["entities"].values()]
    report["total_bytes"] = sum(part["bytes"] for part in parts)
    return report


def check_sizes(name: str, events_max: int, capacity: int) -> None:
    """Refuse sizes whose places do not fit into a link.

    Raises
    ------
    ValueError
        Names the entity type and both sizes.
    """
    if not 0 < events_max < 2**31 - 2**20 or not 0 < capacity < 2**31 - 1:
        raise ValueError(
            f"{name}: events_max must be positive and below 2**31 - 2**20, the capacity "
            f"positive and below 2**31 - 1, not {events_max} and {capacity}"
        )


def event_words(columns: Sequence[Column], plans: Sequence[Plan]) -> int:
    """Return the words of one event: its columns, its links in every type, to whole lines."""
    halves = 2 * (1 + len(columns)) + sum(plan.links for plan in plans)
    return int(-(-halves // (2 * LINE)) * LINE)


def event_memory(words: int, events_max: int, batch_rows_max: int) -> NDArray[np.int64]:
    """Allocate the events, shared by all entity types."""
    return _lines(events_max + batch_rows_max, words)


def entity_memory(
    plan: Plan,
    lines: NDArray[np.int64],
    n_columns: int,
    links_at: int,
    block: NDArray[np.int64],
    capacity: int,
    events_max: int,
    parts: int = 0,
) -> Memory:
    """Allocate what one entity type remembers.

    Parameters
    ----------
    plan : Plan
    lines : ndarray of int64
        As `event_memory` returned it.
    n_columns : int
        Columns of an event, its time included.
    links_at : int
        Links of other types that come before this one's.
    block : ndarray of int64, shape (reads, rows of a batch)
        Where readings go.
    capacity, events_max : int
    parts : int
        Entities that an entity of this type is a pair of.
    """
    events = lines[:, :n_columns]
    start = 2 * n_columns + links_at
    links = lines.view(np.int32)[:, start : start + plan.links]
    links[:, OWNER] = NIL
    control = np.zeros((1, N_CONTROL), np.int64)
    control[0, [STALEST, FRESHEST]] = NIL
    control[0, EVICTED_NOW_US] = BEGINNING_US
    return Memory(
        lines=lines,
        events=events,
        doubles=events.view(np.float64),
        links=links,
        rows=_lines(capacity, plan.row_words),
        running=np.zeros((len(lines), plan.states)),
        carried=np.zeros((capacity, plan.states)),
        known=np.zeros((capacity, plan.known)),
        totals=np.zeros((1, KNOWN_SUMS)),
        parts=np.zeros((capacity, parts), np.uint64),
        buckets=key_table(capacity),
        same=key_table(events_max, plan.distinct.size),
        control=control,
        read=block,
        reading=block.view(np.float64),
    )


def _lines(rows: int, words: int) -> NDArray[np.int64]:
    """Allocate rows of whole cache lines, each beginning with one."""
    block = np.zeros(rows * words + LINE, np.int64)
    start = -(block.__array_interface__["data"][0] // block.itemsize) % LINE
    return block[start : start + rows * words].reshape(rows, words)


def _index(columns: Sequence[Column]) -> dict[Column, int]:
    return {column: 1 + at for at, column in enumerate(columns)}
