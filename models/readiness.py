"""How many labels of each class a learner has seen, and whether they are enough."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.states.restoring import count, require_header
from models.states.snapshot import State

# Before it saw this many of each class a classifier's score is an artefact of its
# initial weights.
FRAUDS_MIN = 5
GENUINE_MIN = 50

_COUNT_MAX = 2**63 - 1


@dataclass
class ClassCounts:
    """Labels by class.

    Attributes
    ----------
    frauds_min, genuine_min : int
        Labels of each class before `ready`.
    frauds, genuine : int
        Labels of each class so far.

    Raises
    ------
    ValueError
        One of them is no whole number from 0 on.
    """

    frauds_min: int = FRAUDS_MIN
    genuine_min: int = GENUINE_MIN
    frauds: int = 0
    genuine: int = 0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not _is_count(value):
                raise ValueError(f"{name} is {value!r}: give a whole number from 0 on")

    @property
    def learned(self) -> int:
        """How many labels there were."""
        return self.frauds + self.genuine

    @property
    def ready(self) -> bool:
        """Whether enough of both classes was seen for a score to mean anything."""
        return self.frauds >= self.frauds_min and self.genuine >= self.genuine_min

    def count(self, y: NDArray[np.bool_]) -> None:
        """Count labels, shape (n,), True for fraud."""
        frauds = int(np.count_nonzero(y))
        self.frauds += frauds
        self.genuine += len(y) - frauds

    def header(self) -> dict[str, int]:
        """Return all four numbers by name, for a `models.states.snapshot.State`."""
        return dict(vars(self))

    def restored(self, state: State) -> ClassCounts:
        """Return the counts that a state's header holds.

        Raises
        ------
        SnapshotError
            There are none, or `frauds_min` or `genuine_min` is not the same as here.
        """
        require_header(state, {"frauds_min": self.frauds_min, "genuine_min": self.genuine_min})
        frauds, genuine = (count(state, name, 0, _COUNT_MAX) for name in ("frauds", "genuine"))
        return replace(self, frauds=frauds, genuine=genuine)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
