"""ADWIN: a window over a stream that is cut wherever its older part has another mean.

Bifet & Gavaldà (2007), "Learning from time-changing data with adaptive windowing",
SIAM SDM, section 4 (ADWIN2). The window is an exponential histogram: level i holds up
to `max_buckets` buckets of 2**i values each, by their sum and their sum of squared
deviations; one bucket more, and the two oldest become one of the next level.
Before a cut every boundary between two buckets is tried, from the oldest on.

Many detectors live side by side in the same arrays, each in its row, so that a forest
asks its trees' detectors from inside its own kernels::

    detectors = new(n_trees, delta=0.001)  # once
    drifted = update(detectors, tree, error)  # in a kernel; reset(detectors, tree) to start over
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import float64, int64
from numpy.typing import NDArray

from models.dense.model import clipped
from schemas.jit import inlined, kernel, uncounted

# Columns of `counters`.
WIDTH, TICK, TOP, FOUND, DRIFTED, N_COUNTERS = 0, 1, 2, 3, 4, 5
# Columns of `rules`.
CLOCK, LENGTH_MIN, GRACE, N_RULES = 0, 1, 2, 3
# Columns of `sums`.
TOTAL, SQUARES, N_SUMS = 0, 1, 2

LEVELS = 32


class Detectors(NamedTuple):
    """Detectors, one a row; kernels take it whole.

    Attributes
    ----------
    totals, squares : ndarray of float64, shape (n, levels, max_buckets + 1)
        Of each bucket, oldest first: its sum, its sum of squared deviations.
    sizes : ndarray of int64, shape (n, levels)
        How many buckets a level holds.
    sums : ndarray of float64, shape (n, 2)
        Sum and sum of squared deviations of the whole window.
    counters : ndarray of int64, shape (n, 5)
        Values in the window, values since the start, highest level in use, cuts since
        the start, and whether the last value brought one (0 or 1).
    deltas : ndarray of float64, shape (n,)
    rules : ndarray of int64, shape (n, 3)
        `clock`, `min_window_length` and `grace_period`.
    """

    totals: NDArray[np.float64]
    squares: NDArray[np.float64]
    sizes: NDArray[np.int64]
    sums: NDArray[np.float64]
    counters: NDArray[np.int64]
    deltas: NDArray[np.float64]
    rules: NDArray[np.int64]


def new(
    n: int,
    delta: float = 0.002,
    clock: int = 32,
    max_buckets: int = 5,
    min_window_length: int = 5,
    grace_period: int = 10,
    levels: int = LEVELS,
) -> Detectors:
    """Return `n` fresh detectors with the same parameters.

    Parameters
    ----------
    n : int
    delta : float
        Significance of a cut, between 0 and 1: lower, and fewer cuts are false.
    clock : int
        A cut is looked for at every `clock`-th value.
    max_buckets : int
        Buckets of one size, at least 2: more, and the boundaries lie closer.
    min_window_length : int
        The least number of values on both sides of a cut.
    grace_period : int
        No cut before the window is longer than this.
    levels : int
        Bound of memory: a window longer than about ``max_buckets * 2**levels`` values
        loses its oldest ones.

    Raises
    ------
    ValueError
        A parameter is out of its range.
    """
    _require(0.0 < delta <= 1.0, "delta", delta, "a probability above 0, such as 0.002")
    _require(clock >= 1, "clock", clock, "1 to look at every value, or more")
    _require(max_buckets >= 2, "max_buckets", max_buckets, "2 or more")
    _require(min_window_length >= 1, "min_window_length", min_window_length, "1 or more")
    _require(grace_period >= 0, "grace_period", grace_period, "0 or more")
    _require(1 <= levels <= 52, "levels", levels, "1 to 52")
    buckets = (n, levels, max_buckets + 1)
    return Detectors(
        totals=np.zeros(buckets),
        squares=np.zeros(buckets),
        sizes=np.zeros((n, levels), np.int64),
        sums=np.zeros((n, N_SUMS)),
        counters=np.zeros((n, N_COUNTERS), np.int64),
        deltas=np.full(n, float(delta)),
        rules=np.tile(np.array([clock, min_window_length, grace_period], np.int64), (n, 1)),
    )


def _require(holds: bool, name: str, value: object, remedy: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}: give {remedy}")


@uncounted
@kernel
def update(detectors, at, value):
    """Take a value into one detector; return whether it showed a drift.

    The value after a drift begins a new window, as in River. A NaN is no value: it
    leaves the window as it is.
    """
    if detectors.counters[at, DRIFTED] != 0:
        reset(detectors, at)
    if math.isnan(value):
        return False
    return observe(detectors, at, value)


@uncounted
@kernel
def reset(detectors, at):
    """Forget all that a detector has seen."""
    for level in range(detectors.counters[at, TOP] + 1):
        detectors.sizes[at, level] = 0
        detectors.totals[at, level] = 0.0
        detectors.squares[at, level] = 0.0
    detectors.sums[at] = 0.0
    detectors.counters[at] = 0


@uncounted
@kernel
def observe(detectors, at, value):
    """Take a number; return whether the window was cut.

    What is left of it goes on, as in the paper.
    """
    counters, rules = detectors.counters, detectors.rules
    _insert(detectors, at, clipped(value))
    counters[at, TICK] += 1
    cut = False
    if counters[at, TICK] % rules[at, CLOCK] == 0 and counters[at, WIDTH] > rules[at, GRACE]:
        while _differs(detectors, at):
            _drop_oldest(detectors, at)
            cut = True
    counters[at, DRIFTED] = cut
    counters[at, FOUND] += cut
    return cut


@uncounted
@kernel
def update_many(detectors, at, values, drifts):
    """Call `update` for every value, shape (n,); write what it said to `drifts`, shape (n,)."""
    for i in range(values.shape[0]):
        drifts[i] = update(detectors, at, values[i])


@uncounted
@kernel
def _insert(detectors, at, value):
    """Put a value into the window, and merge buckets where a level is over-full."""
    counters, sums = detectors.counters, detectors.sums
    counters[at, WIDTH] += 1
    width = float64(counters[at, WIDTH])
    if width > 1.0:
        deviation = value - sums[at, TOTAL] / (width - 1.0)
        sums[at, SQUARES] += (width - 1.0) * deviation * deviation / width
    sums[at, TOTAL] += value
    _append(detectors, at, 0, value, 0.0)
    levels, slots = detectors.totals.shape[1], detectors.totals.shape[2]
    level, n = int64(0), 1.0
    while detectors.sizes[at, level] == slots:
        if level + 1 == levels:
            _drop_oldest(detectors, at)
            break
        _merge_oldest(detectors, at, level, n)
        level += 1
        n *= 2.0


@uncounted
@inlined
def _append(detectors, at, level, total, squares):
    """Add a bucket to a level, as its youngest."""
    size = detectors.sizes[at, level]
    detectors.totals[at, level, size] = total
    detectors.squares[at, level, size] = squares
    detectors.sizes[at, level] = size + 1


@uncounted
@kernel
def _merge_oldest(detectors, at, level, n):
    """Make one bucket of the next level from a level's two oldest, of `n` values each."""
    totals, squares = detectors.totals, detectors.squares
    first, second = totals[at, level, 0], totals[at, level, 1]
    apart = first / n - second / n
    within = squares[at, level, 0] + squares[at, level, 1] + n * n * apart * apart / (n + n)
    _append(detectors, at, level + 1, first + second, within)
    _shift(detectors, at, level, 2)
    if detectors.counters[at, TOP] <= level:
        detectors.counters[at, TOP] = level + 1


@uncounted
@kernel
def _shift(detectors, at, level, gone):
    """Take a level's oldest buckets out of it."""
    size = detectors.sizes[at, level]
    for slot in range(gone, size):
        detectors.totals[at, level, slot - gone] = detectors.totals[at, level, slot]
        detectors.squares[at, level, slot - gone] = detectors.squares[at, level, slot]
    for slot in range(size - gone, size):
        detectors.totals[at, level, slot] = 0.0
        detectors.squares[at, level, slot] = 0.0
    detectors.sizes[at, level] = size - gone


@uncounted
@kernel
def _drop_oldest(detectors, at):
    """Take the oldest bucket out of the window."""
    counters, sums = detectors.counters, detectors.sums
    top = counters[at, TOP]
    n = float64(1 << top)
    total = detectors.totals[at, top, 0]
    counters[at, WIDTH] -= 1 << top
    width = float64(counters[at, WIDTH])
    sums[at, TOTAL] -= total
    apart = total / n - sums[at, TOTAL] / width
    sums[at, SQUARES] -= detectors.squares[at, top, 0] + n * width * apart * apart / (n + width)
    _shift(detectors, at, top, 1)
    if detectors.sizes[at, top] == 0:
        # Levels below the highest are never empty: merging leaves buckets behind.
        counters[at, TOP] = top - 1


@uncounted
@kernel
def _differs(detectors, at):
    """Say whether the means on both sides of any boundary differ significantly.

    The bound is that of the paper's equation 3.1 in its form for the normal
    approximation, with delta' = delta / (2 ln width).
    """
    totals, sizes, rules = detectors.totals, detectors.sizes, detectors.rules
    width = float64(detectors.counters[at, WIDTH])
    total = detectors.sums[at, TOTAL]
    variance = detectors.sums[at, SQUARES] / width
    length_min = float64(rules[at, LENGTH_MIN])
    if width < 2.0 * length_min:
        return False
    strictness = math.log(2.0 * math.log(width) / detectors.deltas[at])
    older_n, younger_n = 0.0, width
    older, younger = 0.0, total
    for level in range(detectors.counters[at, TOP], -1, -1):
        n = float64(1 << level)
        for slot in range(sizes[at, level]):
            older_n += n
            younger_n -= n
            older += totals[at, level, slot]
            younger -= totals[at, level, slot]
            if younger_n < length_min:
                return False
            if older_n < length_min:
                continue
            harmonic = 1.0 / (older_n - length_min + 1.0) + 1.0 / (younger_n - length_min + 1.0)
            spread = 2.0 * harmonic * variance * strictness
            # Rounding can take a variance below zero; no bound can be told from that.
            if spread < 0.0:
                continue
            bound = math.sqrt(spread) + 2.0 / 3.0 * strictness * harmonic
            if math.fabs(older / older_n - younger / younger_n) > bound:
                return True
    return False
