"""What a worker did, as plain values: sums over its shards, and what each of them has become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from stream.shard import Shard
from stream.timed import challenges, costs_of, unlearned_by
from stream.worker import Worker


def summary(worker: Worker) -> dict[str, Any]:
    """Return what a worker did.

    What cannot be summed stands under ``partitions`` where each of them has a shard.
    """
    shards = list(worker.shards)
    counts = {
        "records": worker.stats.records,
        **_summed(map(_counts, shards)),
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


def _counts(shard: Shard) -> dict[str, int]:
    """Return what can be summed over shards."""
    counters = shard.engine.counters
    return {
        "decisions": counters.decisions,
        "unscored": counters.unscored,
        "alerts": counters.alerts,
        "duplicates": counters.duplicates,
        "late": counters.late,
        "too_late": counters.too_late,
        "labels": counters.labels,
        "labels_learned": counters.labels_learned,
        "labels_refused": counters.labels_refused,
        "labels_early": counters.labels_early,
        "labels_held": len(shard.engine.book.early),
        "labels_corrected": counters.labels_corrected,
        "labels_repeated": counters.labels_repeated,
        "labels_superseded": counters.labels_superseded,
        "labels_withheld": counters.labels_withheld,
        "erasures": counters.erasures,
        "unlearned": unlearned_by(shard.engine.learner),
        "matured_as_genuine": counters.matured,
        "dead_letters": shard.stats.dead_letters,
        "evicted_live": shard.engine.features.evicted_live,
        "unlearned_lost": shard.engine.waiting.lost,
    }


def _become(shard: Shard) -> dict[str, Any]:
    """Return how a shard's model and its state stand."""
    engine, recovery = shard.engine, shard.recovery
    return {
        "model_ready": engine.learner.ready,
        "model_costs": costs_of(engine.learner),
        "challengers": challenges(engine),
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
