"""As `quix`, with every entity's payments as lists in its state store, which is durable.

The store is RocksDB on the disk, and each change of it goes to a topic as well. A store is of one
partition and of one key: here there is one partition, all of whose payments have the same, so that
merchants and devices need no topics of their own and no payment has to be put together again.
Model and waiting payments are as in `quix`.
"""

from __future__ import annotations

import tempfile
from typing import Any

from confluent_kafka.admin import AdminClient
from quixstreams import Application, State
from quixstreams.models import BytesDeserializer

from benchmarks.baselines_features import StoredWindows
from benchmarks.kafka.detector import WINDOWS_US, Detector, reader_of
from benchmarks.kafka.job import Job
from benchmarks.kafka.watch import Watch, holding


class OneKey(BytesDeserializer):  # type: ignore[misc]  # It is typed where it is installed.
    """Every record of a partition has the same key."""

    def __call__(self, value: bytes, ctx: Any) -> bytes:
        """Return it."""
        return b"all"


def main() -> None:
    """Let the framework call what scores and what learns, a record at a time."""
    job = Job.given()
    payment_of, label_of = reader_of("transaction"), reader_of("label")
    found: list[bytes] = []
    alerts = 0
    windows = StoredWindows(WINDOWS_US)
    detector = Detector(lambda name, card, score: found.append(f"{name} {score}".encode()), windows)

    def count(topic: str, partition: int, offset: int) -> None:
        if watch.took(1):
            app.stop()

    def finish() -> dict[str, Any]:
        app._producer.flush(30.0)
        return {"alerts": alerts, **detector.told()}

    def pay(value: bytes, state: State) -> list[bytes]:
        nonlocal alerts
        windows.store = state
        detector.pay(payment_of(value))
        said = found[:]
        found.clear()
        alerts += len(said)
        return said

    with tempfile.TemporaryDirectory() as folder:
        app = Application(
            broker_address=job.bootstrap,
            consumer_group=f"{job.out}-quix",
            auto_offset_reset="earliest",
            loglevel="ERROR",
            on_message_processed=count,
            state_dir=folder,
        )
        watch = Watch(job, *holding(app._consumer, job), finish)
        payments = app.topic(job.payments, key_deserializer=OneKey(), value_deserializer="bytes")
        labels = app.topic(job.labels, value_deserializer="bytes")
        out = app.topic(f"{job.out}-alerts", value_serializer="bytes")
        app.dataframe(payments).apply(pay, stateful=True, expand=True).to_topic(out)
        app.dataframe(labels).update(lambda value: detector.learn(label_of(value)))
        app.run()
    admin = AdminClient({"bootstrap.servers": job.bootstrap})
    changelogs = [name for name in admin.list_topics().topics if name.startswith("changelog__")]
    for gone in admin.delete_topics([name for name in changelogs if job.out in name]).values():
        gone.result(30.0)


if __name__ == "__main__":
    main()
