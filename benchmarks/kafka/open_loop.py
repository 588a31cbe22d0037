"""How long a payment takes from due to decided, while payments come whatever happens."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.kafka.job import Job, Records, create_topics, delete_topics, send
from benchmarks.kafka.peers import program as started

# Caches, connections and the group find their pace before it counts.
SKIPPED_S = 2
_BEFORE_BEGIN_NS = 500_000_000
_WARM_MIN = 20_000
# Labels come so many seconds after their payments.
_LABEL_LAG_S = 2


@dataclass(frozen=True)
class Load:
    """What is sent.

    Parameters
    ----------
    per_s : int
        Payments a second.
    seconds : int
        How long, those included that do not count.
    labelled : bool
        Whether as many labels come, to learn from.
    pause_s : float
        So long after the first payment the program begins.
    """

    per_s: int
    seconds: int
    labelled: bool = True
    pause_s: float = 0.0


def run(
    bootstrap: str, module: str, load: Load, seed: int, log: Path | None = None
) -> dict[str, Any]:
    """Let a program decide payments that come on schedule; return its latency in milliseconds.

    Parameters
    ----------
    bootstrap : str
    module : str
        Of `benchmarks.kafka`; it publishes something for every payment.
    load : Load
    seed : int
    log : Path, optional
        Where an interval log of HdrHistogram goes.

    Returns
    -------
    dict
        Percentiles, ``missing`` and ``caught_up_s`` of `end_to_end`, ``late_ms_max`` of
        `on_schedule`, ``cpu_us``, what the program took for a payment and its label, and
        ``counters``, what a program of ours counted.

    Raises
    ------
    BenchmarkError
        If a program ends before its time.
    """
    name = f"pace-{uuid.uuid4().hex[:8]}"
    job = Job(
        bootstrap,
        f"{name}-payments",
        f"{name}-labels",
        f"{name}-out",
        load.per_s * load.seconds,
        seed,
        warm=max(_WARM_MIN, 2 * _LABEL_LAG_S * load.per_s),
        labelled=load.labelled,
        per_s=load.per_s,
    )
    create_topics(job)
    records = Records(job)
    send(job, job.payments, records.payments(0, job.warm))
    send(job, job.labels, records.labels(0, job.labels_before))
    log_to = "" if log is None else str(log)
    reading = {
        **asdict(job),
        "skipped": SKIPPED_S * load.per_s,
        "log": log_to,
        "pause_s": load.pause_s,
    }
    with ExitStack() as stack:
        sender = stack.enter_context(started("on_schedule", job.text()))
        sender.hear("it was ready")
        program = stack.enter_context(started(module, job.text()))
        program.hear("it was warm")
        reader = stack.enter_context(started("end_to_end", json.dumps(reading)))
        reader.hear("it was ready")
        begin = str(time.monotonic_ns() + _BEFORE_BEGIN_NS)
        for each in (reader, sender):
            each.tell(begin)
        time.sleep(load.pause_s)
        program.tell("go")
        sent = json.loads(sender.hear("it had sent all"))
        took = json.loads(reader.hear("it had read all"))
        said = json.loads(program.hear("it was done"))
    delete_topics(job)
    cpu_us = said["times"]["cpu"] / job.n * 1e6
    return {**took, **sent, "cpu_us": cpu_us, "counters": said["told"].get("counters", {})}
