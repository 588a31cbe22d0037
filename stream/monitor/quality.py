"""How good decisions were, by the window of their payment: known of what is mature, else estimated.

A payment that nobody has labelled is genuine only once its maturity has passed; until then frauds
among its like are missing, and precision and recall of what is labelled so far flatter or slander.
So each window is judged by its mature payments alone. Of the others stands what their scores say:
were they probabilities, so many of them would be frauds (the idea of confidence-based performance
estimation; a score that does not mean what it says makes the estimate wrong alike).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.reliability import Reliability
from models.states.restoring import array, require_kind, require_within
from models.states.snapshot import State
from stream.labels.waiting import WaitingRows
from stream.monitor.parameters import MonitorParameters
from stream.monitor.tallies import (
    ALERTS,
    COLUMNS,
    DECISIONS,
    FRAUDS,
    FREE,
    HITS,
    MATURE,
    MATURE_ALERTS,
    MATURE_SAID,
    MATURE_SCORED,
    SAID,
    SAID_ALERTED,
    SEGMENT_ALERTS,
    SEGMENT_COLUMNS,
    SEGMENT_DECISIONS,
    SEGMENT_FRAUDS,
    SEGMENT_HITS,
    SEGMENT_MATURE,
    SEGMENT_MATURE_ALERTS,
    SEGMENT_SAID,
    SEGMENT_SCORED,
    VALUE_FRAUDS,
    VALUE_HITS,
    VALUE_SAID,
    VALUE_SAID_ALERTED,
    VALUES_MAX,
    Tallies,
    note_decisions,
    note_truths,
)

_KIND = "quality/1"
_LONGEST = 2**62
_OTHERS = "others"
_NO_VALUE = "no value"


class WindowQuality(NamedTuple):
    """Payments of a window of event time; None where there is nothing to divide by.

    Attributes
    ----------
    from_us, to_us : int
    decisions, alerts, mature, mature_alerts, frauds : int
    precision, recall, value_recall : float or None
        Of mature payments; the last is the share of the frauds' money that was alerted.
    said, was : float or None
        Mean score, and share of fraud, of mature payments.
    estimated_precision, estimated_recall, estimated_value_recall : float or None
        Of payments that are not mature, if their scores are right.
    """

    from_us: int
    to_us: int
    decisions: int
    alerts: int
    mature: int
    mature_alerts: int
    frauds: int
    precision: float | None
    recall: float | None
    value_recall: float | None
    said: float | None
    was: float | None
    estimated_precision: float | None
    estimated_recall: float | None
    estimated_value_recall: float | None


class SegmentQuality(NamedTuple):
    """Payments with the same value of a feature.

    Attributes
    ----------
    feature, value : str
    decisions, alerts, mature, frauds : int
    false_positive_rate : float or None
        Share of mature genuine payments that were alerted.
    recall, said, was : float or None
        As of a window.
    """

    feature: str
    value: str
    decisions: int
    alerts: int
    mature: int
    frauds: int
    false_positive_rate: float | None
    recall: float | None
    said: float | None
    was: float | None


class Quality:
    """Decisions counted by window and by segment.

    Parameters
    ----------
    names : sequence of str
        The features; `parameters.segments` are among them.
    parameters : MonitorParameters

    Attributes
    ----------
    reliability : Reliability
        Of the scores of all mature payments.
    tallies : Tallies
        What is counted.
    """

    def __init__(self, names: Sequence[str], parameters: MonitorParameters) -> None:
        self.parameters = parameters
        self._names = tuple(names)
        self.reliability = Reliability()
        n, segments = parameters.quality_windows, len(parameters.segments)
        self._columns = [list(names).index(name) for name in parameters.segments]
        self.tallies = Tallies(
            np.full(n, FREE, np.int64),
            np.zeros((n, COLUMNS)),
            np.zeros((segments, VALUES_MAX)),
            np.zeros(segments, np.int64),
            np.zeros((segments, VALUES_MAX + 1, SEGMENT_COLUMNS)),
        )

    def empty(self) -> Quality:
        """Return another one under the same parameters that has counted nothing."""
        return Quality(self._names, self.parameters)

    def note(
        self,
        features: NDArray[np.float64],
        times_us: NDArray[np.int64],
        amounts: NDArray[np.int64],
        scores: NDArray[np.float64],
        alerted: NDArray[np.bool_],
    ) -> None:
        """Count payments that were decided; shapes (n, n_features), and (n,) of the others."""
        values = self._values(features)
        note_decisions(
            self.tallies, self.parameters.window_us, values, times_us, amounts, scores, alerted
        )

    def judge(self, waiting: WaitingRows, ripe: NDArray[np.int64]) -> None:
        """Judge the payments at some places, which are mature."""
        if not len(ripe):
            return
        scores, is_fraud = waiting.scores[ripe, 0], waiting.verdicts[ripe] == 1
        note_truths(
            self.tallies,
            self.parameters.window_us,
            self._values(waiting.features[ripe]),
            waiting.times_us[ripe],
            waiting.amounts[ripe],
            scores,
            waiting.outcomes[ripe] > 0,
            is_fraud,
        )
        scored = ~np.isnan(scores)
        self.reliability.update(scores[scored], is_fraud[scored])

    def _values(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns of the segments; a kernel is compiled for each layout of memory."""
        return np.ascontiguousarray(features[:, self._columns])

    def windows(self) -> list[WindowQuality]:
        """Return the windows that are remembered, the oldest first."""
        starts, width_us = self.tallies.starts, self.parameters.window_us
        kept = np.flatnonzero(starts != FREE)
        order = kept[np.argsort(starts[kept])]
        return [
            _window(int(starts[at]) * width_us, width_us, self.tallies.windows[at].tolist())
            for at in order.tolist()
        ]

    def segments(self) -> list[SegmentQuality]:
        """Return what is counted of each value of each feature, in order of their values."""
        tallies, found = self.tallies, []
        for at, feature in enumerate(self.parameters.segments):
            used = int(tallies.used[at])
            order = np.argsort(tallies.values[at, :used])
            named = [(_said(tallies.values[at, line]), line) for line in order.tolist()]
            for value, line in [*named, (_OTHERS, VALUES_MAX)]:
                counts = tallies.segments[at, line].tolist()
                if counts[SEGMENT_DECISIONS]:
                    found.append(_segment(feature, value, counts))
        return found

    def state(self) -> State:
        """Return all that `restore` needs to go on bit for bit; a copy."""
        arrays = {name: values.copy() for name, values in self.tallies._asdict().items()}
        return State(_KIND, self._identity, arrays, {"reliability": self.reliability.state()})

    def restore(self, state: State) -> None:
        """Go on from a state; where the parameters are others it is left alone.

        SnapshotError, and no change, if it is damaged.
        """
        require_kind(state, _KIND)
        if any(state.header.get(name) != own for name, own in self._identity.items()):
            return
        own = self.tallies._asdict()
        found = {
            name: array(state, name, values.dtype, values.shape, finite=name != "values")
            for name, values in own.items()
        }
        require_within(state, "starts", found["starts"], -_LONGEST, _LONGEST)
        require_within(state, "used", found["used"], 0, VALUES_MAX)
        self.reliability.restore(state.parts["reliability"])
        for name, values in own.items():
            values[...] = found[name]

    @property
    def _identity(self) -> dict[str, int | list[str]]:
        return {
            "window_us": self.parameters.window_us,
            "windows": self.parameters.quality_windows,
            "segments": list(self.parameters.segments),
        }


def _window(from_us: int, width_us: int, counts: list[float]) -> WindowQuality:
    left = counts[DECISIONS] - counts[MATURE]
    # What was added and taken away again leaves a rounding error.
    said, hits, value, value_hits = (
        max(counts[at], 0.0) if left > 0 else 0.0
        for at in (SAID, SAID_ALERTED, VALUE_SAID, VALUE_SAID_ALERTED)
    )
    return WindowQuality(
        from_us,
        from_us + width_us,
        int(counts[DECISIONS]),
        int(counts[ALERTS]),
        int(counts[MATURE]),
        int(counts[MATURE_ALERTS]),
        int(counts[FRAUDS]),
        _share(counts[HITS], counts[MATURE_ALERTS]),
        _share(counts[HITS], counts[FRAUDS]),
        _share(counts[VALUE_HITS], counts[VALUE_FRAUDS]),
        _share(counts[MATURE_SAID], counts[MATURE_SCORED]),
        _share(counts[FRAUDS], counts[MATURE]),
        _share(hits, counts[ALERTS] - counts[MATURE_ALERTS]),
        _share(hits, said),
        _share(value_hits, value),
    )


def _segment(feature: str, value: str, counts: list[float]) -> SegmentQuality:
    frauds, mature = counts[SEGMENT_FRAUDS], counts[SEGMENT_MATURE]
    false = counts[SEGMENT_MATURE_ALERTS] - counts[SEGMENT_HITS]
    return SegmentQuality(
        feature,
        value,
        int(counts[SEGMENT_DECISIONS]),
        int(counts[SEGMENT_ALERTS]),
        int(mature),
        int(frauds),
        _share(false, mature - frauds),
        _share(counts[SEGMENT_HITS], frauds),
        _share(counts[SEGMENT_SAID], counts[SEGMENT_SCORED]),
        _share(frauds, mature),
    )


def _share(some: float, of: float) -> float | None:
    return some / of if of > 0 else None


def _said(value: float) -> str:
    return _NO_VALUE if np.isnan(value) else f"{value:.6g}"
