"""What an engine counts of all that it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason, Transactions
from stream.engine.effects import Effects
from stream.event_time import Timeliness
from stream.labels.fates import Departed, Fate
from stream.short_arrays import count

# As numbers: CPython 3.11 looks a member up by a function of its metaclass each time.
_OK, _LATE, _TOO_LATE = int(Reason.OK), int(Timeliness.LATE), int(Timeliness.TOO_LATE)
_REPEATED, _CORRECTED, _SUPERSEDED, _LOW_CONFIDENCE = (
    int(fate) for fate in (Fate.REPEATED, Fate.CORRECTED, Fate.SUPERSEDED, Fate.LOW_CONFIDENCE)
)


@dataclass
class Counters:
    """What the engine did since it started."""

    decisions: int = 0
    alerts: int = 0
    duplicates: int = 0
    late: int = 0
    too_late: int = 0
    refused: int = 0
    labels: int = 0
    labels_learned: int = 0
    labels_repeated: int = 0
    labels_refused: int = 0
    labels_corrected: int = 0
    labels_superseded: int = 0
    labels_withheld: int = 0
    labels_early: int = 0
    matured: int = 0
    unscored: int = 0
    erasures: int = 0
    promotions: int = 0
    rollbacks: int = 0

    def count(self, batch: Transactions, effects: Effects) -> None:
        """Count a batch that was decided."""
        taken = batch.reason == _OK
        decided = count(taken)
        self.refused += len(batch) - decided
        self.decisions += decided
        self.alerts += sum(len(each.rows) for each in effects.alerted)
        self.duplicates += count(effects.duplicate)
        self.unscored += count(effects.unscored)
        self.late += count(taken & (effects.timeliness == _LATE))
        self.too_late += count(taken & (effects.timeliness == _TOO_LATE))

    def count_labels(self, departed: Sequence[Departed], fates: NDArray[np.int64]) -> None:
        """Count labels that are held no longer, and what became of all of them, by `Fate`."""
        self.labels_refused += sum(each.reason != _OK for each in departed)
        self.labels_repeated = int(fates[_REPEATED])
        self.labels_corrected = int(fates[_CORRECTED])
        self.labels_superseded = int(fates[_SUPERSEDED])
        self.labels_withheld = sum(fates[_LOW_CONFIDENCE:].tolist())
