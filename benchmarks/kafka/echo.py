"""The least that a program between two topics can do: what comes in goes out as it is."""

from __future__ import annotations

from confluent_kafka import Message, Producer

from benchmarks.kafka.job import Job
from benchmarks.kafka.watch import work_through
from stream.kafka.client import Connection


def main() -> None:
    """Put every payment where ours puts its decision; drop the labels."""
    job = Job.given()
    connection = Connection(job.bootstrap)
    producer = Producer(connection.producer())

    def work(messages: list[Message]) -> None:
        for message in messages:
            if message.topic() == job.payments:
                producer.produce(job.decisions, message.value(), message.key())
        producer.poll(0)

    def finish() -> dict[str, int]:
        return {"unsent": producer.flush(30.0)}

    work_through(job, connection.consumer(f"{job.out}-echo"), work, finish)


if __name__ == "__main__":
    main()
