"""fraudstream's worker: all it does in production, but for a snapshot."""

from __future__ import annotations

import sys
import tempfile
import threading
from typing import Any

from benchmarks.kafka.job import ENTITIES, WINDOWS, Job, Watch
from stream.assembly import worker_of
from stream.config import load
from stream.kafka.client import Connection

_FEATURES = f"{{{','.join(ENTITIES)}}}.{{count,amount_sum,amount_mean}}_{{{','.join(WINDOWS)}}}"


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _overrides(job: Job, form: str, folder: str) -> dict[str, dict[str, Any]]:
    """Return the job's configuration.

    `form` may name, joined by a plus: `decisions`, each of which is published; `journal`, which is
    written; `forest`, of ten trees that learn.
    """
    options = form.split("+")
    return {
        "kafka": {"bootstrap": job.bootstrap, "group": job.out},
        "topics": {
            "transactions": job.payments,
            "labels": job.labels,
            "alerts": f"{job.out}-alerts",
            "decisions": f"{job.out}-decisions" if "decisions" in options else "",
            "dead_letters": f"{job.out}-dead-letters",
            "label_reviews": f"{job.out}-label-reviews",
        },
        "fields": {"entities": ENTITIES},
        "features": {"names": (_FEATURES,)},
        "decision": {"review": 0.5, "block": 0.99},
        "model": {"frauds_min": 10, "genuine_min": 100}
        | ({"kind": "forest", "trees": 10} if "forest" in options else {}),
        "labels": {"queue_max": 1_000_000},
        "recovery": {"folder": folder if "journal" in options else "", "snapshot_interval": "1h"},
    }


def main() -> None:
    """Work as `fraudstream run` does."""
    job, form = Job.given()
    with tempfile.TemporaryDirectory() as folder:
        config = load(None, **_overrides(job, form, folder))
        worker = worker_of(config, Connection(job.bootstrap), bytes(range(16)), _tell)
        worker.recover(threading.Event())

        def finish() -> dict[str, Any]:
            worker.sink.flush(30.0)
            (shard,) = worker.shards
            return {
                "delivered": worker.sink.delivered,
                "turns": worker.stats.polls,
                "letters": shard.stats.dead_letters_by_reason,
                "counters": vars(shard.engine.counters),
            }

        watch = Watch(job, worker.source.pause, worker.source.resume, finish)
        while not watch.took(worker.turn(0.1)):
            pass
        worker.close()


if __name__ == "__main__":
    main()
