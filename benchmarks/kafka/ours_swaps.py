"""As `ours_challenged`, and twice a second another of the two models becomes champion."""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from benchmarks.kafka import ours
from benchmarks.kafka.job import Job
from benchmarks.kafka.ours_challenged import CHALLENGER, CHAMPION, overrides
from schemas.records import RecordCodec, builtin

_EVERY_S = 0.5
# Of the shipped registry.
_ORDER_SCHEMA = 12


@contextmanager
def swapping(job: Job) -> Iterator[None]:
    """Order a swap again and again, from a thread that does nothing else."""
    done = threading.Event()
    thread = threading.Thread(target=_order, args=(job, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10.0)


def _order(job: Job, done: threading.Event) -> None:
    producer = Producer({"bootstrap.servers": job.bootstrap, "linger.ms": 0})
    codec = RecordCodec(builtin("control"), _ORDER_SCHEMA)
    for name in itertools.cycle((CHALLENGER, CHAMPION)):
        if done.wait(_EVERY_S):
            break
        order = {
            "kind": "PROMOTE",
            "entity": "",
            "key": json.dumps({"model": name, "by": "benchmark", "why": "to see what it costs"}),
            "requested_at": time.time_ns() // 1000,
            "request_id": str(uuid.uuid4()),
        }
        producer.produce(job.orders, codec.encode(order), b"models", partition=0)
        producer.poll(0)
    producer.flush(10.0)


if __name__ == "__main__":
    ours.main(
        lambda job: ours.merged(overrides(job), {"topics": {"control": job.orders, "audit": ""}}),
        beside=swapping,
    )
