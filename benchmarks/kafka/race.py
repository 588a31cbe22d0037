"""Have programs do the same job on the same broker, one after another, each in its own process."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import BenchmarkError, Times
from benchmarks.kafka.job import (
    ENTITIES,
    PARTITIONS,
    Job,
    Records,
    create_topics,
    delete_topics,
    send,
)
from benchmarks.kafka.peers import program as started


@dataclass(frozen=True)
class Contestant:
    """A program.

    Parameters
    ----------
    module : str
        Of `benchmarks.kafka`.
    n : int
        Payments and labels that are timed.
    partitions : int
        Of each topic.
    """

    module: str
    n: int
    partitions: int = PARTITIONS


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


def run(bootstrap: str, contestant: Contestant, seed: int) -> Took:
    """Put the records on new topics, and let a program take them.

    Raises
    ------
    BenchmarkError
        If it ends before its time, or did another job.
    """
    name = f"race-{uuid.uuid4().hex[:8]}"
    job = Job(
        bootstrap,
        f"{name}-payments",
        f"{name}-labels",
        f"{name}-out",
        contestant.n,
        seed,
        partitions=contestant.partitions,
    )
    create_topics(job)
    records = Records(job)
    send(job, job.payments, records.payments(0, job.warm))
    send(job, job.labels, records.labels(0, job.labels_before))
    with started(contestant.module, job.text()) as program:
        program.hear("it was warm")
        send(job, job.payments, records.payments(job.warm, job.warm + job.n))
        labels = job.labels_before, job.labels_before + job.n
        send(job, job.labels, records.labels(*labels))
        program.tell("go")
        said = json.loads(program.hear("it was done"))
    delete_topics(job)
    require_right(job, records, said["told"])
    return Took(Times(**said["times"]) / job.n, said["told"])


def require_right(job: Job, records: Records, told: dict[str, Any]) -> None:
    """Refuse what a peer did if its features are wrong or if it did not learn from every label.

    Parameters
    ----------
    job : Job
    records : Records
    told : dict
        See `Detector.told`; ``last`` is taken out. Programs that do not tell are let pass.

    Raises
    ------
    BenchmarkError
    """
    if "last" not in told:
        return
    name, features = told.pop("last")
    # Payments of one card are in one partition, those of a merchant come in no order but here.
    of = tuple(ENTITIES) if job.partitions == 1 else ("card",)
    for feature, expected in records.features(int(name.removeprefix("t-")), of).items():
        if features[feature] != expected:
            found = features[feature]
            raise BenchmarkError(f"{feature} of payment {name} is {found}, not {expected}")
    if told["learned"] < job.n:
        raise BenchmarkError(f"{told['learned']} labels were learned, not {job.n}")
