"""Few groups of bins, chosen so that each holds about as much of a reference.

Divergence is measured over about ten groups, as usual: finer ones would be empty by chance. What
many payments share, such as 0, has a group of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.monitor.bins import BINS, MISSING, UPPER_EDGES

GROUPS = 11
"""The first is that of missing values; of the others not all need be in use."""
_OF_VALUES = GROUPS - 1


class Groups:
    """How the bins of each column fall into groups.

    Parameters
    ----------
    reference : ndarray of int64, shape (k, BINS)

    Attributes
    ----------
    of_bin : ndarray of int64, shape (k, BINS)
        The group of each bin.
    """

    def __init__(self, reference: NDArray[np.int64]) -> None:
        self.of_bin = np.zeros(reference.shape, np.int64)
        for column, counts in enumerate(reference):
            self.of_bin[column, MISSING + 1 :] = 1 + _grouped(counts[MISSING + 1 :])

    def fold(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the counts of the groups, shape (k, GROUPS), of those of bins, shape (k, BINS)."""
        k = len(counts)
        places = self.of_bin + GROUPS * np.arange(k)[:, np.newaxis]
        folded = np.bincount(places.ravel(), counts.ravel(), GROUPS * k)
        return folded.reshape(k, GROUPS).astype(np.int64)

    def edges(self, column: int) -> list[float]:
        """Return the upper ends of a column's groups of values, but for the last."""
        of_values = self.of_bin[column, MISSING + 1 :]
        last = np.flatnonzero(np.diff(of_values))
        return UPPER_EDGES[MISSING + 1 :][last].tolist()


def _grouped(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the group of each bin, from 0: a group ends once it holds its part of what is left."""
    begins: list[int] = []
    left, held = int(counts.sum()), 0
    for at in np.flatnonzero(counts).tolist():
        n = int(counts[at])
        part = left / (_OF_VALUES - len(begins))
        # What is common by itself does not share a group with what came before it.
        if held and (held >= part or n >= part) and len(begins) + 1 < _OF_VALUES:
            begins.append(at)
            left, held = left - held, 0
        held += n
    return np.searchsorted(begins, np.arange(BINS - 1), side="right")
