"""How well scores put frauds above genuine payments.

Payments of one score are a tie: no order among them is ever assumed, which is what
scikit-learn does. A payment without a score ranks below every score, and all of them
are one tie; so a model that says nothing gets the measures of chance, not a better
sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ranking:
    """How good an order is.

    Attributes
    ----------
    auc : float or None
        Area under the ROC curve: the probability that a fraud has a greater score than a
        genuine payment, a tie counting one half (Hanley & McNeil 1982). None without
        both classes.
    average_precision : float or None
        Mean, over the frauds, of the precision at their score: the sum of P_i (R_i - R_(i-1))
        over the distinct scores, without interpolation. None without frauds.
    unscored : int
        Payments that had no score.
    """

    auc: float | None
    average_precision: float | None
    unscored: int


def rank(scores: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> Ranking:
    """Judge an order by score.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        NaN where there is none.
    is_fraud : ndarray of bool, shape (n,)
    """
    unscored = int(np.isnan(scores).sum())
    frauds = int(is_fraud.sum())
    if not frauds:
        return Ranking(None, None, unscored)
    order = np.argsort(-scores)  # NaN comes last.
    last = _last_of_ties(scores[order])
    hits = np.cumsum(is_fraud[order])[last]
    taken = last + 1
    new_hits = np.diff(hits, prepend=0)
    precision = float((new_hits * (hits / taken)).sum()) / frauds
    genuine = len(scores) - frauds
    if not genuine:
        return Ranking(None, precision, unscored)
    new_misses = np.diff(taken - hits, prepend=0)
    # Twice the area, in whole numbers: frauds above count two, those of the same score one.
    pairs = int((new_misses * (2 * hits - new_hits)).sum())
    return Ranking(pairs / (2 * frauds * genuine), precision, unscored)


def top(scores: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Return the places of the k greatest scores, greatest first; fewer if there are not as many.

    Of equal scores the earlier place comes first: somebody with a budget has to choose. What has
    no score is never taken: nothing was said about it.
    """
    places = np.flatnonzero(~np.isnan(scores))
    if len(places) > k:
        # Only what can be among them is sorted: the k-th greatest, all above and its equals.
        least = np.partition(scores[places], len(places) - k)[len(places) - k]
        places = places[scores[places] >= least]
    return places[np.argsort(-scores[places], kind="stable")[:k]]


def _last_of_ties(descending: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the last place of each run of equal scores; NaN equals NaN."""
    before, after = descending[:-1], descending[1:]
    changes = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return np.append(np.flatnonzero(changes), len(descending) - 1)
