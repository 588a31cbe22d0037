"""What the features are at each row of a batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.features.program import Program
from stream.features.value_states import ValueState, worst_states

NOT_TAKEN = -1


class Readings:
    """What the features are at each row of a batch.

    Attributes
    ----------
    numbers : ndarray of int64, shape (n,)
        Number of each event, counted from 0 in order of arrival; NOT_TAKEN for other rows.
    matrix : ndarray of float64, shape (n, n_features)
        NaN where a value is not known.
    """

    def __init__(
        self,
        numbers: NDArray[np.int64],
        matrix: NDArray[np.float64],
        taken: NDArray[np.int64],
        block: NDArray[np.int64],
        values: NDArray[np.float64],
        program: Program,
    ) -> None:
        self.numbers = numbers
        self.matrix = matrix
        self._taken, self._block, self._values, self._program = taken, block, values, program

    def states(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the `ValueState` of every value of some rows; until the next batch only.

        Returns
        -------
        ndarray of uint8, shape (len(rows), n_features)
        """
        states = np.zeros((len(rows), self.matrix.shape[1]), np.uint8)
        places = np.searchsorted(self._taken, rows)
        places[np.append(self._taken, NOT_TAKEN)[places] != rows] = NOT_TAKEN
        worst_states(self._program.sources, self._block, self._values, places, states)
        states[np.isnan(self.matrix[rows])] = ValueState.UNKNOWN
        return states
