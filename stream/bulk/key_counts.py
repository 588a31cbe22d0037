"""Whether an entity type has more entities than there is room for, before any is computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# How many keys are gathered before they are merged with those that are known.
_GATHERED = 1 << 20


class KeyCount:
    """Counts different keys, no further than one more than there is room for.

    Parameters
    ----------
    room : int
        Entities that can be remembered.

    Attributes
    ----------
    exceeded : bool
        Whether there were more; told once `settle` was called.
    """

    def __init__(self, room: int) -> None:
        self.exceeded = False
        self._room = room
        self._known = np.zeros(0, np.uint64)
        self._new: list[NDArray[np.uint64]] = []
        self._gathered = 0

    def add(self, keys: NDArray[np.uint64]) -> None:
        """Take keys, in any order; 0 is nobody's."""
        if self.exceeded:
            return
        self._new.append(keys)
        self._gathered += len(keys)
        if self._gathered >= _GATHERED:
            self.settle()

    def settle(self) -> None:
        """Count what was taken."""
        known = np.unique(np.concatenate([self._known, *self._new]))
        self._new, self._gathered = [], 0
        self.exceeded = self.exceeded or int((known != 0).sum()) > self._room
        self._known = known[:0] if self.exceeded else known
