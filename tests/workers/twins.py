"""Two workers on the same payments, one of which suffers: both must say, and become, the same.

What a state becomes depends on how payments and labels interleave, and payments of several
partitions. So each kind has one partition here, or each partition a state, and labels are sent
when the payments before them were taken.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from workers.worker_site import LABELS, PARTITIONS, SECONDS, TRANSACTIONS, Site

from models.states.snapshot import pack
from stream.snapshots.folder import SnapshotFolder

MORE = """
guarantee = "{guarantee}"
state = "{state}"
partial_features = true
[model]
frauds_min = 5
genuine_min = 20
[decision]
review = 0.2
[recovery]
folder = "{folder}"
snapshot_interval = "{interval}"
"""
CLIENT = """
"session.timeout.ms" = 6000
"heartbeat.interval.ms" = 500
"""
OUTPUTS = ("alerts", "decisions", "dead_letters", "label_reviews", "drift")
# Between payments, and before the first: nothing is too late, and nothing in the future.
STEP_US, AGO_US = 20_000, 200_000_000


def site_of(
    folder: Path,
    bootstrap: str,
    guarantee: str = "at_least_once",
    state: str = "whole",
    client: str = CLIENT,
    interval: str = "1s",
) -> Site:
    """Return a site with its topics, whose workers leave a state behind."""
    folder.mkdir(exist_ok=True)
    of = {"folder": folder / "state", "interval": interval}
    site = Site(folder, bootstrap, client, MORE.format(guarantee=guarantee, state=state, **of))
    site.create_topics()
    deadline = time.monotonic() + SECONDS
    while _committed(site, "transactions") is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return site


def twin_of(site: Site, folder: Path, **given: Any) -> Site:
    """Return a site that reads the same topics and has all else of its own."""
    twin = site_of(folder, site.bootstrap, **given)
    for path in (twin.config, twin.folder / "registry" / "registry.toml"):
        text = path.read_text()
        for name in ("transactions", "labels"):
            text = text.replace(f'"{twin.topics[name]}', f'"{site.topics[name]}')
        path.write_text(text)
    for name in ("transactions", "labels"):
        twin.topics[name] = site.topics[name]
    return twin


class Payments:
    """Payments with frauds among them, and labels of all of them, of fixed times.

    Parameters
    ----------
    site : Site
    seed : int
    partitions : int
        Over how many they are spread, by their cards; labels go where their payment went.
    """

    def __init__(self, site: Site, seed: int, partitions: int = 1) -> None:
        from confluent_kafka import Producer

        settings: dict[str, Any] = {"bootstrap.servers": site.bootstrap, "log_level": 0}
        # Partitions may be added.
        settings |= {"enable.idempotence": True, "topic.metadata.refresh.interval.ms": 500}
        self._producer = Producer(settings)
        self._site, self._partitions = site, partitions
        self._rng = np.random.default_rng(seed)
        self._begun_us = time.time_ns() // 1000 - AGO_US
        self._frauds: list[bool] = []
        self._labelled = 0
        self.sent: list[str] = []
        self.records: list[tuple[bytes, str, int, int]] = []

    def pay(self, n: int) -> None:
        """Send so many payments."""
        for number in range(len(self.sent), len(self.sent) + n):
            fraud = bool(self._rng.random() < 0.2)
            payment = {
                "transaction_id": f"t-{number}",
                "event_time": self._begun_us + number * STEP_US,
                "amount_minor": int(self._rng.lognormal(10 if fraud else 7, 1)),
                "card_id": f"card-{number % 50}",
                "merchant_id": f"shop-{number % 7}",
            }
            self._frauds.append(fraud)
            self.sent.append(payment["transaction_id"])
            at_ms = payment["event_time"] // 1000
            record = TRANSACTIONS.encode(payment), payment["card_id"], number % 50, at_ms
            self.records.append(record)
            self._send("transactions", *record)
        assert self._producer.flush(SECONDS) == 0

    def again(self, first: int, behind: int) -> None:
        """Send payments a second time, as they were."""
        for record in self.records[first:behind]:
            self._send("transactions", *record)
        assert self._producer.flush(SECONDS) == 0

    def label(self) -> None:
        """Send the labels of all payments that have none yet."""
        now_us = self._begun_us + len(self.sent) * STEP_US
        for number in range(self._labelled, len(self.sent)):
            verdict = {"transaction_id": f"t-{number}", "is_fraud": self._frauds[number]}
            verdict |= {"label_time": now_us, "source": "CUSTOMER", "confidence": 1.0}
            self._send("labels", LABELS.encode(verdict), "desk", number % 50, now_us // 1000)
        self._labelled = len(self.sent)
        assert self._producer.flush(SECONDS) == 0

    def _send(self, name: str, value: bytes, key: str, card: int, at_ms: int) -> None:
        topic, partition = self._site.topics[name], card % self._partitions
        self._producer.produce(topic, value, key=key, partition=partition, timestamp=at_ms)
        self._producer.poll(0)


def taken(*sites: Site, seconds: float = SECONDS) -> None:
    """Wait until all input of sites was taken, and its offsets committed."""
    deadline = time.monotonic() + seconds
    for site in sites:
        for name in ("transactions", "labels"):
            while not _is_taken(site, name):
                assert time.monotonic() < deadline, (site.folder, name, site.ends(name))
                time.sleep(0.1)


def _is_taken(site: Site, name: str) -> bool:
    return _committed(site, name) == site.ends(name)


def _committed(site: Site, name: str) -> dict[int, int] | None:
    """Return the group's offsets; None of a broker that does not know its groups yet."""
    from confluent_kafka import KafkaError, KafkaException

    try:
        return site.committed(name)
    except KafkaException as failed:
        if failed.args[0].code() != KafkaError.NOT_COORDINATOR:
            raise
        return None


def said(site: Site) -> dict[str, Counter[tuple[Any, ...]]]:
    """Return every record that readers of committed records see, and how often it is there."""
    from workers.exactly_once import read_committed

    return {
        name: Counter((m.partition(), m.key(), m.value()) for m in read_committed(site, name))
        for name in OUTPUTS
    }


def became(site: Site) -> list[bytes]:
    """Return the states of the newest snapshots: one, or one of each partition."""
    root = site.folder / "state"
    folders = [max(each.glob("tenure-*")) for each in sorted(root.glob("partition-*"))] or [root]
    states = []
    for folder in folders:
        found = SnapshotFolder(folder).newest()
        assert found is not None
        assert found.refused == ()
        states += [pack(found.state.parts[name]) for name in ("engine", "held")]
    return states


def lost_and_repeated(
    ours: dict[str, Counter[tuple[Any, ...]]], theirs: dict[str, Counter[tuple[Any, ...]]]
) -> tuple[int, int]:
    """Return how many records of theirs are not among ours, and how many of ours come beyond."""
    lost = sum((theirs[name] - ours[name]).total() for name in OUTPUTS)
    return lost, sum((ours[name] - theirs[name]).total() for name in OUTPUTS)


assert PARTITIONS == 3
