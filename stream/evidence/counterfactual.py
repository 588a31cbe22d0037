"""What one change would have kept an alert from being raised.

Of each reason of an alert other values are tried, everything else left as it is: steps from the
value down and up within what the feature can be, and what is usual for the entity; then finer ones
between the last value that still alerts and the first that does not. The champion is asked for the
score of every one, so what is told is what it would have said. Of all changes that suffice the
smallest in proportion is told, and none where no single one does.

The number of values tried for an alert is bounded: `TRIED_MAX`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.jit import inlined, kernel
from stream.evidence.reasons import NO_REASON
from stream.features.grammar import Feature
from stream.features.kinds import bounds_of
from stream.short_arrays import filled

Score = Callable[[NDArray[np.float64]], NDArray[np.float64]]

DOWN, UP = 0, 1
# Of the way down to the least value a feature can have, or of the value's size where there is
# none; upwards alike.
_PARTS = np.array([1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 7 / 8, 1.0])
_SIZES = np.array([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0])
_STEPS = len(_PARTS) + 1  # What is usual is one more.
_FINER = 7
TRIED_MAX = 4 * 2 * (_STEPS + _FINER)
_DIGITS = 3  # Significant ones of what is told.
# Numbers of a piece of work: rows of the matrix that the champion is asked about, by features.
_CELLS_MAX = 1 << 20


class Limits(NamedTuple):
    """What values of each feature can be: arrays of shape (n_features,); kernels take it whole."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    whole: NDArray[np.bool_]


class Counterfactuals(NamedTuple):
    """One change for each alert, where there is one.

    Attributes
    ----------
    features : ndarray of int64, shape (n,)
        Which feature changes; NO_REASON where no change of one suffices.
    values, scores : ndarray of float64, shape (n,)
        The value that would not alert, and the score it would have; NaN where there is none.
    beyond : ndarray of bool, shape (n,)
        Whether every value that was tried further away would not alert either.
    """

    features: NDArray[np.int64]
    values: NDArray[np.float64]
    scores: NDArray[np.float64]
    beyond: NDArray[np.bool_]


class Asked(NamedTuple):
    """Alerts for which changes are looked for.

    Attributes
    ----------
    X : ndarray of float64, shape (n, n_features)
    reasons : ndarray of int64, shape (n, most)
        Places of features; NO_REASON for none.
    normals : ndarray of float64, shape (n, most)
        What is usual beside each; NaN where nothing is.
    raised : ndarray of bool, shape (n,)
        Whether it was the score that alerted.
    """

    X: NDArray[np.float64]
    reasons: NDArray[np.int64]
    normals: NDArray[np.float64]
    raised: NDArray[np.bool_]


def limits_of(features: Iterable[Feature]) -> Limits:
    """Return what values of features can be."""
    bounds = [bounds_of(feature) for feature in features]
    low, high, whole = zip(*bounds, strict=True) if bounds else ((), (), ())
    return Limits(np.array(low), np.array(high), np.array(whole, np.bool_))


def no_counterfactuals(n: int) -> Counterfactuals:
    """Return that nothing is told of n alerts."""
    unknown = filled(n, np.nan)
    return Counterfactuals(
        filled(n, NO_REASON, np.int64), unknown, unknown.copy(), np.zeros(n, np.bool_)
    )


def counterfactuals(score: Score, asked: Asked, below: float, limits: Limits) -> Counterfactuals:
    """Look for the smallest change that would have kept each alert from being raised.

    Parameters
    ----------
    score : callable
        Gives the champion's scores of rows.
    asked : Asked
    below : float
        A score below it does not alert.
    limits : Limits
    """
    found = no_counterfactuals(len(asked.X))
    size = max(1, _CELLS_MAX // (TRIED_MAX * max(asked.X.shape[1], 1)))
    rows = asked.raised.nonzero()[0]
    for first in range(0, len(rows), size):
        some = rows[first : first + size]
        part: list[Any] = [column[some] for column in asked]
        told = _told(score, Asked(*part), below, limits)
        for whole, piece in zip(found, told, strict=True):
            whole[some] = piece
    return found


def _told(score: Score, asked: Asked, below: float, limits: Limits) -> Counterfactuals:
    shape = (*asked.reasons.shape, 2)
    tried = filled((*shape, _STEPS), np.nan)
    write_steps(asked.X, asked.reasons, asked.normals, limits, _PARTS, _SIZES, tried)
    coarse = _scores(score, asked, tried)
    finer = filled((*shape, _FINER), np.nan)
    write_finer(asked.X, asked.reasons, tried, coarse, below, limits.whole, finer)
    fine = _scores(score, asked, finer)
    found = no_counterfactuals(len(asked.X))
    choose(asked.X, asked.reasons, tried, coarse, finer, fine, below, found)
    return found


def _scores(score: Score, asked: Asked, tried: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the score of each row with one value in place of its own; NaN for a value of NaN."""
    row, reason, side, step = (~np.isnan(tried)).nonzero()
    rows = asked.X[row]
    rows[np.arange(len(row)), asked.reasons[row, reason]] = tried[row, reason, side, step]
    scores = filled(tried.shape, np.nan)
    if len(row):
        scores[row, reason, side, step] = score(rows)
    return scores


@kernel
def write_steps(X, reasons, normals, limits, parts, sizes, tried):
    """Write the values to try on both sides of each reason's own, the nearest first.

    Parameters
    ----------
    X, reasons, normals, limits
        See `Asked`.
    parts, sizes : ndarray of float64, shape (steps - 1,)
        How far to go where a feature has a bound, and where it has none.
    tried : ndarray of float64, shape (n, most, 2, steps)
        Gets the values; all are NaN beforehand, and stay so behind the last.
    """
    for i in range(reasons.shape[0]):
        for k in range(reasons.shape[1]):
            j = reasons[i, k]
            if j < 0 or not math.isfinite(X[i, j]):
                continue
            value, usual = X[i, j], normals[i, k]
            scale = max(abs(value), 1.0) if math.isnan(usual) else max(abs(value), abs(usual), 1.0)
            for side in range(2):
                end = limits.low[j] if side == DOWN else limits.high[j]
                n = 0
                for step in range(parts.shape[0]):
                    if math.isfinite(end):
                        other = value + (end - value) * parts[step]
                    else:
                        other = value + scale * sizes[step] * (-1.0 if side == DOWN else 1.0)
                    n = add(tried[i, k, side], n, tidy(other, side, limits.whole[j]), value, end)
                if usual < value if side == DOWN else usual > value:
                    add(tried[i, k, side], n, tidy(usual, side, limits.whole[j]), value, end)


@kernel
def add(row, n, other, value, end):
    """Put a value among the first n of a row in its place; return how many there are then.

    What lies beyond the end, or is there already, is left out; NaN is no value.
    """
    far = abs(other - value)
    if not far > 0.0 or abs(end - value) < far:
        return n
    at = n
    while at > 0 and abs(row[at - 1] - value) >= far:
        if row[at - 1] == other:
            return n
        at -= 1
    for place in range(n, at, -1):
        row[place] = row[place - 1]
    row[at] = other
    return n + 1


@inlined
def tidy(value, side, whole):
    """Round a value to a few digits, away from where the steps began."""
    unit = 1.0
    if not whole and value != 0.0 and math.isfinite(value):
        unit = 10.0 ** (np.floor(math.log10(abs(value))) - _DIGITS + 1)
    if unit < 1.0:
        # By a whole number of parts: a decimal fraction has no exact double.
        parts = np.rint(1.0 / unit)
        return (np.floor(value * parts) if side == DOWN else np.ceil(value * parts)) / parts
    return (np.floor(value / unit) if side == DOWN else np.ceil(value / unit)) * unit


@kernel
def first_below(scores, below):
    """Return the first place whose score does not alert; -1 if there is none."""
    for step in range(scores.shape[0]):
        if scores[step] < below:
            return step
    return -1


@kernel
def write_finer(X, reasons, tried, scores, below, whole, finer):
    """Write values between the first that would not alert and the one before it.

    `finer`, shape (n, most, 2, finer steps), is NaN beforehand; the other arguments are those of
    `write_steps`, with the scores of what was tried.
    """
    for i in range(reasons.shape[0]):
        for k in range(reasons.shape[1]):
            for side in range(2):
                step = first_below(scores[i, k, side], below)
                if step < 0:
                    continue
                j = reasons[i, k]
                behind = tried[i, k, side, step]
                before = X[i, j] if step == 0 else tried[i, k, side, step - 1]
                n = 0
                for part in range(finer.shape[3]):
                    other = before + (behind - before) * (part + 1) / (finer.shape[3] + 1)
                    other = tidy(other, side, whole[j])
                    if abs(other - before) > 0.0 and other != behind:
                        n = add(finer[i, k, side], n, other, X[i, j], behind)


@kernel
def choose(X, reasons, tried, coarse, finer, fine, below, found):
    """Write the smallest change of each row that suffices; of equal ones that of the first reason.

    Changes of different features are compared by proportion: the difference of their inverse
    hyperbolic sines, which is that of logarithms for all but small numbers.
    """
    for i in range(reasons.shape[0]):
        least = math.inf
        for k in range(reasons.shape[1]):
            for side in range(2):
                step = first_below(coarse[i, k, side], below)
                if step < 0:
                    continue
                j = reasons[i, k]
                value, score = tried[i, k, side, step], coarse[i, k, side, step]
                at = first_below(fine[i, k, side], below)
                if at >= 0:
                    value, score = finer[i, k, side, at], fine[i, k, side, at]
                change = abs(math.asinh(value) - math.asinh(X[i, j]))
                if change < least:
                    least = change
                    found.features[i], found.values[i], found.scores[i] = j, value, score
                    found.beyond[i] = none_alerts(coarse[i, k, side], step, below) and (
                        at < 0 or none_alerts(fine[i, k, side], at, below)
                    )


@kernel
def none_alerts(scores, first, below):
    """Tell whether no score from a place on alerts; NaN is none."""
    highest = -math.inf
    for step in range(first, scores.shape[0]):
        highest = max(highest, scores[step]) if scores[step] >= below else highest
    return highest < below
