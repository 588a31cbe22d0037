"""Batch models by the Handbook's weeks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.leaderboard_batch import weekly_scores
from stream.evaluation.handbook import LAST_DAY
from stream.simulate.handbook import PUBLISHED, generate

SMALL = replace(PUBLISHED, customers=100, terminals=100, days=LAST_DAY + 1, radius=20.0)


def test_a_batch_model_sees_the_week_before_the_last_and_scores_only_the_test() -> None:
    """A model that says on which days it was trained."""
    stream = generate(SMALL)
    day = (stream.event_time_us - stream.start_us) // 86_400_000_000
    seen: list[tuple[int, int]] = []

    class Days:
        def fit(self, X: Any, y: Any) -> Days:
            unscaled = X[:, 0] * scale() + day[(day >= start()) & (day < start() + 7)].mean()
            seen.append((round(unscaled.min()), round(unscaled.max())))
            return self

        def predict_proba(self, X: Any) -> Any:
            return np.full((len(X), 2), len(seen))

    def start() -> int:
        return 115 + 7 * len(seen)

    def scale() -> float:
        return float(day[(day >= start()) & (day < start() + 7)].std())

    scores = weekly_scores(Days, day[:, np.newaxis].astype(np.float64), stream)
    assert seen == [(115 + 7 * i, 121 + 7 * i) for i in range(4)]
    for i in range(4):
        assert (scores[(day >= 129 + 7 * i) & (day < 136 + 7 * i)] == i + 1).all()
    assert np.isnan(scores[(day < 129) | (day > 156)]).all()
