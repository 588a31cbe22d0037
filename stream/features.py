"""The feature list: which numbers the model sees, in which order, under which names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Layout, Transactions
from stream.windows import WindowReadings

_DAY_US = 86_400_000_000
_UNITS = ((_DAY_US, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"))


def window_name(length_us: int) -> str:
    """Name a window by its largest whole unit: 3_600_000_000 is ``1h``."""
    for unit_us, letter in _UNITS:
        if length_us % unit_us == 0:
            return f"{length_us // unit_us}{letter}"
    return f"{length_us}us"


@dataclass(frozen=True)
class FeatureSet:
    """What is computed of each transaction.

    Attributes
    ----------
    layout : Layout
    windows_us : tuple of int
        Lengths of the sliding windows, ascending.
    minor_per_unit : int
        Minor units in one unit of money; amounts reach the model in units.
    """

    layout: Layout
    windows_us: tuple[int, ...]
    minor_per_unit: int = 100

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Feature names in column order, such as ``card.amount_sum_1h``."""
        names = ["amount", "hour_sin", "hour_cos"]
        names += [f"input.{name}" for name in self.layout.numeric]
        for entity in self.layout.entities:
            for length in self.windows_us:
                window = window_name(length)
                names += [
                    f"{entity}.count_{window}",
                    f"{entity}.amount_sum_{window}",
                    f"{entity}.amount_mean_{window}",
                ]
            names.append(f"{entity}.seconds_since_last")
        return tuple(names)

    def matrix(
        self, batch: Transactions, readings: WindowReadings, known: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Assemble the feature matrix.

        Parameters
        ----------
        batch : Transactions
        readings : WindowReadings
        known : ndarray of bool, shape (n,)
            Rows that the windows took; of the others only time and inputs are known.

        Returns
        -------
        ndarray of float64, shape (n, n_features)
            NaN where a value is not known: an absent input, an entity that is null.
        """
        n = len(batch)
        columns = np.empty((len(self.names), n))
        angle = (2 * np.pi / _DAY_US) * (batch.event_time_us % _DAY_US)
        columns[0] = np.where(known, batch.amount_minor / self.minor_per_unit, np.nan)
        columns[1] = np.sin(angle)
        columns[2] = np.cos(angle)
        place = 3 + len(self.layout.numeric)
        columns[3:place] = batch.numeric
        unknown = (batch.entities == 0) | ~known
        totals = readings.totals_minor / self.minor_per_unit
        means = totals / np.maximum(readings.counts, 1)
        for e in range(len(self.layout.entities)):
            first = place
            for w in range(len(self.windows_us)):
                columns[place] = readings.counts[e, w]
                columns[place + 1] = totals[e, w]
                columns[place + 2] = means[e, w]
                place += 3
            gaps = readings.gaps_us[e]
            columns[place] = np.where(gaps >= 0, gaps / 1e6, np.nan)
            place += 1
            columns[first:place, unknown[e]] = np.nan
        return np.ascontiguousarray(columns.T)
