"""What a step decided, in four bytes: whoever takes it again must come to the same.

The journal holds it behind every step, so a replay is compared with what was decided, step by
step, whatever code replays it.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from stream.engine.control import ControlEffects
from stream.engine.effects import Effects
from stream.labels.fates import LabelEffects


def outcome_of(effects: Effects | LabelEffects | ControlEffects) -> int:
    """Return the CRC-32 of what was decided of each record, and on what score.

    Of a payment that is its reason, outcome, score to the last bit, and whether it is alerted; of
    a label or an order the reason why it was taken or not. What models have learned shows in the
    scores that follow.
    """
    columns: list[NDArray[np.generic]] = [effects.reasons.astype("<i8", copy=False)]
    if isinstance(effects, Effects):
        columns += [effects.outcomes, effects.scores.astype("<f8", copy=False)]
        columns += [each.rows.astype("<i8", copy=False) for each in effects.alerted]
    outcome = 0
    for column in columns:
        outcome = zlib.crc32(np.ascontiguousarray(column).data, outcome)
    return outcome
