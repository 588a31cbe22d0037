"""A stream that was never watched: numbers drawn by a seed, and a change if asked for."""

from __future__ import annotations

import numpy as np

from benchmarks.drift.watching import Watched

A_DAY = 1200
NAMES = ("amount", "is_weekend", "terminal.count_1d_delay_7d")


def watched(last_day: int = 90, *, at_day: int = 1000, factor: float = 1.0) -> Watched:
    """Return days of payments whose amounts, scores and errors grow from `at_day` on."""
    random = np.random.default_rng(7)
    days = np.arange(last_day * A_DAY) / A_DAY
    n = len(days)
    after = np.where(days >= at_day, factor, 1.0)
    features = np.column_stack(
        [
            random.lognormal(3.0, 1.0, n) * after,
            (days.astype(int) % 7 >= 5).astype(float),
            random.poisson(3.0, n).astype(float),
        ]
    )
    is_fraud = random.random(n) < 0.01
    scores = np.clip(random.beta(1.0, 50.0, n) * after + 0.5 * is_fraud / after, 0.0, 1.0)
    return Watched(NAMES, days, features, scores, is_fraud, [], [])
