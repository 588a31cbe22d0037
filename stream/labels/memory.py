"""Where wide arrays come from: memory, unless the shell says otherwise."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Allocate(Protocol):
    """Makes an array of zeros; the shell may lay it on a disk."""

    def __call__(self, name: str, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return zeros of a shape; `name` is the array's alone within its owner."""
        ...


def in_memory(name: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return zeros; what is never written takes no memory."""
    return np.zeros(shape)
