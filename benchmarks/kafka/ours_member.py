"""fraudstream's worker as one of a group that shares the partitions: no journal, alerts only.

It is told on stdin to hold, while records are sent, and then to go.
"""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import asdict

from confluent_kafka import Consumer, TopicPartition

from benchmarks.harness import read_clocks
from benchmarks.kafka.job import Job
from benchmarks.kafka.ours import Overrides, merged, overrides_of
from stream.assembly import worker_of
from stream.config.configuration import load
from stream.kafka.client import Connection
from stream.worker import Never, Worker

_SECONDS_MAX = 30.0


def each_partition(job: Job) -> Overrides:
    """Return what is configured otherwise: a state a partition, an eighth of the whole."""
    return {
        "worker": {"state": "per_partition", "partial_features": True, "pretouch": False},
        "fields": {"key": "card"},
        "windows": {"events_max": max(2 * (job.warm + job.n) // job.partitions, 10_000)},
        "labels": {"waiting_max": max(2 * (job.warm + job.n) // job.partitions, 10_000)},
    }


def main() -> None:
    """Work as `fraudstream run` does."""
    job = Job.given()
    config = load(None, **merged(overrides_of(job), each_partition(job)))
    worker = worker_of(config, Connection(job.bootstrap), bytes(range(16)), tell)
    work_until_told(worker)
    worker.source.pause()
    print("held", flush=True)
    sys.stdin.readline()
    wanted = _share(job, worker)
    began = read_clocks()
    worker.source.resume()
    while _taken(worker) < wanted:
        worker.turn(0.1)
    worker.sink.flush(_SECONDS_MAX)
    times = read_clocks() - began
    told = {"taken": wanted, "decisions": sum(_each(worker, "decisions"))}
    print(json.dumps({"times": asdict(times), "told": told}), flush=True)
    # The others would get its partitions, and be disturbed in what they still do.
    sys.stdin.readline()
    worker.close()


def work_until_told(worker: Worker) -> None:
    """Join the group, say so, and work until there is a line on stdin."""
    worker.recover(Never())
    while not worker.source.assigned:
        worker.turn(0.1)
    print("joined", flush=True)
    told = threading.Thread(target=sys.stdin.readline, daemon=True)
    told.start()
    while told.is_alive():
        worker.turn(0.05)


def tell(text: str) -> None:
    """Say what a person may want to know."""
    print(text, file=sys.stderr)


def _each(worker: Worker, name: str) -> list[int]:
    return [getattr(shard.engine.counters, name) for shard in worker.shards]


def _taken(worker: Worker) -> int:
    return sum(sum(_each(worker, name)) for name in ("decisions", "refused", "labels"))


def _share(job: Job, worker: Worker) -> int:
    """Return how many records there are for this member."""
    consumer = Consumer({"bootstrap.servers": job.bootstrap, "group.id": "nobody"})
    try:
        places = [
            TopicPartition(topic, shard.partition)
            for topic in (job.payments, job.labels)
            for shard in worker.shards
            if shard.partition is not None
        ]
        return sum(consumer.get_watermark_offsets(each, _SECONDS_MAX)[1] for each in places)
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
