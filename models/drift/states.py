"""Detectors of drift as a state, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from models.drift import adwin, kswin, page_hinkley
from models.drift.adwin import DRIFTED, FOUND, TICK, TOP, WIDTH
from models.states.restoring import array, require, require_header, require_kind, require_within
from models.states.snapshot import State
from models.trees.twister import N_WORDS
from schemas.errors import SnapshotError

_COUNT_MAX = 2**62

Detectors = TypeVar("Detectors", adwin.Detectors, page_hinkley.PageHinkleys, kswin.Windows)


class _Kind(NamedTuple):
    """How detectors of a kind are kept.

    Attributes
    ----------
    name : str
    parameters : tuple of str
        Arrays that must be those of whoever takes the state.
    kept : tuple of str
        Arrays that change; what is in neither of them is room to work in, or follows.
    header : callable
        From detectors to their shape.
    sound : callable
        Refuses a state's arrays that kernels cannot be given; returns detectors that can.
    """

    name: str
    parameters: tuple[str, ...]
    kept: tuple[str, ...]
    header: Callable[[Any], dict[str, int]]
    sound: Callable[[State, Any], Any]


def state_of(detectors: Detectors) -> State:
    """Return all detectors, copied."""
    kind = _KINDS[type(detectors)]
    names = kind.kept + kind.parameters
    arrays = {name: getattr(detectors, name).copy() for name in names}
    return State(kind.name, kind.header(detectors), arrays)


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
    kind = _KINDS[type(like)]
    require_kind(state, kind.name)
    require_header(state, kind.header(like))
    arrays = {}
    for name in kind.kept + kind.parameters:
        own = getattr(like, name)
        arrays[name] = array(state, name, own.dtype, own.shape)
    for name in kind.parameters:
        if not np.array_equal(arrays[name], getattr(like, name)):
            raise SnapshotError(f"{kind.name}: {name} are not those of the detectors to restore")
    return kind.sound(state, like._replace(**arrays))


def of_others(state: State, like: Detectors) -> bool:
    """Say whether a state is of as sound detectors as these, but with other parameters."""
    kind = _KINDS[type(like)]
    if any(state.header.get(name) != own for name, own in kind.header(like).items()):
        return True
    return any(
        name in state.arrays and not np.array_equal(state.arrays[name], getattr(like, name))
        for name in kind.parameters
    )


def _adwin_header(detectors: adwin.Detectors) -> dict[str, int]:
    n, levels, slots = detectors.totals.shape
    return {"n": n, "levels": levels, "max_buckets": slots - 1}


def _sound_adwin(state: State, found: adwin.Detectors) -> adwin.Detectors:
    _, levels, slots = found.totals.shape
    counters = found.counters
    # One slot stays free, for the bucket that makes a level over-full.
    require_within(state, "sizes", found.sizes, 0, slots - 1)
    require_within(state, "counters", counters[:, TOP], 0, levels - 1)
    require_within(state, "counters", counters[:, [WIDTH, TICK, FOUND]], 0, _COUNT_MAX)
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
    return found


def _page_hinkley_header(detectors: page_hinkley.PageHinkleys) -> dict[str, int]:
    return {"n": len(detectors.sums)}


def _sound_page_hinkley(
    state: State, found: page_hinkley.PageHinkleys
) -> page_hinkley.PageHinkleys:
    counters = found.counters
    whole = counters[:, page_hinkley.COUNT]
    require_within(state, "counters", whole, 0, _COUNT_MAX)
    turns = counters[:, [page_hinkley.COUNT_AT_LEAST, page_hinkley.COUNT_AT_GREATEST]]
    require_within(state, "counters", turns, np.minimum(whole, 1)[:, None], whole[:, None])
    require_within(state, "counters", counters[:, page_hinkley.DRIFTED], 0, np.minimum(whole, 1))
    require(state, not found.sums[whole == 0].any(), "a detector without values has sums")
    return found


def _kswin_header(detectors: kswin.Windows) -> dict[str, int]:
    n, window_size = detectors.values.shape
    return {"n": n, "window_size": window_size, "stat_size": len(detectors.chosen)}


def _sound_kswin(state: State, found: kswin.Windows) -> kswin.Windows:
    """Refuse what the kernels could not walk over; put the rings' slots in order of value."""
    n, window_size = found.values.shape
    size, cursor = found.counters[:, kswin.SIZE], found.counters[:, kswin.NEXT]
    require_within(state, "counters", size, 0, window_size)
    require_within(state, "counters", cursor, 0, window_size - 1)
    require_within(state, "counters", found.counters[:, kswin.COUNT], 0, _COUNT_MAX)
    full = size == window_size
    require_within(state, "counters", found.counters[:, kswin.DRIFTED], 0, full)
    require_within(state, "words", found.words[:, N_WORDS], 0, N_WORDS)
    filled = full | (size == cursor)
    require(state, bool(filled.all()), "a window that is not full does not begin at its beginning")
    free = np.arange(window_size) >= size[:, None]
    require(state, not found.values[free].any(), "a slot that is not in use is not zero")
    order = np.zeros((n, window_size), np.int32)
    for at, held in enumerate(size.tolist()):
        order[at, :held] = np.argsort(found.values[at, :held], kind="stable")
    room = {name: np.zeros_like(getattr(found, name)) for name in ("parts", "pool", "chosen")}
    return found._replace(order=order, **room)


_KINDS: dict[type, _Kind] = {
    adwin.Detectors: _Kind(
        "adwin/1",
        ("deltas", "rules"),
        ("totals", "squares", "sizes", "sums", "counters"),
        _adwin_header,
        _sound_adwin,
    ),
    page_hinkley.PageHinkleys: _Kind(
        "page_hinkley/1",
        ("rules", "limits"),
        ("sums", "counters"),
        _page_hinkley_header,
        _sound_page_hinkley,
    ),
    kswin.Windows: _Kind(
        "kswin/1",
        ("rules", "seeds"),
        ("values", "words", "counters", "said"),
        _kswin_header,
        _sound_kswin,
    ),
}
