"""What becomes of a label, and how the shell is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.columns import Reason


class Source(IntEnum):
    """Who says so: the symbols of `label.avsc`; any other is UNKNOWN."""

    UNKNOWN = 0
    CHARGEBACK = 1
    ISSUER_ALERT = 2
    ANALYST_REVIEW = 3
    CUSTOMER = 4


class Fate(IntEnum):
    """What became of one label.

    From LOW_CONFIDENCE on it was withheld: it is for somebody to look at, and
    changes neither features nor learners.
    """

    REFUSED = 0
    TAKEN = 1
    CORRECTED = 2
    REPEATED = 3
    SUPERSEDED = 4
    BEFORE_EVENT = 5
    NO_ROW = 6
    LOW_CONFIDENCE = 7
    SOURCE_CAP = 8
    ENTITY_CAP = 9
    BACKLOG = 10


class Review(NamedTuple):
    """A label that somebody should look at.

    Attributes
    ----------
    row : int
        Its place in the batch, or -1 for a label that was held.
    partition, offset : int
        Of the label's record.
    is_fraud : bool
    source : Source
    time_us : int
    confidence : float
    why : Fate
        CORRECTED for one that contradicts an earlier label, else why it was withheld.
    score : float
        Of the payment when it was decided, NaN where there was none.
    earlier_is_fraud, earlier_source, earlier_time_us : optional
        The label that stood, where there was one.
    """

    row: int
    partition: int
    offset: int
    is_fraud: bool
    source: Source
    time_us: int
    confidence: float
    why: Fate
    score: float
    earlier_is_fraud: bool | None
    earlier_source: Source | None
    earlier_time_us: int | None


class Departed(NamedTuple):
    """A held label that is held no longer.

    Attributes
    ----------
    partition, offset : int
        Of its record.
    reason : Reason
        OK if it was joined to its transaction, else why it is a dead letter.
    """

    partition: int
    offset: int
    reason: Reason


@dataclass(frozen=True)
class LabelEffects:
    """What became of a batch of labels; the shell publishes it.

    Attributes
    ----------
    reasons : ndarray of int64, shape (n,)
        `Reason` of each label: its own from decoding, or why it fits no row.
    held : ndarray of bool, shape (n,)
        Labels that wait for their transaction; each departs later, some right now.
    reviews : list of Review
    departed : list of Departed
    """

    reasons: NDArray[np.int64]
    held: NDArray[np.bool_]
    reviews: list[Review]
    departed: list[Departed]
