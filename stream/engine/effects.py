"""What a step of the engine decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stream.champion.reigns import Reign
from stream.evidence.evidence import Evidence, together
from stream.labels.fates import Departed, Review
from stream.monitor.events import DriftEvent
from stream.records.row_decisions import RowDecisions
from stream.rules.breaker import Tripped
from stream.rules.matched import NO_RULES, MatchedRules, NamedRules, one_behind_the_other
from stream.shared_model.messages import ModelVersion, SentExamples
from stream.short_arrays import filled


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
        Rows that repeat a waiting transaction and its stored decision.
    cold : ndarray of bool, shape (n,)
        Rows without a score because the model had not seen enough labels.
    unscored : ndarray of bool, shape (n,)
        Rows to which a model that was ready gave no score.
    model_versions : ndarray of int64, shape (n,)
        Labels learned from when each row was decided.
    champions : ndarray of uint8, shape (n,)
        Slot of the contender that decided each; `stream.champion.lineup.Lineup.names` says
        which it is.
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
    drifts : list of DriftEvent
        What the monitor noticed.
    rules : NamedRules
        The set in force.
    ruled : list of (int, MatchedRules)
        Which of them matched, by what was decided at once: its first row, and its rows.
    tripped : list of Tripped
        Rules that matched too much, and are in shadow now.
    shared : list of ndarray of int64, shape (words, n)
        What other partitions are to know of the rows, by what was decided at once.
    examples : list of SentExamples
        What the trainer of all partitions is to know of labels.
    versions : list of ModelVersion
        What it has come to, for the others.
    promoted : list of Reign
        Models that became champion in it: the ones before, taken back by the canary.
    """

    scores: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    timeliness: NDArray[np.int8]
    duplicate: NDArray[np.bool_]
    cold: NDArray[np.bool_]
    unscored: NDArray[np.bool_]
    model_versions: NDArray[np.int64]
    champions: NDArray[np.uint8]
    reasons: NDArray[np.int64]
    readings: KeptReadings
    alerted: list[Evidence]
    label_reviews: list[Review] = field(default_factory=list)
    departed_labels: list[Departed] = field(default_factory=list)
    drifts: list[DriftEvent] = field(default_factory=list)
    rules: NamedRules = NO_RULES
    ruled: list[tuple[int, MatchedRules]] = field(default_factory=list)
    tripped: list[Tripped] = field(default_factory=list)
    shared: list[NDArray[np.int64]] = field(default_factory=list)
    examples: list[SentExamples] = field(default_factory=list)
    versions: list[ModelVersion] = field(default_factory=list)
    promoted: list[Reign] = field(default_factory=list)

    @cached_property
    def alerts(self) -> Evidence:
        """Why rows were alerted, all together; to be asked for once the step has ended."""
        return together(self.alerted)

    @cached_property
    def matched(self) -> MatchedRules:
        """Which rules matched every row; to be asked for once the step has ended."""
        return one_behind_the_other(self.ruled, len(self.scores))

    @property
    def decided(self) -> RowDecisions:
        """What every row's decision says, as kernels take it."""
        return RowDecisions(
            self.scores,
            self.outcomes,
            self.timeliness,
            self.duplicate,
            self.cold,
            self.unscored,
            self.model_versions,
        )


def nothing_decided(
    reasons: NDArray[np.int64],
    timeliness: NDArray[np.int8],
    rules: NamedRules,
    n_values: int,
    n_states: int,
) -> Effects:
    """Return effects of n rows of which nothing is decided yet.

    Parameters
    ----------
    reasons : ndarray of int64, shape (n,)
        The decoder's; copied.
    timeliness : ndarray of int8, shape (n,)
    rules : NamedRules
        Those in force.
    n_values, n_states : int
        Features whose values, and whose value states, are kept.
    """
    n = len(reasons)
    return Effects(
        scores=filled(n, np.nan),
        outcomes=np.zeros(n, np.int8),
        timeliness=timeliness,
        duplicate=np.zeros(n, np.bool_),
        cold=np.zeros(n, np.bool_),
        unscored=np.zeros(n, np.bool_),
        model_versions=np.zeros(n, np.int64),
        champions=np.zeros(n, np.uint8),
        reasons=reasons.copy(),
        readings=KeptReadings(filled((n, n_values), np.nan), np.zeros((n, n_states), np.uint8)),
        alerted=[],
        rules=rules,
    )
