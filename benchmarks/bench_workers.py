"""How many payments two workers of a group take in the time in which one does.

Records are on the topics before the clock starts, so nobody waits for a producer; the broker works
on the same processors, though, and what it takes there is told beside.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import BenchmarkError, Result, Run, Times, benchmark, compared
from benchmarks.kafka.broker import broker
from benchmarks.kafka.job import Job, Records, create_topics, delete_topics, send
from benchmarks.kafka.peers import program

# Of event time, which a model learns by: whoever needs several workers has more than a few.
_PER_S = 1_000
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Took(NamedTuple):
    """Of one payment and its label: what all members took, and what the broker took.

    Parameters
    ----------
    times : Times
    broker_s : float
    parts : list of (int, float)
        Of each member: how many payments it decided, and for how many seconds it worked.
    """

    times: Times
    broker_s: float
    parts: list[tuple[int, float]]


@benchmark("workers_2_vs_1", unit="events/s", takes_s=400, full=True)
def workers(run: Run) -> list[Result]:
    """Take what is on the topics, by two workers that share the partitions; reference: by one."""
    rounds, n = (1, 30_000) if run.quick else (3, 400_000)
    took: dict[int, list[Took]] = {2: [], 1: []}
    with broker() as bootstrap:
        for number in range(rounds):
            for members, each in took.items():
                run.progress(f"round {number + 1} of {rounds}: {members} of a group")
                each.append(work(bootstrap, members, n, run.seed + number))
    times = ([each.times for each in took[members]] for members in took)
    told = {
        "payments": n,
        "parts_of_2": [each.parts for each in took[2]],
        "broker_us": {m: 1e6 * sorted(t.broker_s for t in took[m])[rounds // 2] for m in took},
        "worker_us": {m: 1e6 * sorted(t.times.cpu for t in took[m])[rounds // 2] for m in took},
    }
    measured = compared(*times, clock="wall", calls=(1, 1))
    return [measured.result("workers_2_vs_1", "events/s", **told)]


def work(bootstrap: str, members: int, n: int, seed: int, *, hot: bool = False) -> Took:
    """Let a new group of so many take n payments and their labels, by eight partitions.

    `hot`: see `benchmarks.kafka.job.Job`.

    Raises
    ------
    BenchmarkError
        If a payment was left out, or a member had none.
    """
    name = f"workers-{uuid.uuid4().hex[:8]}"
    topics = f"{name}-payments", f"{name}-labels", f"{name}-out"
    job = Job(bootstrap, *topics, n, seed, warm=0, per_s=_PER_S, hot=hot)
    create_topics(job)
    with ExitStack() as stack:
        group = []
        for _ in range(members):
            group.append(stack.enter_context(program("ours_member", job.text())))
            group[-1].hear("it had joined")
        for each in group:
            each.tell("hold")
            each.hear("it was held")
        records = Records(job)
        send(job, job.payments, records.payments(0, n))
        send(job, job.labels, records.labels(0, n))
        before_s, began_s = _broker_s(), time.perf_counter()
        for each in group:
            each.tell("go")
        said = [json.loads(each.hear("it was done")) for each in group]
        wall_s, broker_s = time.perf_counter() - began_s, _broker_s() - before_s
        for each in group:
            each.tell("end")
    delete_topics(job)
    decided = [each["told"]["decisions"] for each in said]
    if sum(decided) != n or not all(decided):
        raise BenchmarkError(f"{decided} payments were decided, not {n} by all")
    cpu_s, thread_s = (sum(each["times"][clock] for each in said) for clock in ("cpu", "thread"))
    parts = [(each["told"]["decisions"], each["times"]["wall"]) for each in said]
    return Took(Times(cpu_s, thread_s, wall_s) / n, broker_s / n, parts)


def _broker_s() -> float:
    """Return the processor time of this machine's brokers, seconds; 0 if they are elsewhere."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        if name.endswith("(java"):
            user, system = rest.split()[11:13]
            total += (int(user) + int(system)) * _TICK_S
    return total
