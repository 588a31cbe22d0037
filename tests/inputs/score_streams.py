"""Streams of scores over many days, with the ups and downs that a threshold has to follow."""

from __future__ import annotations

import numpy as np

from stream.budget.levels import DAY_US

HOUR_US = DAY_US // 24


def hours(rng, days, a_day=3000, drift=0.0, turn=10, bursts=0.0, ties=False):
    """Yield (start of the hour, its scores).

    Days are busy at noon and weekends half as busy. Log-odds drift by `drift` a day, up for
    `turn` days and down for as many; on a share `bursts` of the days the scores of a fifth of the
    payments are far above all others. `ties`: scores are tenths, as of a small forest.
    """
    level = 0.0
    for day in range(days):
        level += drift if day // turn % 2 == 0 else -drift
        burst = rng.random() < bursts
        for hour in range(24):
            busy = (1 - 0.8 * np.cos(2 * np.pi * hour / 24)) * (0.5 if day % 7 > 4 else 1.2)
            n = int(rng.poisson(a_day / 24 * busy))
            odds = rng.normal(level - 5, 2, n)
            if burst:
                odds[rng.random(n) < 0.2] += 6
            scores = 1 / (1 + np.exp(-odds))
            yield (day * 24 + hour) * HOUR_US, np.round(scores, 1) if ties else scores


def play(budget, stream):
    """Run scores past a budget; return the alerts of each day and each hour's threshold."""
    alerts, thresholds = [], []
    for start_us, scores in stream:
        budget.advance(start_us)
        outcomes = budget.thresholds.outcomes(scores)
        n = int((outcomes > 0).sum())
        budget.count(scores, n)
        alerts.append(n)
        thresholds.append(budget.thresholds.review)
    return np.add.reduceat(alerts, np.arange(0, len(alerts), 24)), thresholds
