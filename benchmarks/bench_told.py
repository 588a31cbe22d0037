"""How late partitions hear of each other: of payments, of what labels teach, of what was learned.

Two workers share eight partitions, and payments come at a steady rate, each with the label of an
earlier one. Timed by the workers themselves, from a record's time, which is when its partition told
it, to when who listens had taken it.
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import ExitStack
from typing import Any

from confluent_kafka import Producer

from benchmarks.harness import BenchmarkError, Result, Run, benchmark
from benchmarks.kafka.broker import broker
from benchmarks.kafka.job import Job, Records, create_topics
from benchmarks.kafka.ours_teller import TOLD
from benchmarks.kafka.peers import program
from stream.kafka.client import Connection
from stream.kafka.topics import create

_PER_S = 2_000
_BEHIND = 1_000
_MEMBERS = 2
# Producers hand over what has gathered in so long.
_TICK_S = 0.005
_NAMES = {"shared": "told_payments_p99", "training": "told_examples_p99", "models": "adopted_p99"}


@benchmark(*_NAMES.values(), unit="ms", takes_s=100, full=True)
def told(run: Run) -> list[Result]:
    """Let two workers tell each other of 2,000 payments a second; how late each hears of it."""
    seconds = 5 if run.quick else 40
    name = f"told-{uuid.uuid4().hex[:8]}"
    with broker() as bootstrap:
        where = f"{name}-payments", f"{name}-labels", f"{name}-out"
        job = Job(bootstrap, *where, seconds * _PER_S, run.seed, warm=0, per_s=_PER_S)
        create_topics(job)
        create(Connection(bootstrap), [f"{job.out}-{each}" for each in TOLD], job.partitions)
        said = _members(job, run)
    decided = [each["decisions"] for each in said]
    if sum(decided) != job.n or not all(decided):
        raise BenchmarkError(f"{decided} payments were decided, not {job.n} by all")
    return [_result(_NAMES[of], [each["late"][of] for each in said]) for of in TOLD]


def _members(job: Job, run: Run) -> list[dict[str, Any]]:
    """Let a group work while payments come; return what each member says."""
    with ExitStack() as stack:
        group = []
        for _ in range(_MEMBERS):
            group.append(stack.enter_context(program("ours_teller", job.text())))
            group[-1].hear("it had joined")
        run.progress(f"{_PER_S} payments a second")
        _send(job)
        time.sleep(3.0)
        for each in group:
            each.tell("say")
        said = [json.loads(each.hear("it had said")) for each in group]
        for each in group:
            each.tell("end")
    return said


def _send(job: Job) -> None:
    """Send payments and labels at their rate; never faster, if it was held up."""
    records = Records(job)
    payments = list(records.payments(0, job.n))
    labels = list(records.labels(0, job.n))
    producer = Producer(
        {"bootstrap.servers": job.bootstrap, "linger.ms": 1, "partitioner": "murmur2_random"}
    )
    began, sent = time.perf_counter(), 0
    while sent < job.n:
        due = min(job.n, int((time.perf_counter() - began) * _PER_S))
        for at in range(sent, due):
            producer.produce(job.payments, payments[at][1], payments[at][0])
            if at >= _BEHIND:
                producer.produce(job.labels, labels[at - _BEHIND][1], labels[at - _BEHIND][0])
        sent = due
        producer.poll(_TICK_S)
    if producer.flush(30.0):
        raise BenchmarkError("payments were not delivered")


def _result(name: str, late: list[dict[str, float | None]]) -> Result:
    """Return the worse of the members' 99th percentiles."""
    heard = [each["p99"] for each in late if each["p99"] is not None]
    if not heard:
        raise BenchmarkError(f"{name}: nobody heard anything")
    return Result(name, "ms", max(heard), detail={"members": late})
