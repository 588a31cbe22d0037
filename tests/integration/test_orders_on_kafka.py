"""A running worker takes what the real commands order, and a killed one comes back of that mind."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from fault_log import injects, seen
from inputs.payments import TRANSACTIONS, Payments
from inputs.published import published
from workers.worker_site import TOPICS, Sender, Site, end_well, remembering, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.lives import Lives

pytestmark = pytest.mark.kafka

ALERTS, DECISIONS = published("alert"), published("decision")
MORE = """
[model.challengers.second]
kind = "logistic"
frauds_min = 5
genuine_min = 20
[lists.stolen]
of = "card"
entries_max = 100
"""
RULES = """
[[rule]]
id = "stolen"
when = "card in lists.stolen"
action = "block"
mode = "live"
[[rule]]
id = "large"
when = "amount > 90000.0"
action = "review"
mode = "live"
"""
# Who pays, and how much in minor units.
PROBES = {"loud": 9_500_000, "quiet": 9_500_000, "listed": 500}


@pytest.fixture
def site(tmp_path: Path, site_factory: Callable[..., Site]) -> Site:
    # Nothing but a rule blocks.
    remembered = remembering(tmp_path / "state", "1s", review=0.05)
    more = remembered.replace("[recovery]", "block = 2.0\n[recovery]") + MORE
    return site_factory(more, names=(*TOPICS, "control"))


def train(site: Site, sender: Sender) -> None:
    """Send payments and labels until the model raises alerts."""

    def alerted() -> bool:
        for _ in range(50):
            sender.pay()
            time.sleep(0.002)
        sender.flush()
        until(lambda: sum(site.ends("decisions").values()) >= len(sender.sent))
        return sum(site.ends("alerts").values()) > 5

    until(alerted)


def probe(site: Site, sender: Sender, name: str) -> dict[str, tuple[dict[str, Any], Any]]:
    """Let everybody pay once; return the decision about each, and the alert if there is one."""
    ids = {f"{name}-{who}": who for who in PROBES}
    for payment, who in ids.items():
        record = sender.payments.pay(
            transaction_id=payment, card_id=who, amount_minor=PROBES[who], merchant_id="shop"
        )
        sender.send("transactions", TRANSACTIONS.encode(record), who)
    sender.flush()
    site.wait_until_decided(set(ids))
    # Decisions and alerts go out together, and offsets are committed behind both.
    site.wait_until_committed("transactions")
    decisions = (DECISIONS.decode(each.value()) for each in site.read("decisions"))
    found = {each["transaction_id"]: each for each in decisions}
    alerts = {each["transaction_id"]: each for each in map(alert, site.read("alerts"))}
    return {who: (found[payment], alerts.get(payment)) for payment, who in ids.items()}


def alert(message: Any) -> dict[str, Any]:
    return ALERTS.decode(message.value())


def order(site: Site, lives: Lives, *words: str) -> None:
    """Give an order by its command, which says that the brokers have it."""
    config = ("--config", str(site.config), "--by", "ann", "--json")
    status, out, error = lives.run(*words, *config)
    assert status == 0, error
    assert json.loads(out)["step"] == "done"


def assert_of_another_mind(found: dict[str, tuple[dict[str, Any], Any]]) -> None:
    """What each of the four orders asks for is seen in decisions and alerts."""
    said = {who: (each["decision"], each["rules"]) for who, (each, _) in found.items()}
    assert said["listed"] == ("BLOCK", ["stolen"])
    assert said["loud"] == ("REVIEW", ["large"])
    assert said["quiet"] == ("REVIEW", ["large"])
    alerts = {who: told for who, (_, told) in found.items()}
    assert alerts["quiet"] is None, "it is snoozed"
    assert [each["id"] for each in alerts["loud"]["rules"]] == ["large"]
    assert {alerts[who]["model"]["name"] for who in ("loud", "listed")} == {"second"}


@injects(
    "kill -9 of a worker behind orders that it has taken",
    "the next one decides by the same rules, lists, snoozes and model",
)
@pytest.mark.slow
def test_orders_change_what_a_worker_decides_and_outlive_it(site: Site, lives: Lives) -> None:
    worker, sender = lives.started(), Sender(site, Payments(3), behind=0)
    train(site, sender)
    before = probe(site, sender, "before")
    assert not any(decision["rules"] for decision, _ in before.values())
    assert before["listed"][0]["decision"] != "BLOCK"
    raised = [alert(each)["model"]["name"] for each in site.read("alerts")]
    assert "second" not in raised

    (site.folder / "rules.toml").write_text(RULES)
    order(site, lives, "lists", "add", "stolen", "listed", "--reason", "reported stolen")
    order(site, lives, "rules", "apply", str(site.folder / "rules.toml"), "--yes")
    order(site, lives, "models", "promote", "second", "--force", "--yes")
    snooze = ("snooze", "add", "*", "card", "quiet", "--for", "1h", "--reason", "checked")
    order(site, lives, *snooze)
    site.wait_until_committed("control")
    assert_of_another_mind(probe(site, sender, "after"))

    assert worker.end(signal.SIGKILL, 10) == -signal.SIGKILL
    successor = lives.started()
    found = probe(site, sender, "again")
    seen(1, len(PROBES), lost=0)
    assert_of_another_mind(found)
    end_well(successor)
    letters = [dict(each.headers()) for each in site.read("dead_letters")]
    assert [each for each in letters if each["fraudstream.stage"] == b"control"] == []
    trail = ("audit-trail", "verify", "--config", str(site.config), "--json")
    status, out, error = lives.run(*trail)
    assert status == 0, error
    # Each order was noted before it was sent, and as done behind that.
    assert json.loads(out)["entries"] == 8
