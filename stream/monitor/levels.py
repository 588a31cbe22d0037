"""Means of scores and of errors that change, value by value.

Windows beside a reference find what differs from how it was once; this finds what changes, at the
payment at which it is certain, and forgets what was before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.members import restore_members, states_of
from models.states.restoring import require_kind
from models.states.snapshot import State
from stream.monitor.events import Detector, DriftEvent
from stream.monitor.level_detectors import (
    DISTANCE,
    MEAN,
    MEAN_BEFORE,
    P_VALUE,
    ROW,
    ROWS,
    ROWS_BEFORE,
    LevelDetector,
)
from stream.monitor.parameters import MonitorParameters

SCORE, ERROR = 0, 1
SUBJECTS = ("score", "error")
"""Scores of payments as they are decided; squares of score less truth, of those that mature."""
_KIND = "levels/1"
# What snapshots of before there was more than ADWIN have in place of all detectors.
_ADWIN, _ADWIN_ALONE = "adwin", "adwin/1"


class Levels:
    """Detectors of scores and of errors.

    Parameters
    ----------
    parameters : MonitorParameters
    """

    def __init__(self, parameters: MonitorParameters) -> None:
        self._change_min = parameters.adwin_change_min
        self._detectors = {
            name: LevelDetector(name, len(SUBJECTS), parameters)
            for name in parameters.level_detectors
        }

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

        Returns
        -------
        list of DriftEvent
            In the order of the values; of several about one value in the order of the detectors.
        """
        found = [
            (int(line[ROW]), _event(SUBJECTS[subject], each.detector, line, times_us, now_us))
            for each in self._detectors.values()
            for line in each.observe(subject, values).tolist()
            if each.detector is not Detector.ADWIN or self._matters(line)
        ]
        # How a stream is cut into batches must not show in what is said of it.
        return [event for _, event in sorted(found, key=lambda each: each[0])]

    def _matters(self, line: list[float]) -> bool:
        """Of many payments a mean that has moved by a hundredth is certain, and no matter."""
        least = self._change_min * abs(line[MEAN_BEFORE])
        return abs(line[MEAN] - line[MEAN_BEFORE]) >= least

    def state(self) -> State:
        """Return all detectors, copied."""
        return State(_KIND, parts=states_of(self._detectors))

    def restore(self, state: State) -> None:
        """Take a state; a detector that is not in it, or under other parameters, goes on as it is.

        SnapshotError, and no change, if it is damaged.
        """
        if state.kind == _ADWIN_ALONE:
            parts = {_ADWIN: state}
        else:
            require_kind(state, _KIND)
            parts = dict(state.parts)
        both = {name: each for name, each in self._detectors.items() if name in parts}
        restore_members(both, State(_KIND, parts={name: parts[name] for name in both}))


def _event(
    subject: str,
    detector: Detector,
    line: list[float],
    times_us: NDArray[np.int64],
    now_us: int | None,
) -> DriftEvent:
    time_us = int(times_us[int(line[ROW])])
    return DriftEvent(
        subject=subject,
        detector=detector,
        drifted=True,
        since_us=time_us,
        detected_us=time_us if now_us is None else now_us,
        value=line[MEAN],
        reference_value=line[MEAN_BEFORE],
        p_value=line[P_VALUE],
        jensen_shannon=float("nan"),
        kolmogorov_smirnov=line[DISTANCE],
        rows=int(line[ROWS]),
        reference_rows=int(line[ROWS_BEFORE]),
    )
