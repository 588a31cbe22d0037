"""When the clock of a program starts and stops, and the loop of those that poll for themselves."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from confluent_kafka import Consumer, Message

from benchmarks.harness import Times, read_clocks
from benchmarks.kafka.job import Job

_BATCH = 1024


class Watch:
    """Counts what a program has taken, and times it; the program is told when to begin on stdin.

    Parameters
    ----------
    job : Job
    hold, go_on : callable
        Let the client fetch nothing, and fetch again: what is fetched while the records are being
        sent would cost no time.
    finish : callable
        Waits until all output is acknowledged; returns what else is to be told.
    """

    def __init__(
        self,
        job: Job,
        hold: Callable[[], object],
        go_on: Callable[[], object],
        finish: Callable[[], dict[str, Any]],
    ) -> None:
        self._job, self._hold, self._go_on, self._finish = job, hold, go_on, finish
        self._taken = 0
        self._began: Times | None = None

    def took(self, n: int) -> bool:
        """Note that so many records were taken; tell whether it was the last."""
        self._taken += n
        if self._began is None:
            if self._taken >= self._job.warm + self._job.labels_before:
                self._begin()
        elif self._taken >= self._job.timed:
            self._end(self._began)
            return True
        return False

    def _begin(self) -> None:
        self._hold()
        gc.collect()
        print("warm", flush=True)
        sys.stdin.readline()
        self._began, self._taken = read_clocks(), 0
        self._go_on()

    def _end(self, began: Times) -> None:
        told = self._finish()
        times = read_clocks() - began
        print(json.dumps({"times": asdict(times), "told": told}), flush=True)


def holding(consumer: Any, job: Job) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return what lets a consumer fetch nothing of a job, and what lets it fetch again.

    Partitions of other topics are left alone: a framework may have paused its own for good.
    """

    def of_the_job() -> list[Any]:
        return [each for each in consumer.assignment() if each.topic in (job.payments, job.labels)]

    return lambda: consumer.pause(of_the_job()), lambda: consumer.resume(of_the_job())


def work_through(
    job: Job,
    settings: dict[str, Any],
    work: Callable[[list[Message]], object],
    finish: Callable[[], dict[str, Any]],
) -> None:
    """Consume a job's records, and let a program work on what each poll brings.

    Parameters
    ----------
    job : Job
    settings : dict
        Of a consumer whose group is new.
    work : callable
        Takes the messages of a poll.
    finish : callable
        See `Watch`.
    """
    consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
    consumer.subscribe([job.payments, job.labels])
    watch, ended = Watch(job, *holding(consumer, job), finish), False
    while not ended:
        first = consumer.poll(0.1)
        messages = [] if first is None else [first, *consumer.consume(_BATCH - 1, 0)]
        messages = [message for message in messages if message.error() is None]
        if messages:
            work(messages)
            consumer.commit(asynchronous=True)
        ended = watch.took(len(messages))
    consumer.close()
