"""Whether scores mean what they say: of the payments scored 0.2, are a fifth frauds.

Payments without a score say nothing and are left out here; the measures say how many were
taken. Bins have equal mass, because almost all scores lie near 0: of bins of equal width
the first would hold nearly everything. Their edges are percentiles (interpolated linearly),
and equal scores are never divided.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
# As in models.prequential: a score that is certain and wrong costs 34.5 nats, not everything.
_EPSILON = 1e-15


@dataclass(frozen=True)
class Reliability:
    """Calibration of some scores; the arrays are the table, one row a bin that is not empty.

    Attributes
    ----------
    count : ndarray of int64, shape (b,)
    mean_score : ndarray of float64, shape (b,)
    fraud_rate : ndarray of float64, shape (b,)
    brier : float or None
        Mean square of score less truth (Brier 1950).
    log_loss : float or None
        Mean negative logarithm of what was said of the truth, nats.
    """

    count: NDArray[np.int64]
    mean_score: NDArray[np.float64]
    fraud_rate: NDArray[np.float64]
    brier: float | None
    log_loss: float | None

    @property
    def calibration_error(self) -> float | None:
        """Expected calibration error: mean distance of score and fraud rate over the bins.

        Each bin counts by its payments (Naeini, Cooper & Hauskrecht 2015, with the bins of
        Nguyen & O'Connor 2015). It is never 0 by luck: noise alone makes it greater than it is.
        """
        total = self.count.sum()
        if not total:
            return None
        return float((self.count * np.abs(self.mean_score - self.fraud_rate)).sum() / total)

    @property
    def debiased_error(self) -> float | None:
        """Root mean square distance over the bins, less what noise alone would make.

        Source: the debiased estimator of Kumar, Liang & Ma, "Verified uncertainty calibration",
        NeurIPS 2019. 0 where nothing is left.
        """
        total = self.count.sum()
        if not total:
            return None
        noise = self.fraud_rate * (1 - self.fraud_rate) / np.maximum(self.count - 1, 1)
        square = (self.count * ((self.mean_score - self.fraud_rate) ** 2 - noise)).sum() / total
        return float(np.sqrt(max(float(square), 0.0)))


def reliability(
    scores: NDArray[np.float64], is_fraud: NDArray[np.bool_], bins: int = BINS
) -> Reliability:
    """Compare scores with the truth.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Probabilities; NaN where there is none.
    is_fraud : ndarray of bool, shape (n,)
    bins : int
        Most bins; ties can make it fewer.
    """
    scored = ~np.isnan(scores)
    p, y = scores[scored], is_fraud[scored]
    if not len(p):
        nothing = np.empty(0, np.float64)
        return Reliability(np.empty(0, np.int64), nothing, nothing, None, None)
    # To the last bit as in scikit-learn: an edge may fall on a score.
    inner = np.percentile(p, np.linspace(0, 1, bins + 1) * 100)[1:-1]
    place = np.searchsorted(inner, p)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    count = count[filled]
    clipped = np.clip(p, _EPSILON, 1 - _EPSILON)
    return Reliability(
        count=count,
        mean_score=np.bincount(place, p, bins)[filled] / count,
        fraud_rate=np.bincount(place, y, bins)[filled] / count,
        brier=float(np.mean((p - y) ** 2)),
        log_loss=-float(np.where(y, np.log(clipped), np.log1p(-clipped)).mean()),
    )
