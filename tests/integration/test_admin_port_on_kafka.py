"""The admin port of a worker on a real Kafka: readiness, metrics, and an end in time."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from inputs.payments import Payments
from prometheus_client.parser import text_string_to_metric_families as parse
from workers.worker_site import DEADLINE_SECONDS, SECONDS, Sender, Site, remembering, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
TOKEN = "sixteen-letters-at-least"
ADMIN = """
[admin]
port = {port}
token = "{token}"
"""
Labels = frozenset[tuple[str, str]]


class Port:
    """Asks a worker's admin port."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, token: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()
        except urllib.error.URLError as none:
            return 0, str(none)

    def metrics(self) -> dict[str, dict[Labels, float]]:
        status, text = self.get("/metrics", TOKEN)
        assert status == 200, text
        found: dict[str, dict[Labels, float]] = {}
        for family in parse(text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
        return found

    def total(self, name: str, **labels: str) -> float:
        samples = self.metrics().get(name, {})
        return sum(n for key, n in samples.items() if labels.items() <= dict(key).items())

    def board(self) -> Any:
        status, text = self.get("/api/board", TOKEN)
        assert status == 200, text
        return json.loads(text)["board"]

    def watch(self) -> socket.socket:
        """Open the page's stream of boards, and read the first of them."""
        connection = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        head = f"Host: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        connection.sendall(f"GET /api/stream HTTP/1.1\r\n{head}".encode())
        found = b""
        while b'"version"' not in found:
            found += connection.recv(65_536)
        return connection

    def hang(self) -> socket.socket:
        """Begin to ask, and go no further."""
        connection = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: local")
        return connection


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_a_worker_tells_how_it_stands_from_its_start_to_its_end(
    site_factory: Callable[..., Site], tmp_path: Path
) -> None:
    port = Port(free_port())
    more = remembering(tmp_path / "state") + ADMIN.format(port=port.port, token=TOKEN)
    site = site_factory(more)
    sender = Sender(site, Payments(1))

    worker = site.worker()
    until(lambda: port.get("/livez")[0] == 200)
    until(lambda: port.get("/readyz") == (200, "ready\n"))
    assert port.get("/metrics")[0] == 401
    # A tenth of a second apart, so that learning barriers are passed.
    began_us = time.time_ns() // 1000 - 60_000_000
    for number in range(400):
        sender.pay(event_time=began_us + number * 100_000)
    sender.flush()
    topic, labels = site.topics["transactions"], site.topics["labels"]
    until(lambda: port.total("fraud_events_total", topic=labels) == 350)
    # They are learned at the next barrier, which is passed once every partition has come further.
    for number in range(400, 500):
        sender.pay(event_time=began_us + number * 100_000)
    sender.flush()
    until(lambda: port.total("fraud_events_total", topic=topic) == 500)
    until(lambda: port.total("fraud_events_total", topic=labels) == 450)
    assert port.total("fraud_learn_total", source="label") >= 350
    assert port.total("fraud_scoring_seconds_count") == 500
    assert 0 < port.total("fraud_label_delay_seconds_count") <= 450
    assert port.total("fraud_partitions_assigned") == 6
    lags = port.metrics()["fraud_consumer_lag_records"]
    assert set(lags.values()) == {0.0}
    until(lambda: port.total("fraud_snapshots_total", result="written") > 0)
    assert port.total("fraud_snapshot_age_seconds") < SECONDS
    learned = port.total("fraud_model_labels_learned")
    assert learned == port.total("fraud_learn_total")
    board = port.board()
    assert board["about"]["bootstrap"] == site.bootstrap
    assert sum(window["decisions"] for window in board["quality"]["windows"]) == 500
    assert port.get("/")[0] == port.get("/api/board")[0] == port.get("/api/stream")[0] == 401
    # A browser that only listens, and one that never asks to the end.
    connections = [*(port.hang() for _ in range(3)), *(port.watch() for _ in range(3))]
    begun = time.monotonic()
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.err.read_text()
    assert time.monotonic() - begun < DEADLINE_SECONDS
    for connection in connections:
        connection.close()
    events = [json.loads(line)["event"] for line in worker.err.read_text().splitlines()]
    assert events.index("admin_port") < events.index("kernels_ready") < events.index("ready")
    assert TOKEN not in worker.err.read_text()

    # The next one knows what this one learned, and counts what it does itself.
    heir = site.worker()
    until(lambda: port.get("/readyz")[0] == 200)
    for number in range(50):
        sender.pay(event_time=began_us + 50_000_000 + number * 100_000)
    sender.flush()
    until(lambda: port.total("fraud_events_total", topic=topic) == 50)
    until(lambda: port.total("fraud_events_total", topic=labels) == 50)
    # What happened before is on the page of the next one too.
    kinds = [marker["kind"] for marker in port.board()["markers"]]
    assert kinds.count("start") == 2
    assert port.total("fraud_model_labels_learned") >= learned
    grown = port.total("fraud_model_labels_learned") - learned
    # How many the first one had learned when it was asked depends on its batches.
    assert port.total("fraud_learn_total") == grown < learned + grown
    assert port.total("fraud_end_to_end_seconds_count") == 50
    assert heir.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, heir.err.read_text()
    assert heir.report()["decisions"] == 550
