"""Log-odds of scores, bounded without a change of their order.

A model can be infinitely sure, and a line through infinity calibrates nothing: one such
label would move it without end, and a forest says 0 of most payments. Beyond
`LOG_ODDS_MAX`, as in `models.pool`, only a thousandth of the rest counts, so that the
order stays and the value is as good as bounded.
"""

from __future__ import annotations

import math

from models.odds import NEAREST
from models.pool import LOG_ODDS_MAX
from schemas.jit import kernel

BEYOND = 1e-3


@kernel
def squeezed(score: float) -> float:
    """Return the bounded log-odds of a score; NaN stays, what is no probability is bounded."""
    if math.isnan(score):
        return math.nan
    p = min(max(score, NEAREST), 1.0 - NEAREST)
    odds = math.log(p / (1.0 - p))
    if odds > LOG_ODDS_MAX:
        return LOG_ODDS_MAX + BEYOND * (odds - LOG_ODDS_MAX)
    if odds < -LOG_ODDS_MAX:
        return -LOG_ODDS_MAX + BEYOND * (odds + LOG_ODDS_MAX)
    return odds


@kernel
def sigmoid(odds: float) -> float:
    """Return the probability of log-odds; of any finite ones it is from 0 to 1."""
    if odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-odds))
    small = math.exp(odds)
    return small / (1.0 + small)
