"""Read what comes out, and tell how long after its payment was due."""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, TopicPartition
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter
from numpy.typing import NDArray

from benchmarks.kafka.job import Job
from benchmarks.kafka.on_schedule import due_ns
from stream.kafka.client import Connection

_SILENCE_S = 15.0
# More than that is no latency but a backlog.
_BACKLOG_NS = 1_000_000_000
_TIMEOUT_S = 10.0
_ID_LENGTH_AT = 5
_HIGHEST_US, _DIGITS, _US_IN_MS = 600_000_000, 3, 1000.0
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


def number_of(value: bytes) -> int:
    """Return which payment a payment or a decision is of: both begin with their id, ``t-123``."""
    length = value[_ID_LENGTH_AT] >> 1
    return int(value[_ID_LENGTH_AT + 3 : _ID_LENGTH_AT + 1 + length])


def from_end(job: Job) -> Consumer:
    """Return a consumer of the decisions that come from now on."""
    settings = Connection(job.bootstrap).consumer(f"{job.out}-reader")
    consumer = Consumer({**settings, "enable.auto.commit": False})
    places = [TopicPartition(job.decisions, partition) for partition in range(job.partitions)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)[1]
    consumer.assign(places)
    return consumer


def read(job: Job, consumer: Consumer, begin_ns: int, pause_s: float = 0.0) -> NDArray[np.int64]:
    """Return the nanoseconds from due to read of every payment; -1 of one that nobody decided.

    It ends when all were, or when nobody decided anything for a while after the pause.
    """
    took_ns = np.full(job.n, -1)
    missing, heard_s = job.n, time.monotonic() + pause_s
    while missing and time.monotonic() - heard_s < _SILENCE_S:
        messages = consumer.consume(1, 0.1) + consumer.consume(10_000, 0)
        now_ns = time.monotonic_ns()
        for message in messages:
            k = number_of(message.value() or b"") - job.warm
            # What came before the clock may still be on its way.
            if k >= 0 and took_ns[k] < 0:
                took_ns[k] = now_ns - due_ns(job, begin_ns, k)
                missing -= 1
                heard_s = time.monotonic()
    return took_ns


def summed(took_ns: NDArray[np.int64], skipped: int) -> dict[str, Any]:
    """Return the percentiles in milliseconds, of all but the first payments."""
    counted = took_ns[skipped:]
    found = counted[counted >= 0] / 1e6
    at = np.percentile(found, list(PERCENTILES.values()), method="higher")
    missing = int((took_ns < 0).sum())
    return {**dict(zip(PERCENTILES, at.tolist(), strict=True)), "missing": missing}


def caught_up_s(took_ns: NDArray[np.int64], per_s: int) -> float:
    """Return how long after the first was due the last was read that had to wait for a backlog."""
    late = np.flatnonzero(took_ns > _BACKLOG_NS)
    return float((late / per_s + took_ns[late] / 1e9).max(initial=0.0))


def write_log(path: Path, took_ns: NDArray[np.int64], per_s: int) -> None:
    """Write an interval log of HdrHistogram, in microseconds, one interval for a second due."""
    with path.open("w", encoding="utf-8") as file:
        log = HistogramLogWriter(file)
        log.output_log_format_version()
        log.output_legend()
        for second, some in enumerate(np.array_split(took_ns, range(per_s, len(took_ns), per_s))):
            histogram = HdrHistogram(1, _HIGHEST_US, _DIGITS)
            for us in np.maximum(some[some >= 0] // 1000, 1).tolist():
                histogram.record_value(min(us, _HIGHEST_US))
            histogram.set_start_time_stamp(second * 1000)
            histogram.set_end_time_stamp((second + 1) * 1000)
            log.output_interval_histogram(histogram, max_value_unit_ratio=_US_IN_MS)


def main() -> None:
    """Read from the time that stdin gives; the argument is a job, and which are skipped."""
    given = json.loads(sys.argv[1])
    skipped, log, pause_s = (given.pop(name) for name in ("skipped", "log", "pause_s"))
    job = Job(**given)
    consumer = from_end(job)
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    begin_ns = int(sys.stdin.readline())
    took_ns = read(job, consumer, begin_ns, pause_s)
    consumer.close()
    if (took_ns[skipped:] < 0).all():
        raise SystemExit("no payment was decided: does the program publish decisions?")
    if log:
        write_log(Path(log), took_ns, job.per_s)
    found = {**summed(took_ns, skipped), "caught_up_s": caught_up_s(took_ns, job.per_s)}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
