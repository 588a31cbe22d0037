"""What recovery did, and what it cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class RecoveryStats:
    """Counts, and seconds of the shell's clock.

    Attributes
    ----------
    recovery_seconds : float
        From the start of reading the snapshot to the end of the replay.
    replayed : int
        Records worked on again.
    replayed_otherwise : int
        Steps that came to another end than the first time, by the same code.
    snapshots, snapshots_failed, snapshots_postponed : int
        Written; not written for an error; put off because brokers did not acknowledge.
    snapshot_seconds : float
        What the last one took, beside the loop.
    snapshot_held_up_seconds : float
        How long the loop stood still for it, for acknowledgements and for the copy.
    snapshot_bytes : int
    erasures_pending : int
        Steps that erased somebody whom older snapshots still know: as soon as one is whole that
        does not, they are deleted.
    undeleted : int
        Files and folders that nobody needs any more and that could not be deleted.
    """

    recovery_seconds: float = 0.0
    replayed: int = 0
    replayed_otherwise: int = 0
    snapshots: int = 0
    snapshots_failed: int = 0
    snapshots_postponed: int = 0
    snapshot_seconds: float = 0.0
    snapshot_held_up_seconds: float = 0.0
    snapshot_bytes: int = 0
    erasures_pending: int = 0
    undeleted: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return them rounded to milliseconds."""
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }
