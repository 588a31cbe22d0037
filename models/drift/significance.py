"""Whether a window differs from a reference by more than windows of the reference do.

Payments of one window are no independent draws: a card makes several, an hour has its own
customers, a Sunday is no Monday. The chi-squared test takes them for independent, and calls every
large window different. How far windows of the reference lie apart says by how much it is wrong:
the dispersion, the mean square of their differences over what independent payments would show
(Rao & Scott 1981, "The analysis of categorical data from complex sample surveys", section 3; as in
quasi-likelihood, McCullagh & Nelder 1989, section 4.5). Divided by it the statistic follows an F
distribution, with as many degrees of freedom below as the windows of the reference give.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray


class Dispersion(NamedTuple):
    """How far windows of a reference lie apart.

    Attributes
    ----------
    factor : ndarray of float64, shape (k,)
        Of each column, 1 or more: 1 where payments are as good as independent.
    freedom : ndarray of float64, shape (k,)
        Degrees of freedom of that estimate.
    """

    factor: NDArray[np.float64]
    freedom: NDArray[np.float64]


class Difference(NamedTuple):
    """How a window differs from a reference.

    Attributes
    ----------
    p_value : ndarray of float64, shape (k,)
        Probability of so large a difference where nothing has changed; NaN where there is
        nothing to compare.
    psi_null : ndarray of float64, shape (k,)
        What the population stability index stays below 95 times in 100 where nothing has
        changed.
    """

    p_value: NDArray[np.float64]
    psi_null: NDArray[np.float64]


def dispersion_of(windows: NDArray[np.integer]) -> Dispersion:
    """Return how far the windows of a reference lie apart.

    Parameters
    ----------
    windows : ndarray of int, shape (n_windows, k, n_bins)
        Counts of each window and column; two windows or more.
    """
    pooled = windows.sum(axis=0)
    degrees = (pooled > 0).sum(axis=-1) - 1.0
    own = windows.sum(axis=-1) > 0
    freedom = np.maximum(degrees * (own.sum(axis=0) - 1.0), 0.0)
    total = _chi_squared(windows, pooled).sum(axis=0)
    factor = np.where(freedom > 0, total / np.maximum(freedom, 1.0), 1.0)
    return Dispersion(np.maximum(factor, 1.0), freedom)


def compare(
    reference: NDArray[np.integer],
    current: NDArray[np.integer],
    dispersion: Dispersion,
    level: float = 0.95,
) -> Difference:
    """Compare a window with the reference, column by column.

    Parameters
    ----------
    reference, current : ndarray of int, shape (k, n_bins)
        The dispersion is that of windows as long as the current one; a shorter one is judged
        the more mildly.
    dispersion : Dispersion
        Of the reference.
    level : float
        Of `Difference.psi_null`.
    """
    pooled = reference + current
    n, m = current.sum(axis=-1), reference.sum(axis=-1)
    degrees = (pooled > 0).sum(axis=-1) - 1.0
    known = (n > 0) & (m > 0) & (degrees > 0) & (dispersion.freedom > 0)
    degrees, freedom = np.where(known, degrees, 1.0), np.where(known, dispersion.freedom, 1.0)
    chi_squared = _chi_squared(np.stack([reference, current]), pooled).sum(axis=0)
    p_value = scipy.special.fdtrc(degrees, freedom, chi_squared / degrees / dispersion.factor)
    # To the first order the index is the statistic times (1/n + 1/m).
    harmonic = 1.0 / np.maximum(n, 1) + 1.0 / np.maximum(m, 1)
    null = dispersion.factor * harmonic * degrees * scipy.special.fdtri(degrees, freedom, level)
    return Difference(np.where(known, p_value, np.nan), np.where(known, null, np.nan))


def false_discoveries(p_values: NDArray[np.float64], rate: float) -> NDArray[np.bool_]:
    """Return which hypotheses fall, where a share of `rate` of them may fall wrongly.

    Parameters
    ----------
    p_values : ndarray of float64, shape (k,)
        NaN is no hypothesis.
    rate : float

    References
    ----------
    Benjamini & Hochberg (1995), "Controlling the false discovery rate", section 3.1.
    """
    known = np.sort(p_values[~np.isnan(p_values)])
    bounds = rate * np.arange(1, len(known) + 1) / max(len(known), 1)
    below = np.flatnonzero(known <= bounds)
    greatest = known[below[-1]] if len(below) else -1.0
    return p_values <= greatest


def _chi_squared(windows: NDArray[np.integer], pooled: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the chi-squared statistic of each window against all, shape (n_windows, k)."""
    rows = windows.sum(axis=-1, keepdims=True)
    expected = rows * pooled / np.maximum(pooled.sum(axis=-1, keepdims=True), 1)
    squares = (windows - expected) ** 2
    return np.where(expected > 0, squares / np.maximum(expected, 1e-300), 0.0).sum(axis=-1)
