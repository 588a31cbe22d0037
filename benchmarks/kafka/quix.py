"""The job with Quix Streams in its fastest form: state in dictionaries of the process, not durable.

It runs in an environment of its own, for it wants another release of the client; see `peers`.
"""

from __future__ import annotations

from typing import Any

from quixstreams import Application

from benchmarks.kafka.detector import Detector, reader_of
from benchmarks.kafka.job import Job, Watch


def main() -> None:
    """Let the framework call what scores and what learns, a record at a time."""
    job, _ = Job.given()
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=f"{job.out}-quix",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="ERROR",
    )
    payment_of, label_of = reader_of("transaction"), reader_of("label")
    found: list[bytes] = []
    said = [0]
    detector = Detector(lambda name, card, score: found.append(f"{name} {score}".encode()))
    consumer = app._consumer

    def finish() -> dict[str, Any]:
        app._producer.flush(30.0)
        return {"alerts": said[0]}

    watch = Watch(
        job,
        lambda: consumer.pause(consumer.assignment()),
        lambda: consumer.resume(consumer.assignment()),
        finish,
    )

    def pay(value: bytes) -> list[bytes]:
        detector.pay(payment_of(value))
        alerts = found[:]
        found.clear()
        said[0] += len(alerts)
        return alerts

    def learn(value: bytes) -> None:
        detector.learn(label_of(value))

    def count(topic: str, partition: int, offset: int) -> None:
        if watch.took(1):
            app.stop()

    app._on_message_processed = count
    payments = app.topic(job.payments, value_deserializer="bytes")
    labels = app.topic(job.labels, value_deserializer="bytes")
    alerts = app.topic(f"{job.out}-alerts", value_serializer="bytes")
    app.dataframe(payments).apply(pay, expand=True).to_topic(alerts)
    app.dataframe(labels).update(learn)
    app.run()


if __name__ == "__main__":
    main()
