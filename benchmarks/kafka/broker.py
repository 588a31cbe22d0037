"""A real broker for benchmarks: the one that `KAFKA_BOOTSTRAP` names, or one of its own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from benchmarks.machine import ROOT

_SECONDS_MAX = 60.0
_NOT_YET = {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}


@contextmanager
def broker() -> Iterator[str]:
    """Give the `bootstrap.servers` of a broker that runs until the end of the block."""
    given = os.environ.get("KAFKA_BOOTSTRAP")
    if given:
        yield given
        return
    # Tests know how to fetch and start one.
    sys.path.append(str(ROOT / "tests"))
    from servers.kafka_server import KafkaServer

    with KafkaServer() as server:
        _await_coordinator(server.bootstrap)
        yield server.bootstrap


def _await_coordinator(bootstrap: str) -> None:
    """Wait until groups can commit: a new broker answers before it has made a place for it."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody"})
    deadline_s = time.monotonic() + _SECONDS_MAX
    try:
        while True:
            try:
                consumer.committed([TopicPartition("none", 0)], _SECONDS_MAX)
                return
            except KafkaException as error:
                if error.args[0].code() not in _NOT_YET or time.monotonic() > deadline_s:
                    raise
            time.sleep(0.1)
    finally:
        consumer.close()
