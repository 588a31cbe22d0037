"""The job with Quix Streams in its fastest form: state in dictionaries of the process, not durable.

It runs in an environment of its own, for it wants another release of the client; see `peers`.
"""

from __future__ import annotations

import tempfile
from typing import Any

from quixstreams import Application

from benchmarks.kafka.detector import Detector, reader_of
from benchmarks.kafka.job import Job
from benchmarks.kafka.watch import Watch, holding


def main() -> None:
    """Let the framework call what scores and what learns, a record at a time."""
    job = Job.given()
    payment_of, label_of = reader_of("transaction"), reader_of("label")
    found: list[bytes] = []
    alerts = 0
    detector = Detector(lambda name, card, score: found.append(f"{name} {score}".encode()))

    def count(topic: str, partition: int, offset: int) -> None:
        if watch.took(1):
            app.stop()

    folder = tempfile.TemporaryDirectory()
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=f"{job.out}-quix",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="ERROR",
        on_message_processed=count,
        # It makes a folder for its states even if there are none.
        state_dir=folder.name,
    )

    def finish() -> dict[str, Any]:
        app._producer.flush(30.0)
        return {"alerts": alerts, **detector.told()}

    watch = Watch(job, *holding(app._consumer, job), finish)

    def pay(value: bytes) -> list[bytes]:
        nonlocal alerts
        detector.pay(payment_of(value))
        said = found[:]
        found.clear()
        alerts += len(said)
        return said

    payments = app.topic(job.payments, value_deserializer="bytes")
    labels = app.topic(job.labels, value_deserializer="bytes")
    out = app.topic(f"{job.out}-alerts", value_serializer="bytes")
    app.dataframe(payments).apply(pay, expand=True).to_topic(out)
    app.dataframe(labels).update(lambda value: detector.learn(label_of(value)))
    app.run()
    folder.cleanup()


if __name__ == "__main__":
    main()
