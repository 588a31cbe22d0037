"""Why a payment was alerted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.features.value_states import ValueState

ALERT_REASONS_MAX = 4


class Contribution(NamedTuple):
    """One feature's part in a score, in log-odds."""

    feature: str
    value: float
    contribution: float
    state: ValueState


@dataclass(frozen=True)
class Evidence:
    """Why one row was alerted.

    Attributes
    ----------
    row : int
        Its place in the batch.
    threshold : float
        The score from which its outcome applied.
    probability : float
        1 if the score reached it; else that with which the payment was drawn to be looked at.
    base : float
        Log-odds that no feature explains.
    reasons : tuple of Contribution
        At most four features that raised the score, largest first.
    states : ndarray of uint8, shape (n_features,)
        `ValueState` of every feature.
    """

    row: int
    threshold: float
    probability: float
    base: float
    reasons: tuple[Contribution, ...]
    states: NDArray[np.uint8]


def reasons_of(
    names: tuple[str, ...],
    x: NDArray[np.float64],
    parts: NDArray[np.float64],
    states: NDArray[np.uint8],
) -> tuple[Contribution, ...]:
    """Return the features that raised a score most.

    Parameters
    ----------
    names : tuple of str
    x, parts : ndarray of float64, shape (n_features,)
        Values, and what each added to the log-odds.
    states : ndarray of uint8, shape (n_features,)
    """
    order = [i for i in np.argsort(-parts, kind="stable")[:ALERT_REASONS_MAX] if parts[i] > 0]
    return tuple(
        Contribution(names[i], float(x[i]), float(parts[i]), ValueState(int(states[i])))
        for i in order
    )
