"""The job as one writes it without this project: confluent-kafka, fastavro, dictionaries, River.

What it knows is not durable; see `detector`.
"""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message, Producer

from benchmarks.kafka.detector import Detector, reader_of
from benchmarks.kafka.job import Job
from benchmarks.kafka.watch import work_through
from stream.kafka.client import Connection


def main() -> None:
    """Consume, score, learn and publish, a record at a time."""
    job = Job.given()
    connection = Connection(job.bootstrap)
    producer = Producer(connection.producer())
    payment_of, label_of = reader_of("transaction"), reader_of("label")
    alerts = 0

    def alert(name: str, card: str, score: float) -> None:
        nonlocal alerts
        alerts += 1
        producer.produce(f"{job.out}-alerts", f"{name} {score}".encode(), card.encode())

    detector = Detector(alert)

    def work(messages: list[Message]) -> None:
        for message in messages:
            if message.topic() == job.payments:
                detector.pay(payment_of(message.value() or b""))
            else:
                detector.learn(label_of(message.value() or b""))
        producer.poll(0)

    def finish() -> dict[str, Any]:
        producer.flush(30.0)
        return {"alerts": alerts, **detector.told()}

    work_through(job, connection.consumer(f"{job.out}-plain"), work, finish)


if __name__ == "__main__":
    main()
