"""The job with Faust (faust-streaming), its state in dictionaries of the process, not durable.

It reads with aiokafka on uvloop, and takes events by hundreds, which is its fastest form. It runs
in an environment of its own; see `peers`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

import faust
import mode.loop

from benchmarks.kafka.detector import Detector, reader_of
from benchmarks.kafka.job import Job
from benchmarks.kafka.watch import Watch

_BATCH = 1024
_WITHIN_S = 0.05


def main() -> None:
    """Have one agent score and another learn, as many records at a time as are there."""
    mode.loop.use("uvloop")
    job = Job.given()
    folder = tempfile.TemporaryDirectory()
    payment_of, label_of = reader_of("transaction"), reader_of("label")
    found: list[tuple[str, str, float]] = []
    alerts = 0
    detector = Detector(lambda *alert: found.append(alert))
    app = faust.App(
        f"{job.out}-faust",
        broker=f"kafka://{job.bootstrap}",
        store="memory://",
        datadir=folder.name,
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        web_enabled=False,
    )
    raw = {"key_serializer": "raw", "value_serializer": "raw"}
    payments, labels = (app.topic(name, **raw) for name in (job.payments, job.labels))
    out = app.topic(f"{job.out}-alerts", **raw)

    def client() -> Any:
        """Return the consumer of aiokafka: Faust's own pause lets it fetch on."""
        return app.consumer._thread._consumer

    watch = Watch(
        job,
        lambda: client().pause(*client().assignment()),
        lambda: client().resume(*client().assignment()),
        lambda: {"alerts": alerts, **detector.told()},
    )

    def count(n: int) -> None:
        if watch.took(n):
            folder.cleanup()
            # It has no quick way to end, and there is nothing to keep.
            os._exit(0)

    @app.agent(payments)
    async def pay(stream: Any) -> None:
        nonlocal alerts
        async for values in stream.take(_BATCH, within=_WITHIN_S):
            for value in values:
                detector.pay(payment_of(value))
            for name, card, score in found:
                await out.send(key=card.encode(), value=f"{name} {score}".encode())
            alerts += len(found)
            found.clear()
            count(len(values))

    @app.agent(labels)
    async def learn(stream: Any) -> None:
        async for values in stream.take(_BATCH, within=_WITHIN_S):
            for value in values:
                detector.learn(label_of(value))
            count(len(values))

    # What it prints is what is told: Faust would take it for its log.
    faust.Worker(
        app, loglevel="ERROR", quiet=True, stdout=sys.stderr, redirect_stdouts=False
    ).execute_from_commandline()


if __name__ == "__main__":
    main()
