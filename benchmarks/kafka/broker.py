"""A real broker for benchmarks: the one that `KAFKA_BOOTSTRAP` names, or one of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.machine import ROOT


@contextmanager
def broker() -> Iterator[str]:
    """Give the `bootstrap.servers` of a broker that runs until the end of the block."""
    given = os.environ.get("KAFKA_BOOTSTRAP")
    if given:
        yield given
        return
    # Tests know how to fetch and start one.
    sys.path.append(str(ROOT / "tests"))
    from kafka_server import KafkaServer

    with KafkaServer() as server:
        yield server.bootstrap
