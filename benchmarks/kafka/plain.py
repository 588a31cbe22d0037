"""The job as one writes it without this project: confluent-kafka, fastavro, dictionaries, River.

What it knows is not durable; see `detector`.
"""

from __future__ import annotations

from typing import Any

from confluent_kafka import Consumer, Producer

from benchmarks.kafka.detector import Detector, reader_of
from benchmarks.kafka.job import Job, Watch
from stream.kafka.client import Connection

_BATCH = 1024


def main() -> None:
    """Consume, score, learn and publish, a record at a time."""
    job, _ = Job.given()
    connection = Connection(job.bootstrap)
    consumer = Consumer(
        {**connection.consumer(f"{job.out}-plain"), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([job.payments, job.labels])
    producer = Producer(connection.producer())
    payment_of, label_of = reader_of("transaction"), reader_of("label")
    said = [0]

    def alert(name: str, card: str, score: float) -> None:
        said[0] += 1
        producer.produce(f"{job.out}-alerts", f"{name} {score}".encode(), card.encode())

    detector = Detector(alert)

    def take() -> int:
        first = consumer.poll(0.1)
        if first is None:
            return 0
        messages = [first, *consumer.consume(_BATCH - 1, 0)]
        messages = [message for message in messages if message.error() is None]
        for message in messages:
            if message.topic() == job.payments:
                detector.pay(payment_of(message.value() or b""))
            else:
                detector.learn(label_of(message.value() or b""))
        producer.poll(0)
        consumer.commit(asynchronous=True)
        return len(messages)

    def finish() -> dict[str, Any]:
        producer.flush(30.0)
        return {"alerts": said[0]}

    watch = Watch(
        job,
        lambda: consumer.pause(consumer.assignment()),
        lambda: consumer.resume(consumer.assignment()),
        finish,
    )
    while not watch.took(take()):
        pass
    consumer.close()


if __name__ == "__main__":
    main()
