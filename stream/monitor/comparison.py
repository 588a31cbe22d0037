"""A window beside the reference: how far apart, and how sure that is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.drift.divergence import jensen_shannon, kolmogorov_smirnov, psi
from models.drift.significance import Dispersion, compare, dispersion_of
from stream.monitor.bins import MISSING
from stream.monitor.groups import Groups


class Comparison(NamedTuple):
    """What a window is beside the reference, column by column.

    Attributes
    ----------
    psi, psi_null, p_value, jensen_shannon, kolmogorov_smirnov : ndarray of float64, shape (k,)
        NaN where there is nothing to compare. ``psi_null`` is what ``psi`` stays below 95 times
        in 100 where nothing has changed.
    missing, missing_reference : ndarray of float64, shape (k,)
        Share of rows without a value.
    unseen : ndarray of float64, shape (k,)
        Share of values of which the reference saw none alike.
    reference, current : ndarray of int64, shape (k, GROUPS)
        What was compared.
    """

    psi: NDArray[np.float64]
    psi_null: NDArray[np.float64]
    p_value: NDArray[np.float64]
    jensen_shannon: NDArray[np.float64]
    kolmogorov_smirnov: NDArray[np.float64]
    missing: NDArray[np.float64]
    missing_reference: NDArray[np.float64]
    unseen: NDArray[np.float64]
    reference: NDArray[np.int64]
    current: NDArray[np.int64]


class Reference:
    """What a stream was like, to which windows are compared.

    Parameters
    ----------
    counts : ndarray of int64, shape (k, BINS)
    dispersion : Dispersion
        How far windows of it lie apart.
    rows : int
    began_us, ended_us : int
        Event time that it is of.
    """

    def __init__(
        self,
        counts: NDArray[np.int64],
        dispersion: Dispersion,
        rows: int,
        began_us: int,
        ended_us: int,
    ) -> None:
        self.counts = counts
        self.dispersion = dispersion
        self.rows = rows
        self.began_us = began_us
        self.ended_us = ended_us
        self.groups = Groups(counts)
        self._folded = self.groups.fold(counts)

    @classmethod
    def of(cls, windows: NDArray[np.int64], began_us: int, ended_us: int) -> Reference:
        """Return the reference that windows make, shape (n_windows, k, BINS)."""
        counts = windows.sum(axis=0)
        groups = Groups(counts)
        dispersion = dispersion_of(np.stack([groups.fold(window) for window in windows]))
        return cls(counts, dispersion, int(counts[0].sum()), began_us, ended_us)

    def compare(self, current: NDArray[np.int64]) -> Comparison:
        """Compare the counts of a window, shape (k, BINS)."""
        reference, folded = self._folded, self.groups.fold(current)
        # A group that the window alone has is one too.
        used = (reference > 0) | (folded > 0)
        difference = compare(reference, folded, self.dispersion)
        values, seen = slice(MISSING + 1, None), self.counts > 0
        alike = np.where(seen, current, 0)[:, values].sum(axis=-1)
        n_values = current[:, values].sum(axis=-1)
        return Comparison(
            psi(reference, folded, used),
            difference.psi_null,
            difference.p_value,
            jensen_shannon(reference, folded),
            kolmogorov_smirnov(self.counts[:, values], current[:, values]),
            _share(current[:, MISSING], current.sum(axis=-1)),
            _share(self.counts[:, MISSING], self.counts.sum(axis=-1)),
            _share(n_values - alike, n_values),
            reference,
            folded,
        )


def _share(some: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(of > 0, some / np.maximum(of, 1), np.nan)
