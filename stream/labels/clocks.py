"""By which clock a label comes: what analysts say of alerts in hours, or the truth in weeks.

A learner of each clock is told of a row once, by the label that comes by it or when the row is
mature, and again of every later correction. So a row knows which clocks are to hear more of it.
"""

from __future__ import annotations

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from stream.labels.fates import Source


class Clock(IntFlag):
    """The clocks of `models.two_clocks`; a row or an example may be for both."""

    FEEDBACK = 1
    DELAYED = 2


FEEDBACK, DELAYED = int(Clock.FEEDBACK), int(Clock.DELAYED)


def clocks_by_source(two_clocks: bool) -> NDArray[np.uint8]:
    """Return the clock of each `Source`; of one clock alone it is the delayed one.

    Only analysts look at what was alerted; all others speak of any payment.
    """
    fast = FEEDBACK if two_clocks else DELAYED
    return np.array([fast if s is Source.ANALYST_REVIEW else DELAYED for s in Source], np.uint8)
