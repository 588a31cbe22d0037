"""What finds changes in a mean, by the name that the configuration gives it.

Each detector has a row a subject, takes values in order, and writes a line for each change: at
which value, what is so now, what was so before. ADWIN goes on with what is left of its window,
as it was published; the others begin anew after a change, as River's do, and are River's value
by value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.drift import adwin, kswin, page_hinkley
from models.drift.states import of_others, restored, state_of
from models.states.snapshot import State
from schemas.jit import kernel, uncounted
from stream.monitor.events import Detector
from stream.monitor.parameters import MonitorParameters

# Columns of what an `observe` writes: which value; the mean now and before, of so many values;
# and of a test its p-value and the distance of the distributions.
ROW, MEAN, MEAN_BEFORE, ROWS, ROWS_BEFORE, P_VALUE, DISTANCE, COLUMNS = range(8)

_CLOCK = 32
# The draws of a detector follow from the values it is given, and from this.
_SEED = 1


@uncounted
@kernel
def observe_adwin(detectors, at, values, found):
    """Give values to a detector; write where it cut, and return how often.

    Parameters
    ----------
    detectors : models.drift.adwin.Detectors
    at : int
    values : ndarray of float64, shape (n,)
        NaN is none.
    found : ndarray of float64, shape (n // clock + 1, 7)
    """
    n_found = 0
    sums, counters = detectors.sums, detectors.counters
    for row in range(values.shape[0]):
        if values[row] != values[row]:
            continue
        total, width = sums[at, adwin.TOTAL] + values[row], counters[at, adwin.WIDTH] + 1
        if adwin.observe(detectors, at, values[row]):
            found[n_found, ROW] = row
            found[n_found, MEAN] = sums[at, adwin.TOTAL] / counters[at, adwin.WIDTH]
            found[n_found, MEAN_BEFORE] = total / width
            found[n_found, ROWS] = counters[at, adwin.WIDTH]
            found[n_found, ROWS_BEFORE] = width
            n_found += 1
    return n_found


@uncounted
@kernel
def observe_page_hinkley(detectors, at, values, found):
    """Give values to a detector; write where it drifted: since its sum turned, and before.

    Parameters
    ----------
    detectors : models.drift.page_hinkley.PageHinkleys
    at : int
    values : ndarray of float64, shape (n,)
        NaN is none.
    found : ndarray of float64, shape (n // min_instances + 1, 7)
    """
    n_found = 0
    for row in range(values.shape[0]):
        # After a drift it would begin anew; and whether it comes here at all, the cut decides.
        if values[row] != values[row]:
            continue
        if page_hinkley.update(detectors, at, values[row]):
            n = detectors.counters[at, page_hinkley.COUNT]
            before, mean_before = page_hinkley.turned(detectors, at)
            since = n - before
            total = n * detectors.sums[at, page_hinkley.MEAN] - before * mean_before
            found[n_found, ROW] = row
            found[n_found, MEAN] = total / since
            found[n_found, MEAN_BEFORE] = mean_before
            found[n_found, ROWS] = since
            found[n_found, ROWS_BEFORE] = before
            n_found += 1
    return n_found


@uncounted
@kernel
def observe_kswin(detectors, at, values, found):
    """Give values to a detector; write where it drifted: the newest values, and those drawn.

    Parameters
    ----------
    detectors : models.drift.kswin.Windows
    at : int
    values : ndarray of float64, shape (n,)
        NaN is none.
    found : ndarray of float64, shape (n // window_size + 1, 7)
    """
    n_found = 0
    for row in range(values.shape[0]):
        # After a drift it would begin anew; and whether it comes here at all, the cut decides.
        if values[row] != values[row]:
            continue
        if kswin.update(detectors, at, values[row]):
            found[n_found, ROW] = row
            found[n_found, MEAN] = detectors.said[at, kswin.MEAN]
            found[n_found, MEAN_BEFORE] = detectors.said[at, kswin.MEAN_BEFORE]
            found[n_found, ROWS] = detectors.chosen.shape[0]
            found[n_found, ROWS_BEFORE] = detectors.chosen.shape[0]
            found[n_found, P_VALUE] = detectors.said[at, kswin.P_VALUE]
            found[n_found, DISTANCE] = detectors.said[at, kswin.DISTANCE]
            n_found += 1
    return n_found


class _Method(NamedTuple):
    """How a detector is built, and asked.

    Attributes
    ----------
    detector : Detector
    new : callable
        From the number of subjects and the parameters.
    observe : callable
    apart_min : callable
        From the parameters: between two changes there are at least so many values.
    """

    detector: Detector
    new: Any
    observe: Any
    apart_min: Any


METHODS: dict[str, _Method] = {
    "adwin": _Method(
        Detector.ADWIN,
        lambda n, parameters: adwin.new(n, parameters.adwin_delta, _CLOCK),
        observe_adwin,
        lambda parameters: _CLOCK,
    ),
    "page_hinkley": _Method(
        Detector.PAGE_HINKLEY,
        lambda n, parameters: page_hinkley.new(
            n,
            parameters.page_hinkley_values_min,
            parameters.page_hinkley_delta,
            parameters.page_hinkley_threshold,
        ),
        observe_page_hinkley,
        lambda parameters: parameters.page_hinkley_values_min,
    ),
    "kswin": _Method(
        Detector.KSWIN,
        lambda n, parameters: kswin.new(
            n, parameters.kswin_alpha, parameters.kswin_window, parameters.kswin_newest, _SEED
        ),
        observe_kswin,
        lambda parameters: parameters.kswin_window,
    ),
}
"""By the name in `MonitorParameters.level_detectors`."""


class LevelDetector:
    """A detector of all subjects.

    Parameters
    ----------
    name : str
        Of `METHODS`.
    n : int
        Subjects.
    parameters : MonitorParameters

    Attributes
    ----------
    detector : Detector
    """

    def __init__(self, name: str, n: int, parameters: MonitorParameters) -> None:
        self._method = METHODS[name]
        self.detector = self._method.detector
        self._apart_min = self._method.apart_min(parameters)
        self._rows = self._method.new(n, parameters)

    def observe(self, subject: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take values of a subject in order; return its changes, shape (n_found, COLUMNS)."""
        found = np.full((len(values) // self._apart_min + 1, COLUMNS), np.nan)
        return found[: self._method.observe(self._rows, subject, values, found)]

    def state(self) -> State:
        """Return the rows, copied."""
        return state_of(self._rows)

    def restore(self, state: State) -> None:
        """Take a state; one under other parameters is left alone, a damaged one SnapshotError."""
        if not of_others(state, self._rows):
            self._rows = restored(state, self._rows)
