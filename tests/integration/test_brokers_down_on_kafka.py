"""All brokers away for a minute: no memory grows meanwhile, and all is taken when they are back."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from fault_log import injects
from workers.exactly_once import (
    PATIENT,
    CommittedReader,
    Traffic,
    assert_exactly_once,
    assert_none_lost,
)
from workers.lives import Lives
from workers.twins import site_of, taken
from workers.worker_site import DEADLINE_SECONDS, SECONDS

from stream.commands.worker import TIMED_OUT

if TYPE_CHECKING:
    from pathlib import Path

    from servers.kafka_server import KafkaServer

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.faults]
AWAY_S = 60
# Until then no broker gives up a transaction that the outage left open: partitions have leaders
# again when it is ended.
OUTLASTING = PATIENT + '"transaction.timeout.ms" = 90000\n'
GROWTH_MAX = 32 << 20


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
@injects(
    "all brokers away for a minute, and back",
    "a worker that cannot go on ends by name and is started again; memory does not grow; nothing "
    "is lost, no alert twice, with exactly_once nothing; all is taken in the end",
)
@pytest.mark.timeout(400)
def test_all_brokers_are_away_for_a_minute(
    tmp_path: Path, kafka_server: KafkaServer, guarantee: str
) -> None:
    site = site_of(tmp_path / "site", kafka_server.bootstrap, guarantee, client=OUTLASTING)
    reader, traffic = CommittedReader(site), Traffic(site, 6000, 300, 10)
    ends: list[str] = []
    memory: list[list[int]] = [[]]
    with Lives(site) as lives:
        reader.start()
        traffic.start()
        worker = lives.worker()

        def tend() -> None:
            """Start a worker that has ended again, as a supervisor does."""
            nonlocal worker
            if worker.ended.is_set():
                assert worker.status in (1, TIMED_OUT), worker.log()
                assert "Traceback" not in worker.log()
                ends.append(f"{worker.status}: {worker.log().splitlines()[-1][:300]}")
                worker = lives.worker()
                memory.append([])

        reader.wait_for_decisions(1500)
        kafka_server.kill()
        until = time.monotonic() + AWAY_S
        while time.monotonic() < until:
            time.sleep(1)
            tend()
            memory[-1].append(worker.resident())
        kafka_server.restart()
        reader.wait_for_decisions(len(traffic.sent), 2 * SECONDS, tend)
        traffic.finish(2 * SECONDS)
        reader.wait_for_decisions(len(traffic.sent), 2 * SECONDS, tend)
        tend()
        taken(site, seconds=2 * SECONDS)
        tend()
        assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()
    print(ends, [[each >> 20 for each in life[::10]] for life in memory])
    read = reader.finish()
    if guarantee == "exactly_once":
        if kafka_server.left_out_markers:
            pytest.skip("the broker left out the markers of a transaction (KAFKA-20734)")
        assert_exactly_once(site, traffic, read, 1)
    else:
        assert assert_none_lost(traffic, read, 1) == 0
    assert worker.report()["decisions"] == len(traffic.sent)
    for life in memory:
        # The first seconds of a worker are its beginning.
        assert not life[5:] or max(life[5:]) - life[5] < GROWTH_MAX, memory
