"""Why payments were alerted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.decide import Thresholds
from stream.evidence.counterfactual import no_counterfactuals
from stream.evidence.reasons import NO_REASON, choose_reasons
from stream.features.value_states import ValueState, packed
from stream.short_arrays import filled

ALERT_REASONS_MAX = 4
NO_TIME_US = -(2**63)
_STATES = tuple(ValueState)


class Contribution(NamedTuple):
    """One feature's part in a score, in log-odds, and what is usual beside its value."""

    feature: str
    value: float
    contribution: float
    state: ValueState
    normal: float | None = None


class Alerted(NamedTuple):
    """Rows that are alerted, and what was said of them.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Their places in the batch.
    X : ndarray of float64, shape (n, n_features)
    states : ndarray of uint8, shape (n, n_features)
        `ValueState` of every value.
    bases : ndarray of float64, shape (n,)
        Log-odds that no feature explains.
    parts : ndarray of float64, shape (n, n_features)
        Log-odds that each feature adds.
    outcomes : ndarray of int8, shape (n,)
    drawn : ndarray of float64, shape (n,)
        With which probability a row was drawn to be looked at; NaN where it was not, or a rule
        asked for it anyway.
    read : ndarray of float64, shape (n, n_reads)
        What rules look at; NaN where it was missing.
    grouped : ndarray of int64, shape (n,)
        Alerts of the same entity that were held back since its last one.
    """

    rows: NDArray[np.int64]
    X: NDArray[np.float64]
    states: NDArray[np.uint8]
    bases: NDArray[np.float64]
    parts: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    drawn: NDArray[np.float64]
    read: NDArray[np.float64]
    grouped: NDArray[np.int64]


class Evidence(NamedTuple):
    """Why rows of a batch were alerted, in the order of the rows.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        Their places in the batch.
    thresholds : ndarray of float64, shape (n,)
        The score from which each one's outcome applied.
    probabilities : ndarray of float64, shape (n,)
        1 if the score reached it, or a rule asked for it; else that with which the payment was
        drawn to be looked at.
    bases : ndarray of float64, shape (n,)
        Log-odds that no feature explains.
    reasons : ndarray of int64, shape (n, ALERT_REASONS_MAX)
        Places of the features that raised the score most, largest first; NO_REASON behind the
        last one that did.
    values, parts : ndarray of float64, shape (n, ALERT_REASONS_MAX)
        Of the reasons: the value, and what it added to the log-odds.
    reason_states : ndarray of uint8, shape (n, ALERT_REASONS_MAX)
        `ValueState` of the reasons' values.
    states : ndarray of uint8, shape (n, ceil(n_features / 4))
        `ValueState` of every feature; see `stream.features.value_states.packed`.
    read : ndarray of float64, shape (n, n_reads)
        What rules look at; see `stream.rules.matched.NamedRules.reads`.
    normals : ndarray of float64, shape (n, ALERT_REASONS_MAX)
        Of the reasons: what is usual for the entity; NaN where nothing is.
    change_features : ndarray of int64, shape (n,)
        The feature that another value of would not have alerted; NO_REASON where none is known.
    change_values, change_scores : ndarray of float64, shape (n,)
        That value, and the score it would have had.
    change_beyond : ndarray of bool, shape (n,)
        Whether values further away would not alert either, of all that were tried.
    known_until : ndarray of int64, shape (n,)
        Until when labels were learned, microseconds of event time; NO_TIME_US: none were.
    grouped : ndarray of int64, shape (n,)
        Alerts of the same entity that were held back since its last one.
    """

    rows: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    bases: NDArray[np.float64]
    reasons: NDArray[np.int64]
    values: NDArray[np.float64]
    parts: NDArray[np.float64]
    reason_states: NDArray[np.uint8]
    states: NDArray[np.uint8]
    read: NDArray[np.float64]
    normals: NDArray[np.float64]
    change_features: NDArray[np.int64]
    change_values: NDArray[np.float64]
    change_scores: NDArray[np.float64]
    change_beyond: NDArray[np.bool_]
    known_until: NDArray[np.int64]
    grouped: NDArray[np.int64]

    def of(self, places: NDArray[np.int64]) -> Evidence:
        """Return the evidence of some of the rows, in the order of `places`."""
        columns: list[Any] = [column[places] for column in self]
        return Evidence(*columns)

    def words(self) -> Evidence:
        """Return it as kernels take it: in place of doubles the words that hold them."""
        columns: list[Any] = list(map(np.ascontiguousarray, self))
        return Evidence(
            *(each.view(np.uint64) if each.dtype == np.float64 else each for each in columns)
        )

    def contributions(self, names: tuple[str, ...]) -> list[tuple[Contribution, ...]]:
        """Return the reasons of each row; `names` are those of all features."""
        columns = self.reasons, self.values, self.parts, self.reason_states, self.normals
        return [
            tuple(
                Contribution(names[feature], value, part, _STATES[state], known(normal))
                for feature, value, part, state, normal in zip(*row, strict=True)
                if feature != NO_REASON
            )
            for row in zip(*(column.tolist() for column in columns), strict=True)
        ]


def known(value: float) -> float | None:
    """Return a number as records have it: None for NaN."""
    return None if np.isnan(value) else value


def evidence_of(alerted: Alerted, thresholds: Thresholds) -> Evidence:
    """Return why rows were alerted that were decided at once, by the thresholds then in force.

    What is usual, what would have changed it, and until when labels were known is left open.
    """
    shape = len(alerted.rows), ALERT_REASONS_MAX
    reasons, values, parts = filled(shape, NO_REASON, np.int64), np.zeros(shape), np.zeros(shape)
    states = np.zeros(shape, np.uint8)
    choose_reasons(alerted.X, alerted.parts, alerted.states, reasons, values, parts, states)
    changes = no_counterfactuals(len(alerted.rows))
    return Evidence(
        alerted.rows,
        thresholds.of(alerted.outcomes),
        np.where(np.isnan(alerted.drawn), 1.0, alerted.drawn),
        alerted.bases,
        reasons,
        values,
        parts,
        states,
        packed(alerted.states),
        alerted.read,
        filled(shape, np.nan),
        *changes,
        filled(len(alerted.rows), NO_TIME_US, np.int64),
        alerted.grouped,
    )


def together(parts: Sequence[Evidence]) -> Evidence:
    """Lay evidence of parts of a batch one behind the other; there may be none."""
    if len(parts) == 1:
        return parts[0]
    return Evidence(*map(np.concatenate, zip(*parts, strict=True))) if parts else _NOTHING


_NUMBERS, _FEW = np.zeros(0), np.zeros((0, ALERT_REASONS_MAX))
_NOTHING = Evidence(
    np.zeros(0, np.int64),
    _NUMBERS,
    _NUMBERS,
    _NUMBERS,
    _FEW.astype(np.int64),
    _FEW,
    _FEW,
    _FEW.astype(np.uint8),
    np.zeros((0, 0), np.uint8),
    np.zeros((0, 0)),
    _FEW,
    *no_counterfactuals(0),
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
)
