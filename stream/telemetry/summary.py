"""What a worker did, as plain values: sums over its shards, and what each of them has become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from stream.shards.shard import Shard
from stream.timed_learner import challenges, costs_of, unlearned_by
from stream.worker import Worker

# What can be summed over shards, also over none: a worker may have no partition at all.
_COUNTS: dict[str, Callable[[Shard], int]] = {
    "decisions": lambda shard: shard.engine.counters.decisions,
    "unscored": lambda shard: shard.engine.counters.unscored,
    "alerts": lambda shard: shard.engine.counters.alerts,
    "duplicates": lambda shard: shard.engine.counters.duplicates,
    "late": lambda shard: shard.engine.counters.late,
    "too_late": lambda shard: shard.engine.counters.too_late,
    "labels": lambda shard: shard.engine.counters.labels,
    "labels_learned": lambda shard: shard.engine.counters.labels_learned,
    "labels_refused": lambda shard: shard.engine.counters.labels_refused,
    "labels_early": lambda shard: shard.engine.counters.labels_early,
    "labels_held": lambda shard: len(shard.engine.book.early),
    "labels_corrected": lambda shard: shard.engine.counters.labels_corrected,
    "labels_repeated": lambda shard: shard.engine.counters.labels_repeated,
    "labels_superseded": lambda shard: shard.engine.counters.labels_superseded,
    "labels_withheld": lambda shard: shard.engine.counters.labels_withheld,
    "erasures": lambda shard: shard.engine.counters.erasures,
    "promotions": lambda shard: shard.engine.counters.promotions,
    "rollbacks": lambda shard: shard.engine.counters.rollbacks,
    "unlearned": lambda shard: unlearned_by(shard.engine.learner),
    "matured_as_genuine": lambda shard: shard.engine.counters.matured,
    "dead_letters": lambda shard: shard.stats.dead_letters,
    "drifts": lambda shard: shard.stats.drifts,
    "payments_heard": lambda shard: shard.stats.heard.payments,
    "examples_heard": lambda shard: shard.stats.heard.examples,
    "models_adopted": lambda shard: shard.stats.heard.versions,
    "passed_over": lambda shard: shard.stats.heard.passed_over,
    "evicted_live": lambda shard: shard.engine.features.evicted_live,
    "unlearned_lost": lambda shard: shard.engine.waiting.lost,
}


def summary(worker: Worker) -> dict[str, Any]:
    """Return what a worker did.

    What cannot be summed stands under ``partitions`` where each of them has a shard.
    """
    shards = list(worker.shards)
    counts = {
        "records": worker.stats.records,
        **{name: sum(map(count, shards)) for name, count in _COUNTS.items()},
        "label_reviews": _summed(shard.stats.label_reviews for shard in shards),
        "dead_letters_by_reason": _summed(shard.stats.dead_letters_by_reason for shard in shards),
        "pauses": worker.stats.pauses,
        "labels_held_back": worker.labels.times,
        "unacknowledged": worker.unacknowledged,
        "redis": {"state": "off"} if worker.online is None else worker.online.as_dict(),
    }
    if len(shards) == 1 and shards[0].partition is None:
        return counts | _become(shards[0])
    return counts | {"partitions": {str(shard.partition): _become(shard) for shard in shards}}


def _become(shard: Shard) -> dict[str, Any]:
    """Return how a shard's model and its state stand."""
    engine, recovery = shard.engine, shard.recovery
    return {
        "champion": engine.lineup.name,
        "reigns": [reign._asdict() for reign in engine.lineup.reigns],
        "model_ready": engine.learner.ready,
        "model_costs": costs_of(engine.learner),
        "challengers": challenges(engine),
        "gate": []
        if engine.gate is None
        else [each.as_dict() for each in engine.gate.recommendations()],
        "prequential": engine.prequential.as_dict(),
        "calibration": engine.champion.calibration,
        "budget": {} if engine.budget is None else engine.budget.as_dict(),
        "recovery": {} if recovery is None else recovery.as_dict(),
    }


def _summed(each: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counts in each:
        total.update(counts)
    return dict(total)
