"""Nothing but consumption: the limit of what a client of Kafka can do in Python."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Consumer

from benchmarks.kafka.job import Job, Watch
from stream.kafka.client import Connection


def main() -> None:
    """Take the records and drop them."""
    job, _ = Job.given()
    consumer = Consumer(
        {**Connection(job.bootstrap).consumer(f"{job.out}-raw"), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([job.payments, job.labels])
    sizes = [0]

    def take() -> int:
        first = consumer.poll(0.1)
        if first is None:
            return 0
        messages = [first, *consumer.consume(1023, 0)]
        messages = [message for message in messages if message.error() is None]
        sizes[0] += sum(len(message.value() or b"") for message in messages)
        return len(messages)

    def finish() -> dict[str, Any]:
        return {"bytes": sizes[0]}

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
