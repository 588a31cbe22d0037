"""Means of scores and of errors that change: ADWIN, value by value.

Windows beside a reference find what differs from how it was once; this finds what changes, at the
payment at which it is certain, and forgets what was before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.drift.adwin import TOTAL, WIDTH, new, observe
from models.drift.states import restored, state_of
from models.states.snapshot import State
from schemas.jit import kernel, uncounted
from stream.monitor.events import Detector, DriftEvent
from stream.monitor.rules import MonitorRules

SCORE, ERROR = 0, 1
SUBJECTS = ("score", "error")
"""Scores of payments as they are decided; squares of score less truth, of those that mature."""
_CLOCK = 32


# Columns of what `observe_all` writes: which value, and the window's mean and width on both sides.
_ROW, _MEAN_BEFORE, _MEAN, _WIDTH_BEFORE, _WIDTH = range(5)
_COLUMNS = 5


@uncounted
@kernel
def observe_all(detectors, at, values, cuts):
    """Give values to a detector; write where it cut, and return how often.

    Parameters
    ----------
    detectors : Detectors
    at : int
    values : ndarray of float64, shape (n,)
        NaN is none.
    cuts : ndarray of float64, shape (n // clock + 1, 5)
    """
    found = 0
    sums, counters = detectors.sums, detectors.counters
    for row in range(values.shape[0]):
        if values[row] != values[row]:
            continue
        total, width = sums[at, TOTAL] + values[row], counters[at, WIDTH] + 1
        if observe(detectors, at, values[row]):
            cuts[found, _ROW] = row
            cuts[found, _MEAN_BEFORE] = total / width
            cuts[found, _MEAN] = sums[at, TOTAL] / counters[at, WIDTH]
            cuts[found, _WIDTH_BEFORE] = width
            cuts[found, _WIDTH] = counters[at, WIDTH]
            found += 1
    return found


class Levels:
    """A detector of scores and one of errors.

    Parameters
    ----------
    rules : MonitorRules
    """

    def __init__(self, rules: MonitorRules) -> None:
        self._change_min = rules.adwin_change_min
        self._detectors = new(len(SUBJECTS), rules.adwin_delta, _CLOCK)

    def observe(
        self,
        subject: int,
        values: NDArray[np.float64],
        times_us: NDArray[np.int64],
        now_us: int | None = None,
    ) -> list[DriftEvent]:
        """Take values in order; return the changes that are large enough.

        Parameters
        ----------
        subject : int
        values : ndarray of float64, shape (n,)
        times_us : ndarray of int64, shape (n,)
            Event times of their payments.
        now_us : int, optional
            When the values have become known; by default when the payments were made.
        """
        cuts = np.empty((len(values) // _CLOCK + 1, _COLUMNS))
        n = observe_all(self._detectors, subject, values, cuts)
        return [
            _event(SUBJECTS[subject], cut, times_us, now_us)
            for cut in cuts[:n].tolist()
            # Of many payments a mean that has moved by a hundredth is certain, and no matter.
            if abs(cut[_MEAN] - cut[_MEAN_BEFORE]) >= self._change_min * abs(cut[_MEAN_BEFORE])
        ]

    def state(self) -> State:
        """Return both detectors, copied."""
        return state_of(self._detectors)

    def restore(self, state: State) -> None:
        """Take a state; SnapshotError, and no change, if it is damaged."""
        self._detectors = restored(state, self._detectors)


def _event(
    subject: str, cut: list[float], times_us: NDArray[np.int64], now_us: int | None
) -> DriftEvent:
    time_us = int(times_us[int(cut[_ROW])])
    nan = float("nan")
    return DriftEvent(
        subject=subject,
        detector=Detector.ADWIN,
        drifted=True,
        since_us=time_us,
        detected_us=time_us if now_us is None else now_us,
        value=cut[_MEAN],
        reference_value=cut[_MEAN_BEFORE],
        p_value=nan,
        jensen_shannon=nan,
        kolmogorov_smirnov=nan,
        rows=int(cut[_WIDTH]),
        reference_rows=int(cut[_WIDTH_BEFORE]),
    )
