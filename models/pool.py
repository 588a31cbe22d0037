"""A logarithmic pool: several probabilities as one, and weights that follow who was right.

Log-odds are averaged with weights, so that what each member says of each feature adds up
to what the pool says. The weights are those of an exponentially weighted forecaster with
fixed share, judged by log loss:

- each label multiplies the weight of a member by exp(-rate * its loss) (Cesa-Bianchi &
  Lugosi, Prediction, Learning, and Games, 2006, section 2.2);
- then each gives away a small share, dealt out equally, so that no weight reaches 0 and
  one that was wrong for long comes back (Herbster & Warmuth 1998; section 5.2 there);
- a member that said nothing of a row keeps its weight, and the others move and deal out
  theirs among themselves: it sleeps (Freund, Schapire, Singer & Warmuth 1997).

The loss of a pool is never above the weighted mean of its members' losses, because
log loss is convex in log-odds; that is what carries their bounds over to it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from schemas.jit import kernel

# A member can be this sure and no surer: it bounds what one label can cost, and a score
# still holds nine digits of its log-odds.
LOG_ODDS_MAX = 12.0
LOSS_MAX = math.log1p(math.exp(LOG_ODDS_MAX))

# Where those awake weigh next to nothing together, a share of that must not become 0.
_WEIGHT_MIN = 1e-300


@kernel
def bounded_log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds of scores, shape (n, n_members), within `LOG_ODDS_MAX`; NaN stays."""
    odds = np.empty(scores.shape)
    nearest = 1.0 / (1.0 + math.exp(LOG_ODDS_MAX))
    for row in range(scores.shape[0]):
        for member in range(scores.shape[1]):
            p = scores[row, member]
            if p <= nearest:
                odds[row, member] = -LOG_ODDS_MAX
            elif p >= 1.0 - nearest:
                odds[row, member] = LOG_ODDS_MAX
            else:
                odds[row, member] = math.log(p / (1.0 - p))
    return odds


@kernel
def shares(odds: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each member's part of one pool, shape (n_members,): its weight, 0 where NaN."""
    parts = np.zeros(len(weights))
    total = 0.0
    for member in range(len(weights)):
        if not math.isnan(odds[member]):
            total += weights[member]
    if total > 0.0:
        for member in range(len(weights)):
            if not math.isnan(odds[member]):
                parts[member] = weights[member] / total
    return parts


@kernel
def shares_many(odds: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each member's part of the pool for each row, shape (n, n_members)."""
    parts = np.empty(odds.shape)
    for row in range(len(odds)):
        parts[row] = shares(odds[row], weights)
    return parts


@kernel
def pooled(odds: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability that the pool gives each row, shape (n,); NaN where nobody speaks."""
    scores = np.full(len(odds), np.nan)
    for row in range(len(odds)):
        parts = shares(odds[row], weights)
        total, heard = 0.0, 0.0
        for member in range(len(weights)):
            if parts[member] > 0.0:
                total += parts[member] * odds[row, member]
                heard += parts[member]
        if heard > 0.0:
            scores[row] = 1.0 / (1.0 + math.exp(-total))
    return scores


@kernel
def judge(
    weights: NDArray[np.float64],
    odds: NDArray[np.float64],
    fraud: bool,
    rate: float,
    share: float,
) -> None:
    """Move the weights, shape (n_members,), by what each member said of one row.

    They stay positive and add up to one; those of members that said nothing stay as they
    are, but for the rounding of the sum.
    """
    # Only differences of losses count, so the least is taken as zero and nothing underflows.
    least = math.inf
    for member in range(len(weights)):
        if not math.isnan(odds[member]):
            least = min(least, loss(odds[member], fraud))
    before, after, awake = 0.0, 0.0, 0
    for member in range(len(weights)):
        if not math.isnan(odds[member]):
            awake += 1
            before += weights[member]
            weights[member] *= math.exp(-rate * (loss(odds[member], fraud) - least))
            after += weights[member]
    if awake == 0:
        return
    total = 0.0
    for member in range(len(weights)):
        if not math.isnan(odds[member]):
            kept = (1.0 - share) * weights[member] / after + share / awake
            weights[member] = max(kept * before, _WEIGHT_MIN)
        total += weights[member]
    for member in range(len(weights)):
        weights[member] /= total


@kernel
def loss(odds: float, fraud: bool) -> float:
    """Return the log loss of log-odds, nats."""
    margin = odds if fraud else -odds
    return math.log1p(math.exp(-margin)) if margin > 0 else math.log1p(math.exp(margin)) - margin
