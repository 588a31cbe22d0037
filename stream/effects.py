"""What a step of the engine decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stream.evidence import Evidence, together
from stream.labels.fates import Departed, Review
from stream.verdicts import Verdicts


@dataclass(frozen=True)
class KeptReadings:
    """The features of a step, as far as the engine keeps them.

    Attributes
    ----------
    matrix : ndarray of float64, shape (n, n_features)
    value_states : ndarray of uint8, shape (n, n_features)
    """

    matrix: NDArray[np.float64]
    value_states: NDArray[np.uint8]

    def states(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the `ValueState` of every value of some rows."""
        return self.value_states[rows]


@dataclass(frozen=True)
class Effects:
    """What a step decided; the shell publishes it.

    Attributes
    ----------
    scores : ndarray of float64, shape (n,)
        NaN where there is no score.
    outcomes : ndarray of int8, shape (n,)
        `Outcome` of each row that was taken.
    timeliness : ndarray of int8, shape (n,)
    duplicate : ndarray of bool, shape (n,)
        Rows that repeat a waiting transaction and its stored verdict.
    cold : ndarray of bool, shape (n,)
        Rows without a score because the model had not seen enough labels.
    unscored : ndarray of bool, shape (n,)
        Rows to which a model that was ready gave no score.
    model_versions : ndarray of int64, shape (n,)
        Labels learned from when each row was decided.
    reasons : ndarray of int64, shape (n,)
        `Reason` of each row: the decoder's, or EVENT_TOO_LATE; other than OK is a
        dead letter.
    readings : KeptReadings
        What the engine was made to keep; else empty.
    alerted : list of Evidence
        Rows at REVIEW or stricter that are no duplicates, by what was decided at once.
    label_reviews : list of Review
        Labels that waited for a row of this step or an earlier one.
    departed_labels : list of Departed
        Labels that are held no longer.
    """

    scores: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    timeliness: NDArray[np.int8]
    duplicate: NDArray[np.bool_]
    cold: NDArray[np.bool_]
    unscored: NDArray[np.bool_]
    model_versions: NDArray[np.int64]
    reasons: NDArray[np.int64]
    readings: KeptReadings
    alerted: list[Evidence]
    label_reviews: list[Review] = field(default_factory=list)
    departed_labels: list[Departed] = field(default_factory=list)

    @cached_property
    def alerts(self) -> Evidence:
        """Why rows were alerted, all together; to be asked for once the step has ended."""
        return together(self.alerted)

    @property
    def verdicts(self) -> Verdicts:
        """What every row's decision says, as kernels take it."""
        return Verdicts(
            self.scores,
            self.outcomes,
            self.timeliness,
            self.duplicate,
            self.cold,
            self.unscored,
            self.model_versions,
        )
