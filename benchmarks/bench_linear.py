"""Scaler and logistic regression beside River's: scores and examples of 30 features."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from river import compose, linear_model, preprocessing

from benchmarks.harness import Result, Run, Work, benchmark
from models.linear.translate import dense_of as regression_of
from models.scale.translate import dense_of as scaler_of

UNIT = "us/event"
BATCH = 256
WIDTH = 30
FRAUD_SHARE = 0.01

_NAMES = [f"feature_{j}" for j in range(WIDTH)]


class Examples:
    """Rows and labels in batches, as a matrix, as dictionaries and as a frame; all made before."""

    def __init__(self, run: Run) -> None:
        batches = 8 if run.quick else 64
        n = batches * BATCH
        y = run.rng.random(n) < FRAUD_SHARE
        # Amounts, counts and gaps are of any size.
        sizes = 10.0 ** run.rng.integers(-2, 5, WIDTH)
        X = (run.rng.lognormal(0, 0.7, (n, WIDTH)) + 0.5 * y[:, np.newaxis]) * sizes
        cuts = range(0, n, BATCH)
        self.matrices = [(X[at : at + BATCH], y[at : at + BATCH]) for at in cuts]
        self.frames = [
            (pd.DataFrame(rows, columns=_NAMES), pd.Series(labels))
            for rows, labels in self.matrices
        ]
        self.dictionaries = [
            ([dict(zip(_NAMES, row, strict=True)) for row in rows.tolist()], labels.tolist())
            for rows, labels in self.matrices
        ]


class Compiled:
    """Ours: a call a batch for each of both."""

    def __init__(self) -> None:
        self.scaler = scaler_of(preprocessing.StandardScaler(), WIDTH)
        self.regression = regression_of(linear_model.LogisticRegression(), WIDTH)

    def learn(self, X: Any, y: Any) -> None:
        self.regression.learn_many(self.scaler.learn_transform_many(X), y)

    def score(self, X: Any, _: Any = None) -> Any:
        return self.regression.predict_proba_many(self.scaler.transform_many(X))


class ByOne:
    """River, one dictionary at a time."""

    def __init__(self) -> None:
        self.model = _pipeline()

    def learn(self, rows: list[dict[str, float]], labels: list[bool]) -> None:
        learn = self.model.learn_one
        for x, y in zip(rows, labels, strict=True):
            learn(x, y)

    def score(self, rows: list[dict[str, float]], _: Any = None) -> list[float]:
        predict = self.model.predict_proba_one
        return [predict(x)[True] for x in rows]


class ByFrame:
    """River's mini-batches: one step along the mean gradient, which is another model."""

    def __init__(self) -> None:
        self.model = _pipeline()

    def learn(self, frame: Any, labels: Any) -> None:
        self.model.learn_many(frame, labels)

    def score(self, frame: Any, _: Any = None) -> Any:
        return self.model.predict_proba_many(frame)


def _pipeline() -> Any:
    return compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())


def turning(work: Callable[[Any, Any], object], batches: list[tuple[Any, Any]]) -> Work:
    """Return a call that takes the next batch each time, round and round."""
    turn = cycle(batches)
    return lambda: work(*next(turn))


@benchmark("score_vs_river_256", "learn_vs_river_256", unit=UNIT, takes_s=30)
def linear_vs_river(run: Run) -> list[Result]:
    """Scaler and regression, batches of 256; River takes one dictionary at a time."""
    examples = Examples(run)
    ours, one, frames = Compiled(), ByOne(), ByFrame()
    run.progress("warming up")
    for matrix, rows, frame in zip(
        examples.matrices, examples.dictionaries, examples.frames, strict=True
    ):
        ours.learn(*matrix)
        one.learn(*rows)
        frames.learn(*frame)
    found, expected = ours.score(examples.matrices[0][0]), one.score(examples.dictionaries[0][0])
    difference = float(np.abs(found - np.array(expected)).max())
    assert difference < 1e-9, f"scores differ by {difference}"
    results = []
    for name, work in (("score_vs_river_256", "score"), ("learn_vs_river_256", "learn")):
        if name not in run.wanted:
            continue
        mine = turning(getattr(ours, work), examples.matrices)
        measured = run.paired(mine, turning(getattr(one, work), examples.dictionaries), items=BATCH)
        batched = run.paired(mine, turning(getattr(frames, work), examples.frames), items=BATCH)
        results.append(
            measured.result(
                name,
                UNIT,
                batch=BATCH,
                features=WIDTH,
                fraud_share=FRAUD_SHARE,
                difference=difference,
                mini_batch_us=batched.reference.cpu * 1e6,
                mini_batch_ratio=batched.ratio.median,
            )
        )
    return results
