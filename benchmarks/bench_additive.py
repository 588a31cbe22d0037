"""The additive model beside River's nearest: scores and examples of 30 features."""

from __future__ import annotations

from typing import Any

from benchmarks.bench_linear import BATCH, FRAUD_SHARE, UNIT, WIDTH, ByOne, Examples, turning
from benchmarks.harness import Result, Run, benchmark
from models.additive.additive import AdditiveLogistic


class Compiled:
    """Ours: a call a batch."""

    def __init__(self) -> None:
        self.model = AdditiveLogistic(WIDTH)

    def learn(self, X: Any, y: Any) -> None:
        self.model.learn_many(X, y)

    def score(self, X: Any, _: Any = None) -> Any:
        return self.model.predict_proba_many(X)


@benchmark("additive_score_256", "additive_learn_256", unit=UNIT, takes_s=25, full=True)
def additive_vs_river(run: Run) -> list[Result]:
    """Additive model, batches of 256; River's scaler and regression, one dictionary at a time."""
    examples = Examples(run)
    ours, river = Compiled(), ByOne()
    run.progress("warming up")
    for matrix, rows in zip(examples.matrices, examples.dictionaries, strict=True):
        ours.learn(*matrix)
        river.learn(*rows)
    results = []
    for name, work in (("additive_score_256", "score"), ("additive_learn_256", "learn")):
        if name not in run.wanted:
            continue
        measured = run.paired(
            turning(getattr(ours, work), examples.matrices),
            turning(getattr(river, work), examples.dictionaries),
            items=BATCH,
        )
        results.append(
            measured.result(name, UNIT, batch=BATCH, features=WIDTH, fraud_share=FRAUD_SHARE)
        )
    return results
