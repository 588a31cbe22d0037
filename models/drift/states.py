"""Detectors of drift as a state, and back."""

from __future__ import annotations

import numpy as np

from models.drift.adwin import DRIFTED, FOUND, TICK, TOP, WIDTH, Detectors
from models.states.restoring import array, require, require_header, require_kind, require_within
from models.states.snapshot import State
from schemas.errors import SnapshotError

KIND = "adwin/1"


def state_of(detectors: Detectors) -> State:
    """Return all detectors, copied."""
    arrays = {name: values.copy() for name, values in detectors._asdict().items()}
    return State(KIND, _shape(detectors), arrays)


def restored(state: State, like: Detectors) -> Detectors:
    """Return the detectors of a state.

    Parameters
    ----------
    state : State
    like : Detectors
        As many detectors with the same parameters; they are left as they are.

    Raises
    ------
    SnapshotError
        The state is none of such detectors.
    """
    require_kind(state, KIND)
    require_header(state, _shape(like))
    found = Detectors(
        *(array(state, name, own.dtype, own.shape) for name, own in like._asdict().items())
    )
    for name in ("deltas", "rules"):
        if not np.array_equal(getattr(found, name), getattr(like, name)):
            raise SnapshotError(f"{KIND}: {name} are not those of the detectors to restore")
    _require_sound(state, found)
    return found


def _shape(detectors: Detectors) -> dict[str, int]:
    n, levels, slots = detectors.totals.shape
    return {"n": n, "levels": levels, "max_buckets": slots - 1}


def _require_sound(state: State, found: Detectors) -> None:
    _, levels, slots = found.totals.shape
    counters = found.counters
    # One slot stays free, for the bucket that makes a level over-full.
    require_within(state, "sizes", found.sizes, 0, slots - 1)
    require_within(state, "counters", counters[:, TOP], 0, levels - 1)
    require_within(state, "counters", counters[:, [WIDTH, TICK, FOUND]], 0, 2**62)
    require_within(state, "counters", counters[:, DRIFTED], 0, 1)
    held = (found.sizes << np.arange(levels)).sum(axis=1)
    require(state, bool((held == counters[:, WIDTH]).all()), "sizes do not add up to the width")
    level = np.arange(levels)
    empty = counters[:, WIDTH] == 0
    require(state, not counters[empty, TOP].any(), "an empty window has a highest level")
    used = (level <= counters[:, [TOP]]) & ~empty[:, None]
    require(state, bool(((found.sizes > 0) == used).all()), "a level is empty that cannot be")
    free = np.arange(slots) >= found.sizes[:, :, None]
    clear = (found.totals[free] == 0).all() and (found.squares[free] == 0).all()
    require(state, bool(clear), "a bucket that is not in use is not zero")
