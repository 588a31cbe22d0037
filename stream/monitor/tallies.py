"""Kernels that count decisions by the window of their payment, and by the values of a feature."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.jit import kernel, uncounted

# Columns of `Tallies.windows`: of all payments; of those that are not mature, what scores say.
DECISIONS, ALERTS, SAID, SAID_ALERTED, VALUE_SAID, VALUE_SAID_ALERTED = range(6)
# Of mature ones, the truth.
MATURE, MATURE_ALERTS, FRAUDS, HITS, VALUE_FRAUDS, VALUE_HITS = range(6, 12)
MATURE_SCORED, MATURE_SAID = 12, 13
COLUMNS = 14

# Columns of `Tallies.segments`; the others of a segment are those of a window.
SEGMENT_COLUMNS = 8
(
    SEGMENT_DECISIONS,
    SEGMENT_ALERTS,
    SEGMENT_MATURE,
    SEGMENT_MATURE_ALERTS,
    SEGMENT_FRAUDS,
    SEGMENT_HITS,
    SEGMENT_SCORED,
    SEGMENT_SAID,
) = range(SEGMENT_COLUMNS)
VALUES_MAX = 16
"""Values of a feature that are told apart; all further ones are one more."""

FREE = -1


class Tallies(NamedTuple):
    """What is counted.

    Attributes
    ----------
    starts : ndarray of int64, shape (n_windows,)
        Which window, counted from 1970, a line of `windows` is of; FREE: of none.
    windows : ndarray of float64, shape (n_windows, COLUMNS)
    values : ndarray of float64, shape (n_segments, VALUES_MAX)
    used : ndarray of int64, shape (n_segments,)
        So many of them have been seen.
    segments : ndarray of float64, shape (n_segments, VALUES_MAX + 1, SEGMENT_COLUMNS)
        The last line of each is that of all values for which there was no room.
    """

    starts: NDArray[np.int64]
    windows: NDArray[np.float64]
    values: NDArray[np.float64]
    used: NDArray[np.int64]
    segments: NDArray[np.float64]


@uncounted
@kernel
def note_decisions(tallies, window_us, values, times_us, amounts, scores, alerted):
    """Count payments that were decided.

    Parameters
    ----------
    tallies : Tallies
    window_us : int
    values : ndarray of float64, shape (n, n_segments)
        Of the features by which payments are told apart.
    times_us, amounts : ndarray of int64, shape (n,)
    scores : ndarray of float64, shape (n,)
        NaN where there is none.
    alerted : ndarray of bool, shape (n,)
    """
    windows = tallies.windows
    for row in range(times_us.shape[0]):
        at = _line_of(tallies, times_us[row] // window_us)
        if at != FREE:
            windows[at, DECISIONS] += 1.0
            windows[at, ALERTS] += alerted[row]
            _add_said(windows, at, scores[row], amounts[row], alerted[row], 1.0)
        for segment in range(values.shape[1]):
            line = _segment_of(tallies, segment, values[row, segment])
            tallies.segments[segment, line, SEGMENT_DECISIONS] += 1.0
            tallies.segments[segment, line, SEGMENT_ALERTS] += alerted[row]


@uncounted
@kernel
def note_truths(tallies, window_us, values, times_us, amounts, scores, alerted, is_fraud):
    """Judge payments that are mature.

    Parameters
    ----------
    tallies, window_us, values, times_us, amounts, scores, alerted : as above
    is_fraud : ndarray of bool, shape (n,)
    """
    for row in range(times_us.shape[0]):
        at = _line_of(tallies, times_us[row] // window_us)
        alert, fraud, score = alerted[row], is_fraud[row], scores[row]
        if at != FREE:
            _judge(tallies.windows, at, score, amounts[row], alert, fraud)
        for segment in range(values.shape[1]):
            line = _segment_of(tallies, segment, values[row, segment])
            counts = tallies.segments
            counts[segment, line, SEGMENT_MATURE] += 1.0
            counts[segment, line, SEGMENT_MATURE_ALERTS] += alert
            counts[segment, line, SEGMENT_FRAUDS] += fraud
            counts[segment, line, SEGMENT_HITS] += alert and fraud
            if not math.isnan(score):
                counts[segment, line, SEGMENT_SCORED] += 1.0
                counts[segment, line, SEGMENT_SAID] += score


@uncounted
@kernel
def _judge(windows, at, score, amount, alert, fraud):
    """Count a payment among the mature ones of its window, and no longer among the others."""
    _add_said(windows, at, score, amount, alert, -1.0)
    windows[at, MATURE] += 1.0
    windows[at, MATURE_ALERTS] += alert
    if not math.isnan(score):
        windows[at, MATURE_SCORED] += 1.0
        windows[at, MATURE_SAID] += score
    if fraud:
        windows[at, FRAUDS] += 1.0
        windows[at, HITS] += alert
        windows[at, VALUE_FRAUDS] += amount
        windows[at, VALUE_HITS] += amount * alert


@uncounted
@kernel
def _add_said(windows, at, score, amount, alert, sign):
    """Add, or take away, what a score says of a payment of which the truth is not known."""
    if math.isnan(score):
        return
    windows[at, SAID] += sign * score
    windows[at, VALUE_SAID] += sign * score * amount
    if alert:
        windows[at, SAID_ALERTED] += sign * score
        windows[at, VALUE_SAID_ALERTED] += sign * score * amount


@uncounted
@kernel
def _line_of(tallies, window):
    """Return the line of a window, or FREE if it is no longer remembered."""
    at = window % tallies.starts.shape[0]
    if tallies.starts[at] < window:
        tallies.starts[at] = window
        tallies.windows[at] = 0.0
    return at if tallies.starts[at] == window else FREE


@uncounted
@kernel
def _segment_of(tallies, segment, value):
    """Return the line of a value of a feature."""
    used = tallies.used[segment]
    for line in range(used):
        known = tallies.values[segment, line]
        if known == value or (math.isnan(known) and math.isnan(value)):
            return line
    if used == VALUES_MAX:
        return VALUES_MAX
    tallies.values[segment, used] = value
    tallies.used[segment] = used + 1
    return used
