"""fraudstream's worker as one of a group whose partitions tell each other all there is to tell.

It says on stdout when it has partitions, and on a word on stdin how late it has heard of others.
"""

from __future__ import annotations

import json
import sys

from benchmarks.kafka.job import Job
from benchmarks.kafka.ours import Overrides, merged, overrides_of
from benchmarks.kafka.ours_member import each_partition, tell, work_until_told
from stream.assembly import worker_of
from stream.config.configuration import Config, load
from stream.kafka.client import Connection
from stream.telemetry.latency_histogram import LatencyHistogram
from stream.telemetry.tally import Tally

TOLD = ("shared", "training", "models")


def telling(job: Job) -> Overrides:
    """Return what is configured otherwise."""
    return {
        "topics": {name: f"{job.out}-{name}" for name in TOLD},
        # Its features of verdicts are none.
        "worker": {"partial_features": False},
        "windows": {"events_max": 2 * (job.warm + job.n)},
        "model": {"version_interval": "1s"},
    }


def configured(job: Job) -> Config:
    """Return the configuration of each member."""
    return load(None, **merged(overrides_of(job), each_partition(job), telling(job)))


def main() -> None:
    """Work as `fraudstream run` does."""
    job = Job.given()
    config = configured(job)
    topics = config.topics
    tally = Tally(topics.transactions, topics.labels, topics.control, config.exchange())
    connection, hash_key = Connection(job.bootstrap), bytes(range(16))
    worker = worker_of(config, connection, hash_key, tell, tally=tally)
    work_until_told(worker)
    delays = (tally.shared_delay, tally.training_delay, tally.adoption_delay)
    print(
        json.dumps(
            {
                "decisions": sum(shard.engine.counters.decisions for shard in worker.shards),
                "partitions": sum(1 for _ in worker.shards),
                "late": dict(zip(TOLD, map(_late, delays), strict=True)),
            }
        ),
        flush=True,
    )
    sys.stdin.readline()
    worker.close()


def _late(delay: LatencyHistogram) -> dict[str, float | None]:
    """Return how late records were, milliseconds."""
    return {"records": len(delay), **delay.summary_ms()}


if __name__ == "__main__":
    main()
