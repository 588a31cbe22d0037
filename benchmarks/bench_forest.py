"""The compiled forest and tree beside River's: speed, stalls, and whether the scores are the same.

30 features, one percent of fraud in kinds that take trees of some size to tell apart.
Both learn the same 20,000 events first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import drift, forest, tree

from benchmarks.harness import Result, Run, benchmark
from models.trees.translate import dense_of

UNIT = "us/event"
N_FEATURES = 30
NAMES = [f"f{i:02}" for i in range(N_FEATURES)]
# Events between the one that is scored and the one whose label is known by then.
LATE = 7_000

# River with the settings that this project's own classes have by default.
_SAFE: dict[str, Any] = {
    "leaf_prediction": "mc",
    "min_branch_fraction": 1e-4,
    "max_share_to_split": 1.0,
}

Matrix = NDArray[np.float64]


class Examples:
    """Labelled events in a circle, as a matrix for us and as dictionaries for River."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.X, self.y = events(rng, n)
        self.rows = [dict(zip(NAMES, x, strict=True)) for x in self.X.tolist()]
        self.labels = self.y.tolist()


class Cursor:
    """How far one model is: it scores events that come, and learns those of some time ago."""

    def __init__(self, examples: Examples, learned: int) -> None:
        self.n = len(examples.X)
        self.learned, self.scored = learned, learned + LATE

    def to_learn(self, size: int) -> slice:
        self.learned = self.learned if self.learned + size <= self.n else 0
        self.learned += size
        return slice(self.learned - size, self.learned)

    def to_score(self, size: int) -> slice:
        self.scored = self.scored if self.scored + size <= self.n else 0
        self.scored += size
        return slice(self.scored - size, self.scored)


def events(rng: np.random.Generator, n: int) -> tuple[Matrix, NDArray[np.bool_]]:
    """Return features and labels: amounts, counts, ratios, flags; three kinds of fraud."""
    kind = rng.choice(4, n, p=[0.99, 0.003, 0.004, 0.003])
    X = rng.normal(size=(n, N_FEATURES))
    X[:, :10] = rng.lognormal(3.0, 1.0, (n, 10))
    X[:, 10:18] = rng.poisson(np.geomspace(0.3, 40, 8), (n, 8))
    X[:, 18:22] = rng.random((n, 4)) < [0.5, 0.3, 0.1, 0.02]
    X[kind == 1, 0] *= 6.0
    X[kind == 2, 10:14] += rng.poisson(3.0, ((kind == 2).sum(), 4))
    X[kind == 3, 24:27] += 1.5
    return X, kind > 0


class Ours:
    """A compiled model, batch by batch."""

    def __init__(self, model: Any, examples: Examples, learned: int) -> None:
        self.model, self.examples, self.at = model, examples, Cursor(examples, learned)

    def score(self, size: int) -> Matrix:
        scores: Matrix = self.model.predict_proba_many(self.examples.X[self.at.to_score(size)])
        return scores

    def learn(self, size: int) -> None:
        where = self.at.to_learn(size)
        self.model.learn_many(self.examples.X[where], self.examples.y[where])

    def both(self, size: int) -> None:
        self.score(size)
        self.learn(size)


class Theirs:
    """River's object, event by event: it has no batches."""

    def __init__(self, model: Any, examples: Examples, learned: int) -> None:
        self.model, self.examples, self.at = model, examples, Cursor(examples, learned)

    def score(self, size: int) -> list[float]:
        predict = self.model.predict_proba_one
        rows = self.examples.rows[self.at.to_score(size)]
        return [predict(x).get(True, 0.0) for x in rows]

    def learn(self, size: int) -> None:
        where, learn = self.at.to_learn(size), self.model.learn_one
        for x, label in zip(self.examples.rows[where], self.examples.labels[where], strict=True):
            learn(x, label)

    def both(self, size: int) -> None:
        self.score(size)
        self.learn(size)


def rivers_forest(**changed: Any) -> Any:
    """Return River's forest of ten without detectors of drift."""
    quiet = {"drift_detector": drift.NoDrift(), "warning_detector": drift.NoDrift()}
    return forest.ARFClassifier(10, seed=1, **{**_SAFE, **quiet, **changed})


def rivers_tree(**changed: Any) -> Any:
    """Return River's single tree."""
    return tree.HoeffdingTreeClassifier(**{**_SAFE, **changed})


_FOREST = ("forest_vs_river_256", "forest_predict_256", "forest_learn_256", "forest_vs_river_1")
_OTHERS: dict[str, Callable[[], Any]] = {
    "forest_all_features_256": partial(rivers_forest, max_features=None),
    "forest_adwin_256": partial(rivers_forest, drift_detector=None, warning_detector=None),
    "forest_nba_256": partial(rivers_forest, leaf_prediction="nba"),
    "tree_vs_river_256": rivers_tree,
}


def taught(run: Run, build: Callable[[], Any]) -> tuple[Ours, Theirs, dict[str, object]]:
    """Return our model and River's after the same events, and what they are by then."""
    n_warm = 2_000 if run.quick else 20_000
    examples = Examples(run.rng, 40_000)
    Ours(dense_of(build(), N_FEATURES, NAMES), examples, 0).both(1)  # Compiles.
    ours = Ours(dense_of(build(), N_FEATURES, NAMES), examples, 0)
    longest_s = max(_seconds(partial(ours.learn, 1)) for _ in range(n_warm))
    theirs = Theirs(build(), examples, 0)
    run.progress(f"River learns {n_warm:,} events")
    theirs.learn(n_warm)
    ours.at.scored = theirs.at.scored = n_warm
    assert ours.score(1_000).tolist() == theirs.score(1_000), "our scores are not River's"
    state = ours.model.state()
    return (
        ours,
        theirs,
        {
            "events_before": n_warm,
            "nodes": ours.model.n_nodes,
            "state_bytes": sum(array.nbytes for array in state.arrays.values()),
            "longest_learn_ms": 1e3 * longest_s,
        },
    )


def _seconds(work: Callable[[], object]) -> float:
    # Without what other processes take; memory that is touched for the first time counts.
    started = thread_time()
    work()
    return thread_time() - started


@benchmark(*_FOREST, unit=UNIT, takes_s=80)
def forest_vs_river(run: Run) -> list[Result]:
    """Forest of ten: score and learn in batches of 256, each alone, and event by event."""
    ours, theirs, told = taught(run, rivers_forest)
    work = {
        "forest_vs_river_256": (ours.both, theirs.both, 256),
        "forest_predict_256": (ours.score, theirs.score, 256),
        "forest_learn_256": (ours.learn, theirs.learn, 256),
        "forest_vs_river_1": (ours.both, theirs.both, 1),
    }
    results = []
    for name, (our, their, size) in work.items():
        if name in run.wanted:
            measured = run.paired(partial(our, size), partial(their, size), items=size)
            results.append(measured.result(name, UNIT, batch=size, **told))
    return results


@benchmark(*_OTHERS, unit=UNIT, takes_s=200, full=True)
def variants_vs_river(run: Run) -> list[Result]:
    """Score and learn in batches of 256: all features, ADWIN, naive Bayes leaves; one tree."""
    results = []
    for name, build in _OTHERS.items():
        if name in run.wanted:
            ours, theirs, told = taught(run, build)
            measured = run.paired(partial(ours.both, 256), partial(theirs.both, 256), items=256)
            results.append(measured.result(name, UNIT, batch=256, **told))
    return results
