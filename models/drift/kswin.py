"""KSWIN: whether the latest values are distributed as some of those shortly before.

Raab, Heusinger & Schleif (2020), "Reactive soft prototype computing for concept drift streams",
Neurocomputing 416. At every value the newest `stat_size` of a window are held beside as many
drawn from the rest of it, by the two-sample Kolmogorov-Smirnov test; the draws are those of
CPython's generator under a seed, so a stream has one answer.

The window is kept in order of value, so a test sorts nothing: it walks over the window once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dense.model import clipped
from models.trees.twister import sample, seeded
from schemas.jit import kernel, uncounted

WINDOW_MAX = 10_000
"""Values of a window; up to so many the test's distribution is exact in scipy as well."""
DISTANCE_MIN = 0.1
"""Smaller distances are no drift, however certain: River's own bound."""

# Columns of `counters`: values in the window, the slot of the next one, values since the start,
# whether the last one showed a drift.
SIZE, NEXT, COUNT, DRIFTED, N_COUNTERS = range(5)
# Columns of `said`, of the last test.
P_VALUE, DISTANCE, MEAN_BEFORE, MEAN, N_SAID = range(5)
# How a slot of the window takes part in a test.
_ASIDE, _BEFORE, _NEWEST = range(3)


class Windows(NamedTuple):
    """Detectors, one a row; kernels take it whole.

    Attributes
    ----------
    values : ndarray of float64, shape (n, window_size)
        A ring.
    words : ndarray of uint32, shape (n, 625)
        Random numbers; see `models.trees.twister`.
    counters : ndarray of int64, shape (n, 4)
    said : ndarray of float64, shape (n, 4)
        Of the last test: its p-value, the distance, and the means of what was drawn and of the
        newest values.
    rules : ndarray of float64, shape (1,)
        `alpha`.
    seeds : ndarray of uint32, shape (625,)
        What `words` begin with, at the start and after a drift.
    order : ndarray of int32, shape (n, window_size)
        The ring's slots in use, by value.
    parts : ndarray of int8, shape (window_size,)
        How each slot takes part in a test; not at all between two of them.
    pool : ndarray of int32, shape (window_size - stat_size,)
    chosen : ndarray of int32, shape (stat_size,)
        Room for draws.
    p_values : ndarray of float64, shape (stat_size + 1,)
        By the greatest difference of two counts.
    """

    values: NDArray[np.float64]
    words: NDArray[np.uint32]
    counters: NDArray[np.int64]
    said: NDArray[np.float64]
    rules: NDArray[np.float64]
    seeds: NDArray[np.uint32]
    order: NDArray[np.int32]
    parts: NDArray[np.int8]
    pool: NDArray[np.int32]
    chosen: NDArray[np.int32]
    p_values: NDArray[np.float64]


def new(
    n: int, alpha: float = 0.005, window_size: int = 100, stat_size: int = 30, seed: int = 1
) -> Windows:
    """Return `n` fresh detectors with the same parameters.

    Parameters
    ----------
    n : int
    alpha : float
        Significance of a test, 0 to 1; there is one at every value.
    window_size : int
        Values that are remembered, at most 10,000.
    stat_size : int
        The newest of them, which are held beside as many of the others: 1 or more, at most half
        of the window.
    seed : int
        Of the draws; each detector has its own generator, from the same seed.

    Raises
    ------
    ValueError
        A parameter is out of its range.
    """
    _require(0.0 <= alpha <= 1.0, "alpha", alpha, "a probability, such as 0.0001")
    _require(
        2 <= window_size <= WINDOW_MAX, "window_size", window_size, f"2 to {WINDOW_MAX} values"
    )
    _require(
        1 <= stat_size <= window_size // 2,
        "stat_size",
        stat_size,
        f"1 to {window_size // 2}, half of window_size",
    )
    words = seeded(seed)
    return Windows(
        values=np.zeros((n, window_size)),
        words=np.tile(words, (n, 1)),
        counters=np.zeros((n, N_COUNTERS), np.int64),
        said=np.zeros((n, N_SAID)),
        rules=np.array([float(alpha)]),
        seeds=words,
        order=np.zeros((n, window_size), np.int32),
        parts=np.zeros(window_size, np.int8),
        pool=np.zeros(window_size - stat_size, np.int32),
        chosen=np.zeros(stat_size, np.int32),
        p_values=p_values(stat_size),
    )


def _require(holds: bool, name: str, value: object, remedy: str) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}: give {remedy}")


def p_values(n: int) -> NDArray[np.float64]:
    """Return how probable a distance of h / n or more is between two samples of n, by h.

    Exact, of samples without ties: the share of paths in a square that leave a strip around its
    diagonal, summed as a product in scipy's order, so that it rounds alike. Where rounding takes
    it above 1 it is that of Smirnov's limit, as in scipy.

    Returns
    -------
    ndarray of float64, shape (n + 1,)

    References
    ----------
    Hodges (1958), "The significance probability of the Smirnov two-sample test", Arkiv för
    Matematik 3.
    """
    found = np.ones(n + 1)
    _fill(found)
    (over,) = np.nonzero(found > 1.0)
    if len(over):
        # A slow import, for the sample sizes that need it.
        from scipy.stats import kstwo

        found[over] = np.clip(kstwo.sf(over / n, np.round(n / 2)), 0.0, 1.0)
    return found


@uncounted
@kernel
def _fill(found):
    """Write the probability of each distance but 0."""
    n = found.shape[0] - 1
    for h in range(1, n + 1):
        outside = 0.0
        for k in range(n // h, -1, -1):
            share = 1.0
            for j in range(h):
                share = (n - k * h - j) * share / (n + k * h + j + 1)
            outside = share * (1.0 - outside)
        found[h] = 2.0 * outside


@uncounted
@kernel
def update(detectors, at, value):
    """Take a value into one detector; return whether it showed a drift.

    The value after a drift begins a new window, as in River. A NaN is no value.
    """
    counters = detectors.counters
    if counters[at, DRIFTED] != 0:
        reset(detectors, at)
    if math.isnan(value):
        return False
    window_size = detectors.values.shape[1]
    counters[at, COUNT] += 1
    put(detectors, at, value)
    drifted = counters[at, SIZE] == window_size and _differs(detectors, at)
    counters[at, DRIFTED] = drifted
    return drifted


@uncounted
@kernel
def reset(detectors, at):
    """Forget all that a detector has seen, and what it has drawn."""
    detectors.values[at] = 0.0
    detectors.counters[at] = 0
    detectors.said[at] = 0.0
    # By hand: of whole rows Numba would make a copy first.
    for word in range(detectors.seeds.shape[0]):
        detectors.words[at, word] = detectors.seeds[word]


@uncounted
@kernel
def update_many(detectors, at, values, drifts):
    """Call `update` for every value, shape (n,); write what it said to `drifts`, shape (n,)."""
    for i in range(values.shape[0]):
        drifts[i] = update(detectors, at, values[i])


@uncounted
@kernel
def put(detectors, at, given):
    """Put a number into a window, over the oldest of a full one, and test nothing."""
    value = clipped(given)
    counters, values, order = detectors.counters, detectors.values, detectors.order
    slot, size = counters[at, NEXT], counters[at, SIZE]
    if size == values.shape[1]:
        place = 0
        while order[at, place] != slot:
            place += 1
        size -= 1
        for later in range(place, size):
            order[at, later] = order[at, later + 1]
    values[at, slot] = value
    place = size
    while place > 0 and values[at, order[at, place - 1]] > value:
        order[at, place] = order[at, place - 1]
        place -= 1
    order[at, place] = slot
    counters[at, SIZE] = size + 1
    counters[at, NEXT] = slot + 1 if slot + 1 < values.shape[1] else 0


@uncounted
@kernel
def _differs(detectors, at):
    """Say whether the newest values of a full window differ from some that are drawn."""
    values, order, parts, said = detectors.values, detectors.order, detectors.parts, detectors.said
    window_size, stat_size = values.shape[1], detectors.chosen.shape[0]
    n_before = window_size - stat_size
    for age in range(n_before):
        detectors.pool[age] = age
    sample(detectors.words[at], detectors.pool, n_before, stat_size, detectors.chosen)
    # In a full ring the oldest value lies where the next one will.
    oldest = detectors.counters[at, NEXT]
    before = newest = 0.0
    for i in range(stat_size):
        slot = (oldest + detectors.chosen[i]) % window_size
        parts[slot] = _BEFORE
        before += values[at, slot]
        slot = (oldest + n_before + i) % window_size
        parts[slot] = _NEWEST
        newest += values[at, slot]
    ahead = most = 0
    for place in range(window_size):
        slot = order[at, place]
        if parts[slot] == _BEFORE:
            ahead += 1
        elif parts[slot] == _NEWEST:
            ahead -= 1
        parts[slot] = _ASIDE
        # The distributions are compared behind all values that are equal.
        last = place + 1 == window_size
        if last or values[at, order[at, place + 1]] > values[at, slot]:
            most = max(most, abs(ahead))
    said[at, P_VALUE] = detectors.p_values[most]
    said[at, DISTANCE] = most / stat_size
    said[at, MEAN_BEFORE] = before / stat_size
    said[at, MEAN] = newest / stat_size
    return said[at, P_VALUE] <= detectors.rules[0] and said[at, DISTANCE] > DISTANCE_MIN
