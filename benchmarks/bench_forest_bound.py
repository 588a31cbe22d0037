"""What a bound on a forest's memory costs in quality, on the Handbook's stream.

Nothing is timed. The 14 features and the amount come from the engine itself; labels are
learned seven days late, day by day; scores of day 60 on are judged.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from river import drift
from sklearn.metrics import average_precision_score

from benchmarks.harness import Result, Run, benchmark
from models.states.snapshot import pack
from models.trees.estimators import ARFClassifier
from models.trees.forest import DenseForest
from models.trees.translate import dense_of
from stream.config.configuration import load
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import PUBLISHED, HandbookParameters, generate, write_parquet

# Nodes of ten trees together.
BOUNDS = {"forest_nodes_5k": 5_000, "forest_nodes_20k": 20_000, "forest_nodes_50k": 50_000}
UNBOUNDED = 131_072
UNIT = "average precision"
_EXAMPLE = Path(__file__).parent.parent / "examples" / "handbook.toml"
_QUICK_DAYS = 75
_LATE_DAYS = 7
_JUDGED_FROM = 60


@benchmark(*BOUNDS, unit=UNIT, takes_s=240, full=True)
def forest_nodes(run: Run) -> list[Result]:
    """Average precision of a forest of ten with few nodes, beside one without a bound."""
    run.progress("computing the features")
    days, X, y = handbook(HandbookParameters(days=_QUICK_DAYS) if run.quick else PUBLISHED)
    run.progress("without a bound")
    reference, unbounded = precision(UNBOUNDED, days, X, y)
    results = []
    for name, nodes_max in BOUNDS.items():
        if name not in run.wanted:
            continue
        run.progress(f"with {nodes_max} nodes")
        value, forest = precision(nodes_max, days, X, y)
        detail = {
            "events": len(X),
            "nodes": forest.n_nodes,
            "nodes_without_a_bound": unbounded.n_nodes,
            "splits_refused": forest.splits_refused,
            "packed_bytes": len(pack(forest.state())),
            "packed_bytes_without_a_bound": len(pack(unbounded.state())),
        }
        results.append(Result(name, UNIT, value, reference, value / reference, detail))
    return results


def handbook(
    parameters: HandbookParameters,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return the day, the features and the truth of every payment."""
    config = load(_EXAMPLE)
    with tempfile.TemporaryDirectory() as folder:
        source, table = Path(folder) / "handbook.parquet", Path(folder) / "features.parquet"
        write_parquet(generate(parameters), source)
        replay = Replay(source, config, ReplayOutputs(features=table), scoring=False)
        replay.run()
        frame = pl.read_parquet(table)
    days = frame["event_time"].dt.epoch("d").to_numpy()
    names = replay.engine.parameters.features.names
    X = np.ascontiguousarray(frame.select(names).fill_null(np.nan).to_numpy())
    return days - days.min(), X, frame["is_fraud"].to_numpy().astype(np.bool_)


def precision(
    nodes_max: int, days: NDArray[np.int64], X: NDArray[np.float64], y: NDArray[np.bool_]
) -> tuple[float, DenseForest]:
    """Score each day before it is learned, seven days later; judge the scores."""
    forest = ARFClassifier(
        n_models=10,
        max_features=None,
        drift_detector=drift.NoDrift(),
        warning_detector=drift.NoDrift(),
        seed=1,
        nodes_max=nodes_max,
    )
    model = dense_of(forest, X.shape[1])
    assert isinstance(model, DenseForest)
    scores = np.zeros(len(X))
    edges = np.searchsorted(days, np.arange(days[-1] + 2))
    for day in range(int(days[-1]) + 1):
        today = slice(edges[day], edges[day + 1])
        scores[today] = model.predict_proba_many(X[today])
        if day >= _LATE_DAYS:
            due = slice(edges[day - _LATE_DAYS], edges[day - _LATE_DAYS + 1])
            model.learn_many(X[due], y[due])
    judged = days >= _JUDGED_FROM
    return float(average_precision_score(y[judged], scores[judged])), model
