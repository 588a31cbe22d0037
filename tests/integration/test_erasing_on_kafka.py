"""Somebody is erased on a real Kafka; and card numbers are nowhere but where they came from."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fault_log import injects, repeats, seen
from inputs.card_numbers import card_numbers, numbers_in
from inputs.payments import TRANSACTIONS, Payments
from inputs.published import published
from workers.worker_site import TOPICS, Sender, Site, end_well, remembering, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.lives import Lives

pytestmark = pytest.mark.kafka

CONTROL = published("control")


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    more = remembering(tmp_path / "state", "1s", review=0.05)
    return site_factory(more, names=(*TOPICS, "control"))


def pay(site: Site, sender: Sender, cards: list[str], n: int) -> None:
    """Send payments and their labels, and wait until they are decided."""
    for _ in range(n):
        sender.pay(card_id=cards[len(sender.sent) % len(cards)])
        time.sleep(0.002)
    sender.flush()
    until(lambda: sum(site.ends("decisions").values()) >= len(sender.sent))


def pay_until_alerted(site: Site, sender: Sender, cards: list[str]) -> None:
    """Send payments until there are alerts: a model learns when it can, not at once."""

    def alerted() -> bool:
        pay(site, sender, cards, 50)
        return sum(site.ends("alerts").values()) > 20

    until(alerted)


def refused_orders(site: Site) -> list[bytes]:
    """Return why orders are dead letters; labels that wait for who is erased are some too."""
    headers = [dict(message.headers()) for message in site.read("dead_letters")]
    return [
        each["__streams.errors.exception"]
        for each in headers
        if each["fraudstream.stage"] == b"control"
    ]


class Eraser:
    """The command that erases, and says whether somebody is known."""

    def __init__(self, site: Site, lives: Lives) -> None:
        self._run, self._config = lives.run, str(site.config)

    def known(self, card: str) -> bool:
        return bool(self.files(card)[0])

    def files(self, card: str) -> tuple[int, list[dict[str, Any]]]:
        """Return the status of the command, and what it says of each file."""
        status, out, err = self._erase(card, "--verify")
        assert out, err
        report = json.loads(out)
        assert report["found"] is bool(status)
        return status, report["files"]

    def order(self, card: str) -> None:
        status, out, err = self._erase(card)
        assert (status, out) == (2, "")
        assert "add --yes" in err
        status, out, err = self._erase(card, "--yes")
        assert status == 0, err
        assert card not in out + err
        (order,) = json.loads(out)["orders"]
        assert len(order["key"]) == 16

    def _erase(self, card: str, *more: str) -> tuple[int, str, str]:
        return self._run("erase", "card", card, *more, "--config", self._config, "--json")


@injects(
    "kill -9 of a worker behind an order to erase, and no snapshot can be written",
    "no order lost: after the next start no file knows who was erased; no payment undecided",
)
@pytest.mark.slow
def test_who_is_erased_is_gone_and_stays_gone_though_the_worker_is_killed(
    site: Site, lives: Lives
) -> None:
    cards = card_numbers(np.random.default_rng(1), 12)
    folder = site.folder / "state"
    worker, sender, eraser = (
        lives.started(),
        Sender(site, Payments(1), behind=0),
        Eraser(site, lives),
    )
    pay_until_alerted(site, sender, cards)
    until(lambda: any(folder.glob("snapshot-*.state")))
    until(lambda: eraser.known(cards[0]))
    _, files = eraser.files(cards[0])
    arrays = {name for each in files for name in each["arrays"]}
    assert {"engine/features/card/rows", "engine/waiting/subjects"} <= arrays

    # Erased while others go on paying.
    eraser.order(cards[0])
    pay(site, sender, cards[1:], 100)
    until(lambda: not eraser.known(cards[0]))
    assert eraser.known(cards[1])
    bad = {"kind": "ERASE", "entity": "nobody", "key": "0" * 15 + "1"}
    bad |= {"requested_at": time.time_ns() // 1000, "request_id": "r"}
    sender.send("control", CONTROL.encode(bad), "order")
    until(lambda: len(refused_orders(site)) > 0)
    assert refused_orders(site) == [b"control_unknown_entity"]

    # Killed when the order was taken, and no snapshot could be written.
    newest = max(int(path.stem[-12:]) for path in folder.glob("snapshot-*.state"))
    blocks = [folder / f"snapshot-{newest + i:012d}.state.part" for i in range(1, 300)]
    for path in blocks:
        path.mkdir()
    eraser.order(cards[1])
    site.wait_until_committed("control")
    assert eraser.known(cards[1])
    killed = worker.end(signal.SIGKILL, 10) == -signal.SIGKILL
    assert eraser.known(cards[1])
    for path in blocks:
        path.rmdir()
    heir = lives.started()
    heir.wait_for('"recovered"')
    until(lambda: not eraser.known(cards[1]))
    assert eraser.known(cards[2])
    pay(site, sender, cards[2:], 50)
    end_well(heir)
    report = heir.report()
    assert report["erasures"] == 2
    assert report["recovery"]["erasures_pending"] == 0
    known = sum(map(eraser.known, cards[:2]))
    decided, ids = site.decided(), site.alert_ids()
    n = len(sender.sent)
    seen(int(killed), n + report["erasures"], n - len(decided) + known, repeats(ids))
    assert known == 0
    assert sum(decided.values()) == n
    assert len(ids) > 20


@pytest.mark.slow
def test_card_numbers_are_in_no_file_no_log_and_no_output(site: Site, lives: Lives) -> None:
    cards = card_numbers(np.random.default_rng(2), 12)
    folder = site.folder / "state"
    worker, sender = lives.started(), Sender(site, Payments(2), behind=0)
    pay_until_alerted(site, sender, cards)
    # Refused, and its bytes are kept: a dead letter is as sensitive as what came in.
    payment = {"transaction_id": "t-x", "event_time": 1, "merchant_id": "shop", "amount_minor": 1}
    payment |= {"card_id": cards[0]}
    sender.send("transactions", TRANSACTIONS.encode(payment), "payment")
    until(lambda: sum(site.ends("dead_letters").values()) > 0)
    until(lambda: any(folder.glob("snapshot-*.state")))
    pay(site, sender, cards, 20)
    worker.end(signal.SIGKILL, 10)  # The journal goes on behind the newest snapshot.
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
