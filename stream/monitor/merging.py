"""Several monitors as one: those of the partitions of a worker, each of which has a state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.drift.significance import Dispersion
from stream.monitor.comparison import Comparison, Reference
from stream.monitor.distributions import Distributions
from stream.monitor.quality import Quality
from stream.monitor.tallies import FREE, VALUES_MAX


class Merged:
    """Columns as all of several monitors see them.

    Parameters
    ----------
    parts : sequence of Distributions
        Of the same columns; one or more.

    Attributes
    ----------
    names : tuple of str
    rows : int
        Of the open windows.
    from_us : int or None
        When the eldest of them began.
    reference : Reference or None
        What the references make together that there are.
    history : ndarray of float64, shape (HISTORY, k)
        The greatest index of each, NaN where there is none.
    since_us : ndarray of int64, shape (k,)
        Since when a column has drifted for anybody; negative where it has not.
    """

    def __init__(self, parts: Sequence[Distributions]) -> None:
        self.names = parts[0].names
        self.rows = sum(part.rows for part in parts)
        began_us = [part.from_us for part in parts if part.from_us is not None]
        self.from_us = min(began_us, default=None)
        self._counts = _sum([part.counts for part in parts])
        references = [part.reference for part in parts if part.reference is not None]
        self.reference = _reference(references) if references else None
        self.history = np.fmax.reduce([part.history for part in parts])
        drifted = np.stack([np.where(part.drifted, part.since_us, 2**62) for part in parts])
        since_us = drifted.min(axis=0)
        self.since_us = np.where(since_us == 2**62, -1, since_us)

    def compare(self) -> Comparison | None:
        """Compare the windows as far as they are open; None before there is a reference."""
        return None if self.reference is None else self.reference.compare(self._counts)


def _reference(parts: Sequence[Reference]) -> Reference:
    """Pool references; how far windows lie apart is estimated by all of them."""
    if len(parts) == 1:
        return parts[0]
    freedom = _sum([part.dispersion.freedom for part in parts])
    factors = _sum([part.dispersion.factor * part.dispersion.freedom for part in parts])
    factor = np.where(freedom > 0, factors / np.maximum(freedom, 1.0), 1.0)
    return Reference(
        _sum([part.counts for part in parts]),
        Dispersion(np.maximum(factor, 1.0), freedom),
        sum(part.rows for part in parts),
        min(part.began_us for part in parts),
        max(part.ended_us for part in parts),
    )


def merged_quality(parts: Sequence[Quality]) -> Quality:
    """Return what several have counted together; under the same parameters, one or more."""
    if len(parts) == 1:
        return parts[0]
    whole = parts[0].empty()
    for part in parts:
        _add_windows(whole, part)
        _add_segments(whole, part)
        whole.reliability += part.reliability
    return whole


def _add_windows(whole: Quality, part: Quality) -> None:
    """Add windows; of two in the same place the later one stays, as in each of them."""
    ours, theirs = whole.tallies, part.tallies
    later = (theirs.starts != FREE) & (theirs.starts > ours.starts)
    ours.starts[later] = theirs.starts[later]
    ours.windows[later] = 0.0
    alike = (theirs.starts != FREE) & (theirs.starts == ours.starts)
    ours.windows[alike] += theirs.windows[alike]


def _add_segments(whole: Quality, part: Quality) -> None:
    ours, theirs = whole.tallies, part.tallies
    for segment, used in enumerate(theirs.used.tolist()):
        for line in range(used):
            value = theirs.values[segment, line]
            known = ours.values[segment, : ours.used[segment]]
            (found,) = np.nonzero((known == value) | (np.isnan(known) & np.isnan(value)))
            if len(found):
                at = int(found[0])
            elif ours.used[segment] < VALUES_MAX:
                at = int(ours.used[segment])
                ours.values[segment, at] = value
                ours.used[segment] += 1
            else:
                at = VALUES_MAX
            ours.segments[segment, at] += theirs.segments[segment, line]
        ours.segments[segment, VALUES_MAX] += theirs.segments[segment, VALUES_MAX]


def _sum(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.sum(arrays, axis=0)
