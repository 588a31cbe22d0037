"""Columns of numbers, window by window of event time, beside a reference that stays.

The first windows make the reference. Each later one is compared with it once it is over: a column
has drifted if the difference is large (`MonitorParameters.psi_min`) and no accident, which depends
on how far the windows of the reference lie apart, and on how many columns are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.drift.significance import Dispersion, false_discoveries
from models.states.restoring import array, count, require, require_kind, require_within
from models.states.snapshot import State
from stream.monitor.bins import BINS, count_into
from stream.monitor.comparison import Comparison, Reference
from stream.monitor.events import Detector, DriftEvent
from stream.monitor.parameters import MonitorParameters

HISTORY = 60
"""Windows whose index is remembered."""
_KIND = "distributions/1"
_NEVER_US = -(2**62)
_COUNT_MAX = 2**62


@dataclass
class _Cursors:
    """Whole numbers of the state: times of the stream in microseconds, and counts.

    Attributes
    ----------
    began_us : int
        When the first row could have come.
    from_us, due_us : int
        Beginning and end of the window.
    gathering_us : int
        When the first window of the reference began.
    """

    began_us: int = _NEVER_US
    from_us: int = _NEVER_US
    due_us: int = _NEVER_US
    gathering_us: int = _NEVER_US


class Distributions:
    """Histograms of columns: of the reference, and of the window that is open.

    Parameters
    ----------
    names : sequence of str
        Of the columns.
    parameters : MonitorParameters

    Attributes
    ----------
    counts : ndarray of int64, shape (k, BINS)
        Of the open window.
    rows : int
        It has so many.
    reference : Reference or None
    history : ndarray of float64, shape (HISTORY, k)
        The index of the last windows that were over, the latest last; NaN before the first.
    since_us : ndarray of int64, shape (k,)
        Event time since which a column is drifted; a negative number if it is not.
    """

    def __init__(self, names: Sequence[str], parameters: MonitorParameters) -> None:
        self.names = tuple(names)
        self.parameters = parameters
        self._begin_anew()

    def _begin_anew(self) -> None:
        k = len(self.names)
        self.counts = np.zeros((k, BINS), np.int64)
        self.rows = 0
        self.reference: Reference | None = None
        self.history = np.full((HISTORY, k), np.nan)
        self.since_us = np.full(k, _NEVER_US, np.int64)
        self._windows: list[NDArray[np.int64]] = []
        self._cursors = _Cursors()

    @property
    def due_us(self) -> int:
        """When the window is over: before it `advance` has nothing to do."""
        return self._cursors.due_us

    @property
    def from_us(self) -> int | None:
        """When the window began."""
        return None if self._cursors.from_us == _NEVER_US else self._cursors.from_us

    @property
    def drifted(self) -> NDArray[np.bool_]:
        """Which columns are, shape (k,)."""
        return self.since_us != _NEVER_US

    def observe(self, values: NDArray[np.float64]) -> None:
        """Count rows, shape (n, k) and contiguous."""
        count_into(self.counts, values)
        self.rows += len(values)

    def advance(self, now_us: int) -> list[DriftEvent]:
        """Close the window if it is over; return what begins to drift or does so no longer."""
        cursors, width_us = self._cursors, self.parameters.window_us
        if now_us < cursors.due_us:
            return []
        events: list[DriftEvent] = []
        if cursors.began_us == _NEVER_US:
            cursors.began_us = cursors.from_us = now_us
        elif self.rows >= self.parameters.rows_min:
            events = self._close(now_us)
            self.counts, self.rows = np.zeros_like(self.counts), 0
            cursors.from_us = now_us
        cursors.due_us = (now_us // width_us + 1) * width_us
        return events

    def compare(self) -> Comparison | None:
        """Compare the window as far as it is open; None before there is a reference."""
        return None if self.reference is None else self.reference.compare(self.counts)

    def _close(self, now_us: int) -> list[DriftEvent]:
        if self.reference is not None:
            return self._judge(self.reference, now_us)
        cursors, parameters = self._cursors, self.parameters
        if cursors.from_us >= cursors.began_us + parameters.warm_up_us:
            if not self._windows:
                cursors.gathering_us = cursors.from_us
            self._windows.append(self.counts)
            if len(self._windows) == parameters.reference_windows:
                windows = np.stack(self._windows)
                self.reference = Reference.of(windows, cursors.gathering_us, now_us)
                self._windows = []
        return []

    def _judge(self, reference: Reference, now_us: int) -> list[DriftEvent]:
        found = reference.compare(self.counts)
        self.history[:-1] = self.history[1:]
        self.history[-1] = found.psi
        large = np.nan_to_num(found.psi) >= self.parameters.psi_min
        drifted = large & false_discoveries(found.p_value, self.parameters.false_alarms)
        changed = np.flatnonzero(drifted != self.drifted)
        since_us = np.where(drifted, self._cursors.from_us, self.since_us)
        self.since_us = np.where(
            drifted, np.where(self.drifted, self.since_us, since_us), _NEVER_US
        )
        return [
            DriftEvent(
                self.names[at],
                Detector.PSI,
                bool(drifted[at]),
                int(since_us[at]),
                now_us,
                float(found.psi[at]),
                float(found.psi_null[at]),
                float(found.p_value[at]),
                float(found.jensen_shannon[at]),
                float(found.kolmogorov_smirnov[at]),
                self.rows,
                reference.rows,
            )
            for at in changed.tolist()
        ]

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        reference = self.reference
        counted = [self.counts, *self._windows]
        header: dict[str, Any] = {
            **self._identity,
            **vars(self._cursors),
            "gathered": len(self._windows),
            "rows": self.rows,
            "pinned": reference is not None,
        }
        arrays = {"history": self.history.copy(), "since_us": self.since_us.copy()}
        if reference is not None:
            counted.append(reference.counts)
            arrays |= {
                "factor": reference.dispersion.factor,
                "freedom": reference.dispersion.freedom,
            }
            header |= {
                "reference_rows": reference.rows,
                "reference_from_us": reference.began_us,
                "reference_to_us": reference.ended_us,
            }
        # Most bins count nothing.
        flat = np.stack(counted).ravel()
        places = np.flatnonzero(flat)
        arrays |= {"places": places, "counts": flat[places]}
        return State(_KIND, header, arrays)

    def restore(self, state: State) -> None:
        """Go on from a state; anew from nothing where the parameters are others.

        SnapshotError, and no change, if it is damaged.
        """
        require_kind(state, _KIND)
        if any(state.header.get(name) != own for name, own in self._identity.items()):
            self._begin_anew()
            return
        k, parameters = len(self.names), self.parameters
        pinned = state.header.get("pinned") is True
        most = 0 if pinned else parameters.reference_windows - 1
        gathered = count(state, "gathered", 0, most)
        counted = _unpacked(state, (1 + gathered + pinned, k, BINS))
        history = array(state, "history", np.float64, (HISTORY, k), finite=False)
        since_us = array(state, "since_us", np.int64, (k,))
        rows = count(state, "rows", 0, _COUNT_MAX)
        cursors = _Cursors(
            **{name: count(state, name, _NEVER_US, _COUNT_MAX) for name in vars(self._cursors)}
        )
        reference = _reference_of(state, counted[-1], k) if pinned else None
        self.counts, self.rows, self.reference = counted[0].copy(), rows, reference
        self.history, self.since_us, self._cursors = history, since_us, cursors
        self._windows = [window.copy() for window in counted[1 : 1 + gathered]]

    @property
    def _identity(self) -> dict[str, Any]:
        """What a reference depends on; under another one it is begun anew."""
        parameters = self.parameters
        return {
            "names": list(self.names),
            "window_us": parameters.window_us,
            "reference_windows": parameters.reference_windows,
            "reference": parameters.reference,
        }


def _unpacked(state: State, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return histograms of which only the bins in use were kept."""
    found = state.arrays.get("places")
    n = 0 if found is None else len(found)
    places, counts = (array(state, name, np.int64, (n,)) for name in ("places", "counts"))
    flat = np.zeros(shape, np.int64)
    require_within(state, "places", places, 0, flat.size - 1)
    require_within(state, "counts", counts, 1, _COUNT_MAX)
    require(state, bool((np.diff(places) > 0).all()), "places are not in order")
    flat.ravel()[places] = counts
    return flat


def _reference_of(state: State, counts: NDArray[np.int64], k: int) -> Reference:
    factor, freedom = (array(state, name, np.float64, (k,)) for name in ("factor", "freedom"))
    require_within(state, "factor", factor, 1.0, np.inf)
    require_within(state, "freedom", freedom, 0.0, np.inf)
    return Reference(
        counts.copy(),
        Dispersion(factor, freedom),
        count(state, "reference_rows", 1, _COUNT_MAX),
        count(state, "reference_from_us", _NEVER_US, _COUNT_MAX),
        count(state, "reference_to_us", _NEVER_US, _COUNT_MAX),
    )
