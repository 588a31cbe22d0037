"""By which clock a label comes: what analysts say of alerts in hours, or the truth in weeks.

A learner of each clock is told of a row once, by the label that comes by it or when the row is
mature, and again of every later correction. So a row knows which clocks are to hear more of it.
"""

from __future__ import annotations

from enum import IntFlag

import numpy as np

from stream.labels.fates import Source


class Clock(IntFlag):
    """The clocks of `models.two_clocks`; a row or a lesson may be for both."""

    FEEDBACK = 1
    DELAYED = 2


FEEDBACK, DELAYED = int(Clock.FEEDBACK), int(Clock.DELAYED)
# By `Source`. Only analysts look at what was alerted; all others speak of any payment.
CLOCK_OF = np.array(
    [FEEDBACK if source is Source.ANALYST_REVIEW else DELAYED for source in Source], np.uint8
)
