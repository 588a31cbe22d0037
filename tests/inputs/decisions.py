"""Random and hostile decisions: ties, no scores, quiet days, nobody's cards, great sums."""

from __future__ import annotations

import numpy as np

from stream.evaluation.ledger import DAY_US, UNKNOWN, Decisions

KINDS = ("plain", "tied", "constant", "silent", "spoilt", "genuine", "frauds", "one_card", "nobody")


def decisions_of(n, seed, kind="plain", days=9, unknown=0.0):
    """n decisions over some days, not in order of time, in one way hostile."""
    rng = np.random.default_rng(seed)
    is_fraud = rng.random(n) < 0.15
    score = np.clip(rng.beta(1, 6, n) + 0.3 * is_fraud * rng.random(n), 0, 1)
    card = rng.integers(1, max(2, n // 6), n).astype(np.uint64) * np.uint64(2**58 + 1)
    day = rng.integers(0, days, n)
    amount = rng.integers(0, 50_000, n)
    if kind == "tied":
        score = np.round(score, 1)
    elif kind == "constant":
        score = np.full(n, 0.25)
    elif kind == "silent":
        score = np.full(n, np.nan)
    elif kind == "spoilt":
        score = np.where(rng.random(n) < 0.4, np.nan, np.round(score, 1))
        score[rng.random(n) < 0.1] = -0.0
        score[rng.random(n) < 0.05] = 1.0
        is_fraud &= day % 3 > 0  # Days without fraud.
        amount = np.where(rng.random(n) < 0.2, 10**15, 0)
    elif kind == "genuine":
        is_fraud = np.zeros(n, np.bool_)
    elif kind == "frauds":
        is_fraud = np.ones(n, np.bool_)
    elif kind == "one_card":
        card = np.full(n, np.uint64(2**64 - 1))
    elif kind == "nobody":
        card[rng.random(n) < 0.5] = 0
    truth = np.where(rng.random(n) < unknown, UNKNOWN, is_fraud)
    return Decisions(
        event_time_us=(17_000 + day) * DAY_US + rng.integers(0, DAY_US, n),
        card=card,
        amount_minor=amount.astype(np.int64),
        score=score,
        outcome=np.where(score >= 0.5, rng.integers(1, 4, n), 0).astype(np.int8),
        truth=truth.astype(np.int8),
    )
