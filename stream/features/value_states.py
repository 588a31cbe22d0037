"""How far a value can be trusted: the worst state of the results that it is made of."""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from schemas.jit import kernel
from stream.features.program import BASE, FEATURE, HISTORY, RESULT, SPAN_US, History
from stream.windows.words import COMPLETE_AGE_US, IS_BORN_LATE, IS_LATE, REORDERED_AGE_US


class ValueState(IntEnum):
    """How far a value can be trusted."""

    FRESH = 0
    LATE_CORRECTED = 1
    UNKNOWN = 2
    SATURATED = 3


_FRESH, _LATE_CORRECTED = int(ValueState.FRESH), int(ValueState.LATE_CORRECTED)
_UNKNOWN, _SATURATED = int(ValueState.UNKNOWN), int(ValueState.SATURATED)
_NONE, _WINDOW, _BIRTH = int(History.NONE), int(History.WINDOW), int(History.BIRTH)
# How bad each state is; read the other way, which state is how bad: the two are alike.
_SEVERITY = np.array([0, 1, 3, 2], np.uint8)


def packed(states: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pack value states, four in a byte, the first in its lowest bits.

    Parameters
    ----------
    states : ndarray of uint8, shape (..., n_features)

    Returns
    -------
    ndarray of uint8, shape (..., ceil(n_features / 4))
    """
    missing = -states.shape[-1] % 4
    whole = np.concatenate([states, np.zeros((*states.shape[:-1], missing), np.uint8)], -1)
    quarters = whole.reshape(*states.shape[:-1], -1, 4) << np.array([0, 2, 4, 6], np.uint8)
    return np.bitwise_or.reduce(quarters, -1)


def worse(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the worse of two states each; arrays of one shape."""
    return np.where(_SEVERITY[other] > _SEVERITY[one], other, one)


@kernel
def state_of(source, block, values, place):
    """Return the state of one result at one event; the arguments are those of `worst_states`."""
    if math.isnan(values[source[RESULT], place]):
        return _UNKNOWN
    history, base = source[HISTORY], source[BASE]
    if history == _WINDOW:
        if block[base + COMPLETE_AGE_US, place] < source[SPAN_US]:
            return _SATURATED
        return _LATE_CORRECTED if block[base + REORDERED_AGE_US, place] < source[SPAN_US] else 0
    if history == _NONE:
        return _FRESH
    if history == _BIRTH and block[base + IS_BORN_LATE, place] != 0:
        return _SATURATED
    return _LATE_CORRECTED if block[base + IS_LATE, place] != 0 else _FRESH


@kernel
def worst_states(sources, block, values, places, states):
    """Write for each event and feature the worst state of the results it is made of.

    Parameters
    ----------
    sources : ndarray of int64, shape (parts, SOURCE)
    block : ndarray of int64, shape (words, n)
    values : ndarray of float64, shape (results, n)
    places : ndarray of int64, shape (k,)
        Columns of both; negative for a row that was not taken, which is passed over.
    states : ndarray of uint8, shape (k, n_features)
    """
    for i in range(places.shape[0]):
        if places[i] < 0:
            continue
        for p in range(sources.shape[0]):
            feature = sources[p, FEATURE]
            state = state_of(sources[p], block, values, places[i])
            if _SEVERITY[state] > _SEVERITY[states[i, feature]]:
                states[i, feature] = state
