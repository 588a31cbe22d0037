"""Half-space trees behind a scaler, beside River's on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import numpy as np
from numpy.typing import NDArray
from river import anomaly, compose, preprocessing

from benchmarks.harness import Paired, Result, Run, benchmark
from models.anomaly.translate import dense_of
from models.scale.min_max import DenseMinMaxScaler

UNIT = "us/event"
N_FEATURES = 30
BATCH = 256
N_TREES = 25
HEIGHTS = (8, 12)
NAMES = [f"feature_{j:02d}" for j in range(N_FEATURES)]


@benchmark("hst_vs_river_256", unit=UNIT, takes_s=40, full=True)
def hst_vs_river(run: Run) -> list[Result]:
    """Score, then learn 256 events of 30 features, scaled to 0 to 1; River takes one by one."""
    batches = rows_of_fraud(run.rng, 8 if run.quick else 40)
    found = {height: measure(run, batches, height) for height in HEIGHTS}
    other = {
        f"height_{height}": {"ratio": each.ratio.median, "us_per_event": each.ours.cpu * 1e6}
        for height, each in found.items()
    }
    detail = {"trees": N_TREES, "features": N_FEATURES, "batch": BATCH, **other}
    return [found[HEIGHTS[0]].result("hst_vs_river_256", UNIT, height=HEIGHTS[0], **detail)]


def measure(run: Run, batches: list[NDArray[np.float64]], height: int) -> Paired:
    """Measure trees of one height, both sides warmed up on all batches."""
    detector = anomaly.HalfSpaceTrees(n_trees=N_TREES, height=height, seed=1)
    ours = compiled(detector, batches)
    river = one_by_one(compose.Pipeline(preprocessing.MinMaxScaler(), detector), batches)
    for _ in batches:
        ours()
        river()
    return run.paired(ours, river, items=BATCH)


def compiled(
    detector: anomaly.HalfSpaceTrees, batches: list[NDArray[np.float64]]
) -> Callable[[], NDArray[np.float64]]:
    """Return what scores and learns the next batch with ours."""
    scaler, trees = DenseMinMaxScaler(N_FEATURES), dense_of(detector, N_FEATURES, NAMES)
    following = cycle(batches)

    def score_and_learn() -> NDArray[np.float64]:
        batch = next(following)
        scores = trees.score_many(scaler.transform_many(batch))
        trees.learn_many(scaler.learn_transform_many(batch))
        return scores

    return score_and_learn


def one_by_one(
    model: compose.Pipeline, batches: list[NDArray[np.float64]]
) -> Callable[[], NDArray[np.float64]]:
    """Return what scores and learns the next batch with River, dictionaries made beforehand."""
    events = [[dict(zip(NAMES, row, strict=True)) for row in batch.tolist()] for batch in batches]
    following = cycle(events)

    def score_and_learn() -> NDArray[np.float64]:
        scores = []
        for event in next(following):
            scores.append(model.score_one(event))
            model.learn_one(event)
        return np.array(scores)

    return score_and_learn


def rows_of_fraud(rng: np.random.Generator, n_batches: int) -> list[NDArray[np.float64]]:
    """Return batches in which about 1 % of the rows lie elsewhere."""
    X = rng.normal(size=(n_batches * BATCH, N_FEATURES))
    X[:, ::3] = np.exp(X[:, ::3])
    fraud = rng.random(len(X)) < 0.01
    X[fraud] = 3 * X[fraud] + 2
    return np.split(X, n_batches)
