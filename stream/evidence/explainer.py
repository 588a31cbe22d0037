"""Evidence of alerts beside what is usual, and with the change that would have kept them away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.decide import Thresholds
from stream.event_time import BEGINNING_US
from stream.evidence.counterfactual import Asked, Score, counterfactuals, limits_of
from stream.evidence.evidence import NO_TIME_US, Alerted, Evidence, evidence_of
from stream.features.feature_set import FeatureSet
from stream.features.normal import usual_of, write_normals


@dataclass(frozen=True)
class Explained:
    """What alerts say of why they were raised.

    Attributes
    ----------
    protected : frozenset of str
        Names of features that may never be a reason, nor change in a counterfactual.
    counterfactuals : bool
        Whether the champion is asked what would not have been alerted.
    """

    protected: frozenset[str] = frozenset()
    counterfactuals: bool = True


EVERYTHING = Explained()


class Explainer:
    """Finds why rows were alerted.

    Parameters
    ----------
    features : FeatureSet
    explained : Explained
    """

    def __init__(self, features: FeatureSet, explained: Explained) -> None:
        self._usual = usual_of(features)
        self._limits = limits_of(features.features)
        protected = [name in explained.protected for name in features.names]
        self._protected = np.array(protected, np.bool_)
        self._counterfactuals = explained.counterfactuals

    def evidence(
        self,
        alerted: Alerted,
        thresholds: Thresholds,
        scores: NDArray[np.float64],
        score: Score,
    ) -> Evidence:
        """Return why rows were alerted that were decided at once.

        Parameters
        ----------
        alerted : Alerted
        thresholds : Thresholds
            Then in force.
        scores : ndarray of float64, shape (n,)
            The champion's; NaN where a rule asks for the alert, whatever the score.
        score : callable
            Gives the champion's scores of other rows.
        """
        if self._protected.any():
            alerted = alerted._replace(parts=np.where(self._protected, 0.0, alerted.parts))
        found = evidence_of(alerted, thresholds)
        write_normals(self._usual, alerted.X, alerted.states, found.reasons, found.normals)
        if not self._counterfactuals:
            return found
        raised = scores >= thresholds.alerting
        asked = Asked(alerted.X, found.reasons, found.normals, raised)
        changes = counterfactuals(score, asked, thresholds.alerting, self._limits)
        return found._replace(
            change_features=changes.features,
            change_values=changes.values,
            change_scores=changes.scores,
            change_beyond=changes.beyond,
        )


def note_barriers(
    alerted: Iterable[Evidence], watermarks: NDArray[np.int64], interval_us: int
) -> None:
    """Note until when labels were learned before each alert was decided.

    That is the latest barrier that the payment's own watermark had passed: all that was due by
    then was learned, whether or not the batch was cut there.

    Parameters
    ----------
    alerted : iterable of Evidence
        Of one batch.
    watermarks : ndarray of int64, shape (n,)
        Behind each row of the batch.
    interval_us : int
        Barriers are its multiples.
    """
    for each in alerted:
        passed = watermarks[each.rows]
        barriers = passed // interval_us * interval_us
        each.known_until[:] = np.where(passed > BEGINNING_US, barriers, NO_TIME_US)
