"""The detector under River's name, with River's parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from models.drift.adwin import (
    DRIFTED,
    FOUND,
    SQUARES,
    TOTAL,
    WIDTH,
    new,
    reset,
    update,
    update_many,
)
from models.drift.states import restored, state_of
from models.states.snapshot import State


class ADWIN(base.DriftDetector):
    """ADWIN: a window over a stream that is cut wherever its older part has another mean.

    The same as ``river.drift.ADWIN``, number by number, save that values are clipped to
    `models.dense.model.VALUE_MAX`, that a NaN changes nothing, and that the window's length
    is bounded (about ``max_buckets * 2**32`` values).

    Parameters
    ----------
    delta : float
        Significance of a cut, between 0 and 1.
    clock : int
        A cut is looked for at every `clock`-th value.
    max_buckets : int
        Buckets of one size, at least 2.
    min_window_length : int
        The least number of values on both sides of a cut.
    grace_period : int
        No cut before the window is longer than this.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Bifet & Gavaldà (2007), "Learning from time-changing data with adaptive windowing",
    SIAM SDM.
    """

    def __init__(
        self,
        delta: float = 0.002,
        clock: int = 32,
        max_buckets: int = 5,
        min_window_length: int = 5,
        grace_period: int = 10,
    ) -> None:
        super().__init__()
        self.delta = delta
        self.clock = clock
        self.max_buckets = max_buckets
        self.min_window_length = min_window_length
        self.grace_period = grace_period
        self._detector = new(1, delta, clock, max_buckets, min_window_length, grace_period)

    @property
    def drift_detected(self) -> bool:
        """Whether the last value showed a drift; the next one begins a new window."""
        return bool(self._detector.counters[0, DRIFTED])

    @property
    def width(self) -> int:
        """How many values the window holds."""
        return int(self._detector.counters[0, WIDTH])

    @property
    def total(self) -> float:
        """Sum of the window's values."""
        return float(self._detector.sums[0, TOTAL])

    @property
    def variance(self) -> float:
        """Sum of squared deviations in the window: what River gives under this name."""
        return float(self._detector.sums[0, SQUARES])

    @property
    def estimation(self) -> float:
        """Mean of the window's values; 0 where there are none."""
        return self.total / self.width if self.width else 0.0

    @property
    def n_detections(self) -> int:
        """Drifts since the window was last begun anew: 1 just after one, as in River."""
        return int(self._detector.counters[0, FOUND])

    def update(self, x: int | float) -> None:
        """Take a value."""
        update(self._detector, 0, float(x))

    def update_many(self, values: Any) -> NDArray[np.bool_]:
        """Take values in order.

        Parameters
        ----------
        values : array_like of float64, shape (n,)

        Returns
        -------
        drifts : ndarray of bool, shape (n,)
            What `drift_detected` was after each.
        """
        given = np.ascontiguousarray(values, np.float64)
        drifts = np.zeros(len(given), np.bool_)
        update_many(self._detector, 0, given, drifts)
        return drifts

    def _reset(self) -> None:
        super()._reset()
        reset(self._detector, 0)

    def state(self) -> State:
        """Return the window, copied."""
        return state_of(self._detector)

    def restore(self, state: State) -> None:
        """Take a state; SnapshotError, and no change, where it is not one of such a detector."""
        self._detector = restored(state, self._detector)
