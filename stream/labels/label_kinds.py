"""Of which kind a label is: analysts' feedback on alerts, in hours, or the delayed truth, in weeks.

A learner of each kind learns a row once, by the first label of its kind or, if delayed, when the
row is mature, and again by every later correction. So a row remembers which kinds were learned.
"""

from __future__ import annotations

from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from stream.labels.fates import Source


class LabelKind(IntFlag):
    """What learners of `models.feedback_delayed` learn; a row or an example may be for both."""

    FEEDBACK = 1
    DELAYED = 2


FEEDBACK, DELAYED = int(LabelKind.FEEDBACK), int(LabelKind.DELAYED)


def kinds_by_source(feedback_apart: bool) -> NDArray[np.uint8]:
    """Return the kind of each `Source`; where feedback is not learned apart all are delayed.

    Only analysts look at what was alerted; all others speak of any payment.
    """
    fast = FEEDBACK if feedback_apart else DELAYED
    return np.array([fast if s is Source.ANALYST_REVIEW else DELAYED for s in Source], np.uint8)
