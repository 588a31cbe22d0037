"""A forest as a state, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from models.drift import states
from models.states.restoring import (
    array,
    count,
    require,
    require_header,
    require_kind,
    require_within,
)
from models.states.snapshot import State
from models.trees.nodes import Trees
from models.trees.saved import restore_trees, saved
from models.trees.twister import N_WORDS
from models.trees.votes import JUDGED, RIGHT, Forest
from schemas.errors import SnapshotError

KIND = "adaptive_random_forest/1"

Planted = Callable[[int], tuple[Trees, Forest]]


def saved_forest(header: Mapping[str, Any], trees: Trees, forest: Forest) -> State:
    """Return a forest as a state: its trees in order, then those that grow behind some."""
    roots = np.concatenate([forest.roots, forest.behind[forest.waits]])
    state = saved(KIND, {**header, "n_observed": trees.gauss.shape[1]}, trees, roots)
    arrays = {
        **state.arrays,
        "waits": forest.waits.copy(),
        "classes": forest.classes[roots],
        "hits": forest.hits.copy(),
        "alarms": forest.alarms.copy(),
        "words": forest.words.copy(),
        "by_name": forest.by_name.copy(),
    }
    parts = {}
    for name, detectors in (("warning", forest.warning), ("drift", forest.drift)):
        if header[name] is not None:
            parts[name] = states.state_of(detectors)
    return State(KIND, state.header, arrays, parts)


def restored_forest(
    state: State, header: Mapping[str, Any], planted: Planted
) -> tuple[Trees, Forest]:
    """Return the trees and the forest of a state.

    Parameters
    ----------
    header : mapping
        What the state's header must say.
    planted : callable
        Makes an empty forest from the number of columns that a leaf observes.

    Raises
    ------
    SnapshotError
        The state is none of such a forest.
    """
    require_kind(state, KIND)
    require_header(state, header)
    width = header["width"]
    require(state, type(state.header.get("taught")) is bool, "taught is no boolean")
    trees, forest = planted(count(state, "n_observed", 1, max(width, 1)))
    n = len(forest.roots)
    waits = array(state, "waits", np.bool_, (n,))
    require(state, header["warning"] is not None or not waits.any(), "a tree waits for nothing")
    # Roots alternate between two places; which of them is whose has no effect.
    roots = np.concatenate([forest.roots, forest.behind[waits]])
    restore_trees(state, trees, roots, width)
    classes = array(state, "classes", np.int8, (len(roots),))
    require_within(state, "classes", classes, 0, 3)
    hits = array(state, "hits", np.int64, (n, 2))
    require_within(state, "hits", hits[:, RIGHT], 0, hits[:, JUDGED])
    alarms = array(state, "alarms", np.int64, (n, 2))
    require_within(state, "alarms", alarms, 0, 2**62)
    words = array(state, "words", np.uint32, forest.words.shape)
    require_within(state, "words", words[N_WORDS:], 0, N_WORDS)
    # The recurrence reads of its first word only the highest bit.
    moves = words[0] >> 31 != 0 or words[1:N_WORDS].any()
    require(state, bool(moves), "words are all zeros, which never change")
    by_name = array(state, "by_name", np.int32, (width,))
    require(state, sorted(by_name) == list(range(width)), "by_name does not name every column")
    detectors = {}
    for name in ("warning", "drift"):
        own = getattr(forest, name)
        detectors[name] = own if header[name] is None else _detectors(state, name, own)
    forest.classes[roots] = classes
    found: dict[str, Any] = {"waits": waits, "hits": hits, "alarms": alarms}
    found |= {"words": words, "by_name": by_name, **detectors}
    return trees, forest._replace(**found)


def _detectors(state: State, name: str, own: Any) -> Any:
    if name not in state.parts:
        raise SnapshotError(f"{state.kind}: the part {name!r} is missing")
    return states.restored(state.parts[name], own)
