"""The detectors under River's names, with River's parameters."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from models.drift import kswin, page_hinkley
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


class PageHinkley(base.DriftDetector):
    """Page-Hinkley: deviations from the running mean, added up until they are too many.

    The same as ``river.drift.PageHinkley``, value by value, save that values are clipped to
    `models.dense.model.VALUE_MAX` and that a NaN changes nothing.

    Parameters
    ----------
    min_instances : int
        No drift before there are so many values, 1 or more.
    delta : float
        A change of the mean that is passed over, 0 or more.
    threshold : float
        A drift is where a sum has gone so far from where it turned, above 0.
    alpha : float
        What is left of a sum at the next value, above 0 up to 1.
    mode : {"up", "down", "both"}
        Which changes of the mean count.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Page (1954), "Continuous inspection schemes", Biometrika 41.
    """

    def __init__(
        self,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
        mode: str = "both",
    ) -> None:
        super().__init__()
        self.min_instances = min_instances
        self.delta = delta
        self.threshold = threshold
        self.alpha = alpha
        self.mode = mode
        self._detector = page_hinkley.new(1, min_instances, delta, threshold, alpha, mode)

    @property
    def drift_detected(self) -> bool:
        """Whether the last value showed a drift; the next one begins anew."""
        return bool(self._detector.counters[0, page_hinkley.DRIFTED])

    @property
    def n(self) -> int:
        """Values since the start."""
        return int(self._detector.counters[0, page_hinkley.COUNT])

    @property
    def estimation(self) -> float:
        """Mean of these values; 0 where there are none."""
        return float(self._detector.sums[0, page_hinkley.MEAN])

    def update(self, x: int | float) -> None:
        """Take a value."""
        page_hinkley.update(self._detector, 0, float(x))

    def update_many(self, values: Any) -> NDArray[np.bool_]:
        """Take values in order; return what `drift_detected` was after each, shape (n,)."""
        given = np.ascontiguousarray(values, np.float64)
        drifts = np.zeros(len(given), np.bool_)
        page_hinkley.update_many(self._detector, 0, given, drifts)
        return drifts

    def _reset(self) -> None:
        super()._reset()
        page_hinkley.reset(self._detector, 0)

    def state(self) -> State:
        """Return the sums, copied."""
        return state_of(self._detector)

    def restore(self, state: State) -> None:
        """Take a state; SnapshotError, and no change, where it is not one of such a detector."""
        self._detector = restored(state, self._detector)


class KSWIN(base.DriftDetector):
    """KSWIN: the newest values of a window beside some that are drawn from the rest of it.

    The same as ``river.drift.KSWIN``, value by value and draw by draw, save that values are
    clipped to `models.dense.model.VALUE_MAX`, that a NaN changes nothing, that a window holds
    10,000 values at most, and that a clone has seen nothing.

    Parameters
    ----------
    alpha : float
        Significance of a test, 0 to 1; there is one at every value.
    window_size : int
        Values that are remembered, at most 10,000.
    stat_size : int
        The newest of them, at most half of the window.
    seed : int, optional
        Of the draws; unset: any.
    window : iterable of float, optional
        Values to begin with, which are not counted in `n`.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Raab, Heusinger & Schleif (2020), "Reactive soft prototype computing for concept drift
    streams", Neurocomputing 416.
    """

    def __init__(
        self,
        alpha: float = 0.005,
        window_size: int = 100,
        stat_size: int = 30,
        seed: int | None = None,
        window: Iterable[float] | None = None,
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.window_size = window_size
        self.stat_size = stat_size
        self.seed = seed
        given = random.SystemRandom().getrandbits(32) if seed is None else seed
        self._detector = kswin.new(1, alpha, window_size, stat_size, given)
        for value in window or ():
            kswin.put(self._detector, 0, float(value))

    @property
    def drift_detected(self) -> bool:
        """Whether the last value showed a drift; the next one begins a new window."""
        return bool(self._detector.counters[0, kswin.DRIFTED])

    @property
    def n(self) -> int:
        """Values since the start."""
        return int(self._detector.counters[0, kswin.COUNT])

    @property
    def p_value(self) -> float:
        """Of the last test; 0 before the first."""
        return float(self._detector.said[0, kswin.P_VALUE])

    @property
    def window(self) -> list[float]:
        """What is remembered, the oldest first: after a drift the newest values alone."""
        counters = self._detector.counters[0]
        size = int(counters[kswin.SIZE])
        oldest = int(counters[kswin.NEXT]) if size == self.window_size else 0
        values = np.roll(self._detector.values[0], -oldest)[:size]
        return (values[-self.stat_size :] if self.drift_detected else values).tolist()

    def update(self, x: int | float) -> None:
        """Take a value."""
        kswin.update(self._detector, 0, float(x))

    def update_many(self, values: Any) -> NDArray[np.bool_]:
        """Take values in order; return what `drift_detected` was after each, shape (n,)."""
        given = np.ascontiguousarray(values, np.float64)
        drifts = np.zeros(len(given), np.bool_)
        kswin.update_many(self._detector, 0, given, drifts)
        return drifts

    def _get_params(self) -> dict[str, Any]:
        # A clone is a detector that has seen nothing: River's would begin with the window.
        return {**super()._get_params(), "window": None}

    def _reset(self) -> None:
        super()._reset()
        kswin.reset(self._detector, 0)

    def state(self) -> State:
        """Return the window and its generator, copied."""
        return state_of(self._detector)

    def restore(self, state: State) -> None:
        """Take a state; SnapshotError, and no change, where it is not one of such a detector."""
        self._detector = restored(state, self._detector)
