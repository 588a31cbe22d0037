"""Nothing but consumption: the limit of what a client of Kafka can do in Python."""

from __future__ import annotations

from confluent_kafka import Message

from benchmarks.kafka.job import Job
from benchmarks.kafka.watch import work_through
from stream.kafka.client import Connection


def main() -> None:
    """Take the records, look how long each is, and drop them."""
    job = Job.given()
    size = 0

    def work(messages: list[Message]) -> None:
        nonlocal size
        size += sum(len(message.value() or b"") for message in messages)

    settings = Connection(job.bootstrap).consumer(f"{job.out}-raw")
    work_through(job, settings, work, lambda: {"bytes": size})


if __name__ == "__main__":
    main()
