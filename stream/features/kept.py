"""What is kept of the features, as a state: what lives, and nothing that can be made again.

Events that are forgotten and entities that were never seen are left out, so a state is as
large as what is remembered. So are the key tables: they follow from the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.states.restoring import count, require, require_kind, require_same, view
from models.states.snapshot import State
from schemas.borrowed import bound, lend
from schemas.errors import SnapshotError
from stream.features.feature_set import FeatureSet
from stream.rings import put, ring_arrays, ring_rows
from stream.windows.integrity import SPAN, Fault, find_fault
from stream.windows.words import USED, Memory, Plan

_KIND, _ENTITIES = "features/1", "entities/1"
_ARRIVED_MAX = 2**62

_WHAT = {
    Fault.CONTROL: "control: more entities than there is room for, or a hand that is lost",
    Fault.KEYS: "rows: an entity stands twice, or is nobody",
    Fault.OWNERS: "events: one belongs to an entity that is not there",
    Fault.LISTS: "events: the list of an entity's events is broken",
    Fault.DISTINCT: "events: the chain of an entity's equal values is broken",
    Fault.PEAKS: "events: the stack of an entity's peaks is broken",
    Fault.ENTITIES: "rows: an entity names events that are not its own",
    Fault.WINDOWS: "rows: a window begins or ends at the wrong event",
    Fault.SLEEPERS: "rows: the chain of entities without events is broken",
}


class Kept(NamedTuple):
    """What one entity type remembers, and how it is laid out."""

    name: str
    memory: Memory
    plan: Plan


def names_of(features: FeatureSet, events_max: int, batch_rows_max: int) -> dict[str, Any]:
    """Return what two states must have in common, apart from their entity types."""
    inputs: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(features.inputs))
    return {
        "names": list(features.names),
        "inputs": inputs,
        "events_max": events_max,
        "batch_rows_max": batch_rows_max,
    }


def state_of(
    common: Mapping[str, Any],
    events_max: int,
    arrived: int,
    lines: NDArray[np.int64],
    types: Sequence[Kept],
) -> State:
    """Return all that was remembered when so many events had arrived.

    The arrays are views: they hold until the next event or verdict.
    """
    first = max(0, arrived - events_max)
    parts = {
        each.name: State(
            _ENTITIES,
            {"capacity": len(each.memory.rows), "used": _used(each.memory)},
            {
                **_of_entities(each.memory, _used(each.memory)),
                **ring_arrays({"running": each.memory.running}, first, arrived),
            },
        )
        for each in types
    }
    header = {**common, "arrived": arrived}
    return State(_KIND, header, ring_arrays({"events": lines}, first, arrived), parts)


def fill(
    state: State,
    common: Mapping[str, Any],
    events_max: int,
    lines: NDArray[np.int64],
    types: Sequence[Kept],
) -> int:
    """Write a state into empty memory; return how many events had arrived.

    Raises
    ------
    SnapshotError
        The state is of other features or sizes, or damaged: the memory is of no use then.
    """
    require_kind(state, _KIND)
    for name, own in common.items():
        require_same(state, name, own)
    own_types = sorted(each.name for each in types)
    require(state, sorted(state.parts) == own_types, f"its entity types are not {own_types}")
    arrived = count(state, "arrived", 0, _ARRIVED_MAX)
    first = max(0, arrived - events_max)
    put(lines, first, ring_rows(state, {"events": lines}, first, arrived)["events"])
    for each in types:
        try:
            _fill_entities(state.parts[each.name], each, first, arrived)
        except SnapshotError as error:
            raise SnapshotError(f"{each.name}: {error}") from error
    return arrived


def _fill_entities(state: State, kept: Kept, first: int, arrived: int) -> None:
    memory = kept.memory
    require_kind(state, _ENTITIES)
    require_same(state, "capacity", len(memory.rows))
    used = count(state, "used", 0, len(memory.rows))
    ring = {"running": memory.running}
    put(memory.running, first, ring_rows(state, ring, first, arrived)["running"])
    for name, own in _of_entities(memory, used).items():
        if name == "parts" and name not in state.arrays:
            continue  # Of a snapshot from before they were kept: they stay 0.
        own[...] = view(state, name, own.dtype, own.shape, finite=False)
    require(state, _used(memory) == used, "control: it counts other entities than there are")
    walk = bound(find_fault, lend(memory), lend(kept.plan), rest=SPAN)
    fault = Fault(walk(first, arrived))
    require(state, fault is Fault.NONE, _WHAT.get(fault, ""))


def _of_entities(memory: Memory, used: int) -> dict[str, NDArray[Any]]:
    """View what belongs to the entities that were seen, and to all of them together."""
    return {
        "rows": memory.rows[:used],
        "carried": memory.carried[:used],
        "known": memory.known[:used],
        "parts": memory.parts[:used],
        "totals": memory.totals,
        "control": memory.control,
    }


def _used(memory: Memory) -> int:
    return int(memory.control[0, USED])
