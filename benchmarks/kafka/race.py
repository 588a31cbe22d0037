"""Have programs do the same job on the same broker, one after another, each in its own process."""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import BenchmarkError, Times
from benchmarks.kafka.job import Job, Records, create_topics, delete_topics, send
from benchmarks.kafka.peers import python_of
from benchmarks.machine import ROOT

_SECONDS_MAX = 180.0


@dataclass(frozen=True)
class Contestant:
    """A program.

    Parameters
    ----------
    module : str
        Of `benchmarks.kafka`.
    n : int
        Payments and labels that are timed.
    """

    module: str
    n: int


@dataclass(frozen=True)
class Took:
    """What a program took.

    Parameters
    ----------
    times : Times
        Of one payment and its label. Processor time is that of the whole process, the client's own
        threads included.
    told : dict
        What else it told.
    """

    times: Times
    told: dict[str, Any]


@contextmanager
def _bounded(process: subprocess.Popen[str]) -> Iterator[None]:
    """End a process that takes too long, and one that nobody listens to."""
    timer = threading.Timer(_SECONDS_MAX, process.kill)
    timer.start()
    try:
        yield
    except BaseException:
        process.kill()
        raise
    finally:
        timer.cancel()


def run(bootstrap: str, contestant: Contestant, seed: int) -> Took:
    """Put the records on new topics, and let a program take them.

    Raises
    ------
    BenchmarkError
        If it ends before its time.
    """
    name = f"race-{uuid.uuid4().hex[:8]}"
    job = Job(
        bootstrap,
        f"{name}-payments",
        f"{name}-labels",
        f"{name}-out",
        contestant.n,
        seed,
    )
    create_topics(job)
    records = Records(job)
    send(job, job.payments, records.payments(0, job.warm))
    send(job, job.labels, records.labels(0, job.n))
    module = f"benchmarks.kafka.{contestant.module}"
    command = [python_of(contestant.module), "-m", module, job.text()]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen(command, cwd=ROOT, **pipes) as process,
        _bounded(process),
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline().strip() != "warm":
            raise BenchmarkError(f"{contestant} ended before it was warm")
        send(job, job.payments, records.payments(job.warm, job.warm + job.n))
        send(job, job.labels, records.labels(job.n, 2 * job.n))
        process.stdin.write("go\n")
        process.stdin.flush()
        answer = process.stdout.readline()
    delete_topics(job)
    if not answer:
        raise BenchmarkError(f"{contestant} ended before it was done")
    said = json.loads(answer)
    return Took(Times(**said["times"]) / job.n, said["told"])
