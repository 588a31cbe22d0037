"""Page-Hinkley: how far values have gone from their own mean, added up until it is too far.

Page (1954), "Continuous inspection schemes", Biometrika 41; with the forgetting of Sebastião &
Fernandes (2017), "Supporting the Page-Hinkley test with empirical mode decomposition for change
detection", ISMIS. Two sums of deviations from the running mean, each with a small drift of its
own (`delta`) against it; where one has risen so far above its least value, or fallen so far below
its greatest, the mean has changed. Where the sum turned is the usual guess at when it did
(Page's own), so what was before and what came since can be told apart.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import float64
from numpy.typing import NDArray

from models.dense.model import clipped
from schemas.jit import kernel, uncounted

# Columns of `sums`: both sums and where they turned, the mean now and at either turn.
UP, LEAST, DOWN, GREATEST, MEAN, MEAN_AT_LEAST, MEAN_AT_GREATEST, N_SUMS = range(8)
# Columns of `counters`: values now and at either turn; whether the last one showed a drift.
COUNT, COUNT_AT_LEAST, COUNT_AT_GREATEST, DRIFTED, N_COUNTERS = range(5)
# Columns of `rules`.
DELTA, THRESHOLD, ALPHA, N_RULES = range(4)
# Columns of `limits`.
LENGTH_MIN, RISES, FALLS, N_LIMITS = range(4)

MODES = {"up": (1, 0), "down": (0, 1), "both": (1, 1)}
"""Which changes count: of a mean that rises, of one that falls."""


class PageHinkleys(NamedTuple):
    """Detectors, one a row; kernels take it whole.

    Attributes
    ----------
    sums : ndarray of float64, shape (n, 7)
        The sum that rises, its least value, the one that falls, its greatest value; the mean of
        all values, and what it was at both.
    counters : ndarray of int64, shape (n, 4)
        Values since the start, and at both of these; whether the last value brought a drift
        (0 or 1).
    rules : ndarray of float64, shape (n, 3)
        `delta`, `threshold` and `alpha`.
    limits : ndarray of int64, shape (n, 3)
        `min_instances`, and whether a mean that rises and one that falls count.
    """

    sums: NDArray[np.float64]
    counters: NDArray[np.int64]
    rules: NDArray[np.float64]
    limits: NDArray[np.int64]


def new(
    n: int,
    min_instances: int = 30,
    delta: float = 0.005,
    threshold: float = 50.0,
    alpha: float = 1 - 0.0001,
    mode: str = "both",
) -> PageHinkleys:
    """Return `n` fresh detectors with the same parameters.

    Parameters
    ----------
    n : int
    min_instances : int
        No drift before there are so many values.
    delta : float
        A change of the mean that is passed over, 0 or more, in the unit of the values.
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
    """
    _require(min_instances >= 1, "min_instances", min_instances, "1 or more")
    _require(0.0 <= delta < math.inf, "delta", delta, "0 or more, such as 0.005")
    _require(0.0 < threshold < math.inf, "threshold", threshold, "more than 0, such as 50")
    _require(0.0 < alpha <= 1.0, "alpha", alpha, "more than 0, at most 1")
    _require(mode in MODES, "mode", mode, "one of " + ", ".join(MODES))
    return PageHinkleys(
        sums=np.zeros((n, N_SUMS)),
        counters=np.zeros((n, N_COUNTERS), np.int64),
        rules=np.tile(np.array([delta, threshold, alpha], np.float64), (n, 1)),
        limits=np.tile(np.array([min_instances, *MODES[mode]], np.int64), (n, 1)),
    )


def _require(holds: bool, name: str, value: object, remedy: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}: give {remedy}")


@uncounted
@kernel
def update(detectors, at, value):
    """Take a value into one detector; return whether it showed a drift.

    The value after a drift begins anew, as in River. A NaN is no value.
    """
    counters, sums = detectors.counters, detectors.sums
    if counters[at, DRIFTED] != 0:
        reset(detectors, at)
    if math.isnan(value):
        return False
    given = clipped(value)
    rules, limits = detectors.rules, detectors.limits
    counters[at, COUNT] += 1
    sums[at, MEAN] += (1.0 / float64(counters[at, COUNT])) * (given - sums[at, MEAN])
    deviation = given - sums[at, MEAN]
    sums[at, UP] = rules[at, ALPHA] * sums[at, UP] + deviation - rules[at, DELTA]
    sums[at, DOWN] = rules[at, ALPHA] * sums[at, DOWN] + deviation + rules[at, DELTA]
    first = counters[at, COUNT] == 1
    if first or sums[at, UP] < sums[at, LEAST]:
        sums[at, LEAST] = sums[at, UP]
        sums[at, MEAN_AT_LEAST] = sums[at, MEAN]
        counters[at, COUNT_AT_LEAST] = counters[at, COUNT]
    if first or sums[at, DOWN] > sums[at, GREATEST]:
        sums[at, GREATEST] = sums[at, DOWN]
        sums[at, MEAN_AT_GREATEST] = sums[at, MEAN]
        counters[at, COUNT_AT_GREATEST] = counters[at, COUNT]
    drifted = counters[at, COUNT] >= limits[at, LENGTH_MIN] and (
        _rises(detectors, at) or _falls(detectors, at)
    )
    counters[at, DRIFTED] = drifted
    return drifted


@uncounted
@kernel
def _rises(detectors, at):
    gone = detectors.sums[at, UP] - detectors.sums[at, LEAST]
    return detectors.limits[at, RISES] != 0 and gone > detectors.rules[at, THRESHOLD]


@uncounted
@kernel
def _falls(detectors, at):
    gone = detectors.sums[at, GREATEST] - detectors.sums[at, DOWN]
    return detectors.limits[at, FALLS] != 0 and gone > detectors.rules[at, THRESHOLD]


@uncounted
@kernel
def turned(detectors, at):
    """Return how many values a drift leaves behind it, and their mean.

    Those up to where the sum turned that has shown the drift; all others have come since.
    """
    if _rises(detectors, at):
        return detectors.counters[at, COUNT_AT_LEAST], detectors.sums[at, MEAN_AT_LEAST]
    return detectors.counters[at, COUNT_AT_GREATEST], detectors.sums[at, MEAN_AT_GREATEST]


@uncounted
@kernel
def reset(detectors, at):
    """Forget all that a detector has seen."""
    detectors.sums[at] = 0.0
    detectors.counters[at] = 0


@uncounted
@kernel
def update_many(detectors, at, values, drifts):
    """Call `update` for every value, shape (n,); write what it said to `drifts`, shape (n,)."""
    for i in range(values.shape[0]):
        drifts[i] = update(detectors, at, values[i])
