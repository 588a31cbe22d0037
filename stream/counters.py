"""What an engine counts of all that it did."""

from __future__ import annotations

from dataclasses import dataclass


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
