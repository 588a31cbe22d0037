"""Why a payment was alerted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.contenders import Contender
from stream.decide import Outcome, Thresholds
from stream.features.value_states import ValueState

ALERT_REASONS_MAX = 4
_STATES = tuple(ValueState)


class Contribution(NamedTuple):
    """One feature's part in a score, in log-odds."""

    feature: str
    value: float
    contribution: float
    state: ValueState


class Evidence(NamedTuple):
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


class Alerted(NamedTuple):
    """The rows of a batch that were alerted, and what was said of them.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Their places in the batch.
    X : ndarray of float64, shape (n, n_features)
    states : ndarray of uint8, shape (n, n_features)
        `ValueState` of every value.
    raw : ndarray of float64, shape (n,)
        What the learner itself said.
    outcomes : ndarray of int8, shape (n,)
    drawn : ndarray of float64, shape (n,)
        With which probability a row was drawn to be looked at; NaN where it was not.
    """

    rows: NDArray[np.int64]
    X: NDArray[np.float64]
    states: NDArray[np.uint8]
    raw: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    drawn: NDArray[np.float64]


def evidence_of(
    alerted: Alerted, names: tuple[str, ...], champion: Contender, thresholds: Thresholds
) -> list[Evidence]:
    """Return why each row was alerted; `names` are those of the features."""
    bases, parts = champion.contributions_many(alerted.X, alerted.raw)
    thresholds_of = [thresholds.of(outcome) for outcome in Outcome]
    columns = (
        alerted.rows.tolist(),
        [thresholds_of[outcome] for outcome in alerted.outcomes.tolist()],
        np.where(np.isnan(alerted.drawn), 1.0, alerted.drawn).tolist(),
        bases.tolist(),
        reasons_of(names, alerted.X, parts, alerted.states),
        alerted.states,
    )
    return list(map(Evidence, *columns))


def reasons_of(
    names: tuple[str, ...],
    X: NDArray[np.float64],
    parts: NDArray[np.float64],
    states: NDArray[np.uint8],
) -> list[tuple[Contribution, ...]]:
    """Return, for each row, the features that raised its score most.

    Parameters
    ----------
    names : tuple of str
    X, parts : ndarray of float64, shape (n, n_features)
        Values, and what each added to the log-odds.
    states : ndarray of uint8, shape (n, n_features)
    """
    order = np.argsort(-parts, axis=1, kind="stable")[:, :ALERT_REASONS_MAX]
    chosen = (np.take_along_axis(each, order, axis=1).tolist() for each in (X, parts, states))
    return [
        tuple(
            Contribution(names[i], value, part, _STATES[state])
            for i, value, part, state in zip(*row, strict=True)
            if part > 0
        )
        for row in zip(order.tolist(), *chosen, strict=True)
    ]
