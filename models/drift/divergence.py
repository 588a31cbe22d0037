"""How far two histograms of the same bins lie apart.

Every measure takes counts, shape (..., n_bins), of the reference and of now; the last axis is
that of the bins, and the others are kept. Where one side counts nothing the answer is NaN.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

# A bin that one side does not have would make the index infinite (Jeffreys' half an observation).
HALF = 0.5


def psi(
    reference: NDArray[np.integer], current: NDArray[np.integer], used: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the population stability index: the sum of (q - p) ln(q / p) over the bins.

    Parameters
    ----------
    reference, current : ndarray of int, shape (..., n_bins)
    used : ndarray of bool, shape (..., n_bins)
        Bins that there are; others are passed over. Each is given half an observation more.

    References
    ----------
    Siddiqi (2006), "Credit Risk Scorecards", chapter 10; it is Jeffreys' divergence (1946).
    """
    p, q = _smoothed(reference, used), _smoothed(current, used)
    logs = np.log(np.where(used, q, 1.0)) - np.log(np.where(used, p, 1.0))
    index = ((q - p) * logs).sum(axis=-1)
    return _where_both(reference, current, index)


def jensen_shannon(
    reference: NDArray[np.integer], current: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return the Jensen-Shannon distance, from 0 (alike) to 1 (nothing in common).

    References
    ----------
    Lin (1991), "Divergence measures based on the Shannon entropy"; the root of it, in bits.
    """
    p, q = _shares(reference), _shares(current)
    middle = (p + q) / 2
    rel_entr = scipy.special.rel_entr
    bits = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1) / 2 / np.log(2)
    return _where_both(reference, current, np.sqrt(np.maximum(bits, 0.0)))


def kolmogorov_smirnov(
    reference: NDArray[np.integer], current: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return the greatest distance of the two distribution functions; bins are in order."""
    apart = np.cumsum(_shares(reference), axis=-1) - np.cumsum(_shares(current), axis=-1)
    return _where_both(reference, current, np.abs(apart).max(axis=-1))


def _smoothed(counts: NDArray[np.integer], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    more = np.where(used, counts + HALF, 0.0)
    return more / np.maximum(more.sum(axis=-1, keepdims=True), HALF)


def _shares(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)


def _where_both(
    reference: NDArray[np.integer], current: NDArray[np.integer], measure: NDArray[np.float64]
) -> NDArray[np.float64]:
    both = (reference.sum(axis=-1) > 0) & (current.sum(axis=-1) > 0)
    return np.where(both, measure, np.nan)
