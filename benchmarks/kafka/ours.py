"""fraudstream's worker as it is without a recovery folder: no journal, and alerts only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from benchmarks.kafka.job import ENTITIES, WINDOWS, Job
from benchmarks.kafka.watch import Watch
from stream.assembly import worker_of
from stream.config.configuration import Config, load
from stream.kafka.client import Connection
from stream.telemetry.traffic import TrafficMeter
from stream.worker import Never

_FEATURES = f"{{{','.join(ENTITIES)}}}.{{count,amount_sum,amount_mean}}_{{{','.join(WINDOWS)}}}"


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


Overrides = dict[str, dict[str, Any]]


def overrides_of(job: Job) -> Overrides:
    """Return the job's configuration."""
    return {
        "kafka": {"bootstrap": job.bootstrap, "group": job.out},
        "topics": {
            "transactions": job.payments,
            "labels": job.labels,
            "alerts": f"{job.out}-alerts",
            "decisions": "",
            "dead_letters": f"{job.out}-dead-letters",
            "label_reviews": f"{job.out}-label-reviews",
            "drift": "",
        },
        "fields": {"entities": ENTITIES},
        "features": {"names": (_FEATURES,)},
        "decision": {"review": 0.5, "block": 0.99},
        "model": {"frauds_min": 10, "genuine_min": 100},
        "labels": {"queue_max": 1_000_000},
        "worker": {"pretouch": True},
    }


def merged(*overrides: Overrides) -> Overrides:
    """Lay configurations over each other, key by key."""
    whole: Overrides = {}
    for each in overrides:
        for section, keys in each.items():
            whole[section] = {**whole.get(section, {}), **keys}
    return whole


Watched = Callable[[Config], AbstractContextManager[TrafficMeter]]
Beside = Callable[[Job], AbstractContextManager[object]]


def main(
    more: Callable[[Job], Overrides] | None = None,
    watched: Watched | None = None,
    beside: Beside | None = None,
) -> None:
    """Work as `fraudstream run` does.

    Parameters
    ----------
    more : callable, optional
        Gives keys that are another form's.
    watched : callable, optional
        Serves what an admin port would, and gives the meter that is to look.
    beside : callable, optional
        What else goes on while the worker works.
    """
    job = Job.given()
    config = load(None, **merged(overrides_of(job), {} if more is None else more(job)))
    with ExitStack() as stack:
        if beside is not None:
            stack.enter_context(beside(job))
        _work(job, config, None if watched is None else stack.enter_context(watched(config)))


def _work(job: Job, config: Config, meter: TrafficMeter | None) -> None:
    tally = None if meter is None else meter.tally
    key = bytes(range(16))
    worker = worker_of(config, Connection(job.bootstrap), key, _tell, tally=tally)

    def finish() -> dict[str, Any]:
        worker.sink.flush(30.0)
        return {
            "delivered": worker.sink.delivered,
            "turns": worker.stats.polls,
            "letters": worker.shard.stats.dead_letters_by_reason,
            "counters": vars(worker.shard.engine.counters),
        }

    if meter is not None:
        meter.follow(worker)
    worker.recover(Never())
    if meter is not None:
        meter.running()
    watch = Watch(job, worker.source.pause, worker.source.resume, finish)
    counters, before, ended = worker.shard.engine.counters, 0, False
    while not ended:
        worker.turn(0.1)
        # Orders are records too, and are nobody's payment.
        taken = counters.decisions + counters.refused + counters.labels
        ended, before = watch.took(taken - before), taken
        if meter is not None:
            meter.polled()
    worker.close()


if __name__ == "__main__":
    main()
