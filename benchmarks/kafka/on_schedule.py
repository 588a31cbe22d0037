"""Send a job's payments when they are due, whether or not anybody keeps up with them.

Each has its time, the k-th after so many seconds, and is sent at once if that has passed: one that
waits because others were slow counts as waiting (coordinated omission; Tene, How NOT to Measure
Latency, 2015). With each payment goes a label, of one that was paid before.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Iterator

from confluent_kafka import Producer

from benchmarks.kafka.job import Job, Records
from stream.kafka.client import Connection

_PAUSE_S = 0.0005


def due_ns(job: Job, begin_ns: int, k: int) -> int:
    """Return when the k-th payment is due, by the monotonic clock."""
    return begin_ns + k * 1_000_000_000 // job.per_s


def _records(job: Job) -> Iterator[list[tuple[str, bytes, bytes]]]:
    """Yield what is sent together: a payment, and a label if there are any."""
    records, first = Records(job), job.labels_before
    labels = records.labels(first, first + job.n)
    for key, value in records.payments(job.warm, job.warm + job.n):
        sent = [(job.payments, value, key)]
        if job.labelled:
            of, label = next(labels)
            sent.append((job.labels, label, of))
        yield sent


def main() -> None:
    """Send from the time that stdin gives; tell how late the latest was sent."""
    job = Job.given()
    settings = {"linger.ms": 1, "queue.buffering.max.messages": 2_000_000}
    producer = Producer({**Connection(job.bootstrap).producer(), **settings})
    for topic in (job.payments, job.labels):
        producer.list_topics(topic, timeout=10.0)
    records = list(_records(job))
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    begin_ns, sent, late_ns = int(sys.stdin.readline()), 0, 0
    while sent < job.n:
        passed_ns = time.monotonic_ns() - begin_ns
        due = min(job.n, max(0, passed_ns * job.per_s // 1_000_000_000 + 1))
        for each in records[sent:due]:
            for topic, value, key in each:
                producer.produce(topic, value, key)
        if due > sent:
            late_ns = max(late_ns, time.monotonic_ns() - due_ns(job, begin_ns, sent))
        sent = due
        producer.poll(0)
        time.sleep(_PAUSE_S)
    unsent = producer.flush(30.0)
    print(json.dumps({"late_ms_max": late_ns / 1e6, "unsent": unsent}), flush=True)


if __name__ == "__main__":
    main()
