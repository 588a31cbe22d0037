"""Somebody is erased on a real Kafka; and card numbers are nowhere but where they came from."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from card_numbers import card_numbers, numbers_in
from fault_log import injects, repeats, seen
from kafka_server import delete_topics
from worker_site import (
    DEADLINE_SECONDS,
    LABELS,
    SECONDS,
    TOPICS,
    TRANSACTIONS,
    Running,
    Site,
    end_all,
)

from schemas.records import RecordCodec, builtin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.kafka

CONTROL = RecordCodec(builtin("control"), 8)
MORE = """
[model]
frauds_min = 3
genuine_min = 10
[decision]
review = 0.05
[recovery]
folder = "{folder}"
snapshot_interval = "1s"
"""


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def site(tmp_path: Path, kafka_bootstrap: str) -> Iterator[Site]:
    more = MORE.format(folder=tmp_path / "state")
    names = (*TOPICS, "control")
    site = Site(tmp_path, kafka_bootstrap, '"session.timeout.ms" = 6000', more, names)
    site.create_topics()
    yield site
    delete_topics(kafka_bootstrap, list(site.topics.values()))


class Sender:
    """Sends records and waits for them."""

    def __init__(self, site: Site) -> None:
        from confluent_kafka import Producer

        self.site = site
        self.sent = 0
        self._producer = Producer({"bootstrap.servers": site.bootstrap, "log_level": 0})

    def send(self, topic: str, value: bytes) -> None:
        self._producer.produce(self.site.topics[topic], value)
        assert self._producer.flush(SECONDS) == 0

    def pay(self, cards: list[str], n: int, rng: np.random.Generator) -> None:
        """Send payments, every fourth a fraud, and their labels."""
        for _ in range(n):
            name, now_us = f"t-{self.sent}", time.time_ns() // 1000
            fraud = self.sent % 4 == 0
            payment = {"transaction_id": name, "event_time": now_us, "merchant_id": "shop"}
            payment |= {"amount_minor": int(rng.lognormal(10 if fraud else 7, 1))}
            payment |= {"card_id": cards[self.sent % len(cards)]}
            self._producer.produce(self.site.topics["transactions"], TRANSACTIONS.encode(payment))
            label = {"transaction_id": name, "is_fraud": fraud, "source": "CUSTOMER"}
            label |= {"label_time": now_us + 1, "confidence": 1.0}
            self._producer.produce(self.site.topics["labels"], LABELS.encode(label))
            self.sent += 1
            time.sleep(0.002)
        assert self._producer.flush(SECONDS) == 0
        until(lambda: sum(self.site.ends("decisions").values()) >= self.sent)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def verified(site: Site, card: str) -> tuple[int, list[dict[str, Any]]]:
    arguments = ("erase", "card", card, "--verify", "--config", str(site.config), "--json")
    status, out, err = site.run(*arguments)
    assert out, err
    report = json.loads(out)
    assert report["found"] is bool(status)
    return status, report["files"]


def ordered(site: Site, card: str) -> None:
    arguments = ("erase", "card", card, "--config", str(site.config), "--json")
    status, out, err = site.run(*arguments)
    assert (status, out) == (2, "")
    assert "add --yes" in err
    status, out, err = site.run(*arguments, "--yes")
    assert status == 0, err
    assert card not in out + err
    (order,) = json.loads(out)["orders"]
    assert len(order["key"]) == 16


def stopped(worker: Running) -> dict[str, Any]:
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.err.read_text()
    return worker.report()


@injects(
    "kill -9 of a worker behind an order to erase, and no snapshot can be written",
    "no order lost: after the next start no file knows who was erased; no payment undecided",
)
@pytest.mark.slow
def test_who_is_erased_is_gone_and_stays_gone_though_the_worker_is_killed(site: Site) -> None:
    rng = np.random.default_rng(1)
    cards = card_numbers(rng, 12)
    folder = site.folder / "state"
    worker, sender = site.worker(), Sender(site)
    sender.pay(cards, 200, rng)
    until(lambda: any(folder.glob("snapshot-*.state")))
    until(lambda: verified(site, cards[0])[0] == 1)
    _, files = verified(site, cards[0])
    arrays = {name for each in files for name in each["arrays"]}
    assert {"engine/features/card/rows", "engine/waiting/subjects"} <= arrays

    # Erased while others go on paying.
    ordered(site, cards[0])
    sender.pay(cards[1:], 100, rng)
    until(lambda: verified(site, cards[0])[0] == 0)
    assert verified(site, cards[1])[0] == 1
    bad = {"kind": "ERASE", "entity": "nobody", "key": "0" * 15 + "1"}
    bad |= {"requested_at": time.time_ns() // 1000, "request_id": "r"}
    sender.send("control", CONTROL.encode(bad))
    until(lambda: sum(site.ends("dead_letters").values()) == 1)
    (letter,) = site.read("dead_letters")
    headers = dict(letter.headers())
    assert headers["__streams.errors.exception"] == b"control_unknown_entity"
    assert headers["fraudstream.stage"] == b"control"

    # Killed when the order was taken, and no snapshot could be written.
    newest = max(int(path.stem[-12:]) for path in folder.glob("snapshot-*.state"))
    blocks = [folder / f"snapshot-{newest + i:012d}.state.part" for i in range(1, 300)]
    for path in blocks:
        path.mkdir()
    ordered(site, cards[1])
    until(lambda: site.committed("control") == site.ends("control"))
    assert verified(site, cards[1])[0] == 1
    worker.process.kill()
    killed = worker.process.wait(10) == -signal.SIGKILL
    assert verified(site, cards[1])[0] == 1
    for path in blocks:
        path.rmdir()
    heir = site.worker()
    heir.wait_for('"recovered"')
    until(lambda: verified(site, cards[1])[0] == 0)
    assert verified(site, cards[2])[0] == 1
    sender.pay(cards[2:], 50, rng)
    report = stopped(heir)
    assert report["erasures"] == 2
    assert report["recovery"]["erasures_pending"] == 0
    known = sum(verified(site, card)[0] for card in cards[:2])
    decided = site.decided()
    ids = [dict(m.headers())["ce_id"] for m in site.read("alerts")]
    missing = sender.sent - len(decided)
    seen(int(killed), sender.sent + report["erasures"], missing + known, repeats(ids))
    assert known == 0
    assert sum(decided.values()) == sender.sent


@pytest.mark.slow
def test_card_numbers_are_in_no_file_no_log_and_no_output(site: Site) -> None:
    rng = np.random.default_rng(2)
    cards = card_numbers(rng, 12)
    folder = site.folder / "state"
    worker, sender = site.worker(), Sender(site)
    sender.pay(cards, 300, rng)
    # Refused, and its bytes are kept: a dead letter is as sensitive as what came in.
    payment = {"transaction_id": "t-x", "event_time": 1, "merchant_id": "shop", "amount_minor": 1}
    sender.send("transactions", TRANSACTIONS.encode({**payment, "card_id": cards[0]}))
    until(lambda: sum(site.ends("dead_letters").values()) > 0)
    until(lambda: any(folder.glob("snapshot-*.state")))
    sender.pay(cards, 20, rng)
    worker.process.kill()  # The journal goes on behind the newest snapshot.
    worker.process.wait(10)
    kept = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert any(name.startswith("snapshot") for name in kept)
    assert any(name.startswith("segment") for name in kept)
    kept["log"] = worker.err.read_bytes() + worker.out.read_bytes()
    for name in ("alerts", "decisions", "label_reviews"):
        for message in site.read(name):
            parts = [message.key(), message.value(), *(v for _, v in message.headers() or [])]
            kept[f"{name} {message.partition()} {message.offset()}"] = b" ".join(
                part or b"" for part in parts
            )
    assert sum(name.startswith("alerts") for name in kept) > 20
    for name, data in kept.items():
        assert numbers_in(data) == [], name
        assert not any(int(card).to_bytes(8, "little") in data for card in cards), name
        assert not any(card.encode() in data for card in cards), name
    # What is looked for would be found.
    (letter,) = site.read("dead_letters")
    assert cards[0].encode() in letter.value()
    assert numbers_in(b"x: " + cards[0].encode() + b", 1700000000000") == [cards[0]]
