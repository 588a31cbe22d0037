"""A state that was kept with other challengers than there are now.

Challengers come and go, and what the champion has learned is not to be lost for it. What a row
that waits was told by models that are gone is dropped, and models that came since have said
nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import require
from models.states.snapshot import State
from schemas.errors import SnapshotError
from stream.decide import DecisionScores
from stream.rings import WRAPPED

# Parts of an engine's state that hold what was said of payments.
_HOLD_SCORES = ("waiting", "examples")
CHALLENGER = "challenger "


def challengers_of(state: State) -> list[str]:
    """Return the names of the slots behind the first, when a state was kept."""
    found = state.header.get("challengers")
    texts = type(found) is list and all(type(each) is str for each in found)
    require(state, texts, f"challengers is {found!r}, which are no names")
    return list(found or [])


def with_challengers(state: State, names: Sequence[str]) -> State:
    """Return a state as if it had been kept with other challengers.

    Parameters
    ----------
    state : State
        Of an engine.
    names : sequence of str
        Of all contenders that there are now, by slot. The first is who was the first before.

    Raises
    ------
    SnapshotError
        The champion is not among them, or somebody who decided payments that still wait.
    """
    before = [names[0], *challengers_of(state)]
    if before == list(names):
        return state
    champion = state.header.get("champion", names[0])
    if champion not in names:
        raise SnapshotError(
            f"{state.kind}: {champion!r} decides, and is no contender any more: leave it in "
            "model.challengers, or promote another one before"
        )
    parts = dict(state.parts)
    for each in _HOLD_SCORES:
        if each in parts:
            parts[each] = _rearranged(parts[each], before, names)
    gone = {f"{CHALLENGER}{name}" for name in before if name not in names}
    parts = {name: part for name, part in parts.items() if name not in gone}
    return replace(state, header={**state.header, "challengers": list(names[1:])}, parts=parts)


def _rearranged(state: State, before: Sequence[str], names: Sequence[str]) -> State:
    arrays = dict(state.arrays)
    for behind in ("", WRAPPED):
        arrays |= _rows(state, arrays, behind, before, names)
    return replace(state, arrays=arrays)


def _rows(
    state: State,
    arrays: Mapping[str, NDArray[Any]],
    behind: str,
    before: Sequence[str],
    names: Sequence[str],
) -> dict[str, NDArray[Any]]:
    """Return scores and champions of one piece of a ring by other slots."""
    matrix = arrays.get(f"scores{behind}")
    width = DecisionScores.width(len(before))
    fits = matrix is not None and matrix.ndim == 2 and matrix.shape[1] == width
    if matrix is None or not fits:
        raise SnapshotError(f"{state.kind}: scores{behind} are not of {len(before)} contenders")
    found = arrays.get(f"champions{behind}", np.zeros(len(matrix), np.uint8))
    shaped = found.shape == (len(matrix),) and found.dtype == np.uint8
    require(state, shaped and int(found.max(initial=0)) < len(before), "champions are others")
    slots = np.array([names.index(name) if name in names else -1 for name in before])
    champions = slots[found]
    if (champions < 0).any():
        name = before[int(found[champions < 0][0])]
        raise SnapshotError(
            f"{state.kind}: {name!r} decided payments that still wait for their labels: leave it "
            "in model.challengers until labels.maturity and labels.correctable have passed"
        )
    said = DecisionScores.unpacked(matrix, found)
    columns = [
        _champion_first(
            np.column_stack([_column(pick, name, before, len(matrix)) for name in names]), champions
        )
        for pick in (said.scores_of, said.raw_of)
    ]
    return {
        f"scores{behind}": np.column_stack([*columns, said.alerting]),
        f"champions{behind}": champions.astype(np.uint8),
    }


def _column(pick: Any, name: str, before: Sequence[str], n: int) -> NDArray[np.float64]:
    return pick(before.index(name)) if name in before else np.full(n, np.nan)


def _champion_first(
    matrix: NDArray[np.float64], champions: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Exchange the first column of each row with its champion's."""
    rows = np.arange(len(matrix))
    first = matrix[:, 0].copy()
    matrix[:, 0] = matrix[rows, champions]
    others = champions != 0
    matrix[rows[others], champions[others]] = first[others]
    return matrix
