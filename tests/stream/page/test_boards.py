"""Boards of a real worker, against their contract and against what the worker has said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from confluent_kafka import Producer
from prometheus_client import generate_latest

from schemas.records import RecordCodec, builtin
from schemas.registry import value_subject
from stream.admin.routes import registry_of
from stream.assembly import worker_of
from stream.config.configuration import load
from stream.kafka.client import Connection
from stream.kafka.embedded import EmbeddedBroker
from stream.kafka.registry import open_registry
from stream.page.board import Board
from stream.page.boards import BoardMaker
from stream.page.encoding import encoded
from stream.page.feed import Feed
from stream.page.history import MemoryHistory
from stream.page.markers import Markers
from stream.telemetry.traffic import TrafficMeter
from stream.worker import Worker

KEY = b"sixteen bytes ok"
SECOND_US = 1_000_000
PAYMENTS, PER_SECOND = 1600, 20
MARKUP = "<img src=x onerror=alert(1)>"
TRANSACTIONS, LABELS = RecordCodec(builtin("transaction"), 1), RecordCodec(builtin("label"), 2)
CONTROL_ID = open_registry().id_of(value_subject("fraud.control"), builtin("control"))
CONTROL = RecordCodec(builtin("control"), CONTROL_ID)
# The first one matches everything, and is put in shadow for it.
RULES = """
[[rule]]
id = "wild"
when = "amount > 0.0"
action = "review"
mode = "live"
text = "any payment"
[[rule]]
id = "large"
when = "amount > 1000.0"
action = "block"
mode = "shadow"
[[rule]]
id = "card-42"
when = "card in lists.stolen"
action = "block"
mode = "live"
"""
BLOCK, SHARE = 100, 0.3
OVERRIDES: dict[str, dict[str, Any]] = {
    "topics": {"partitions": 1, "control": "fraud.control"},
    "lists": {"stolen": {"of": "card"}},
    "rules": {"breaker_payments": BLOCK, "breaker_share": SHARE},
    "fields": {"numeric": {"present": "card_present"}},
    "features": {"names": ("amount", "input.present", "card.{count,amount_mean}_{2s,5s}")},
    "windows": {"allowed_lateness": "1s", "idle_after": "1s"},
    "labels": {"maturity": "10s", "learn_interval": "1s", "waiting_max": 5000},
    "model": {
        "frauds_min": 3,
        "genuine_min": 10,
        "challengers": {"other": {"kind": "logistic", "frauds_min": 3, "genuine_min": 10}},
    },
    "decision": {"review": 0.2, "alerts_per_day": 500},
    "monitor": {
        "window": "5s",
        "reference_windows": 3,
        "rows_min": 20,
        "segments": ["input.present"],
    },
}


class Site:
    """A worker that has decided some payments, and what makes its boards."""

    def __init__(self, broker: EmbeddedBroker, now_us: int) -> None:
        self.config = load(None, **OVERRIDES)
        self.meter = TrafficMeter(self.config)
        client = {"session.timeout.ms": 6000}
        connection = Connection(broker.bootstrap, client, embedded=True)
        self.worker: Worker = worker_of(self.config, connection, KEY, tally=self.meter.tally)
        self.history, self.markers = MemoryHistory(), Markers()
        self.feed = Feed(self.history)
        kept = self.feed, self.history, self.markers
        self.maker = BoardMaker(self.config, self.meter, *kept, broker.bootstrap)
        self._producer = Producer(broker.connection.producer(idempotent=False))
        self._labels = 0
        self._rng = np.random.default_rng(1)
        # Windows begin where the clock has such a multiple: a first one that is cut has no fraud.
        began_us = now_us - PAYMENTS // PER_SECOND * SECOND_US
        self._began_us = began_us - began_us % self.config.monitor.window

    def play(self) -> None:
        """Have payments decided second by second, each second's labels after them.

        Those of more than 1,000 are fraud; the last quarter of them pays three times as much.
        """
        self.meter.follow(self.worker)
        self.meter.running()
        self._apply_rules()
        for second in range(PAYMENTS // PER_SECOND):
            labels = [self._pay(PER_SECOND * second + number) for number in range(PER_SECOND)]
            self._take(PER_SECOND * (second + 1), "decisions")
            for label in filter(None, labels):
                self._produce("fraud.labels", LABELS.encode(label))
            self._take(self._labels, "labels")

    def _apply_rules(self) -> None:
        """Have other rules put in force."""
        order = {
            "kind": "RULES",
            "entity": "",
            "key": json.dumps({"rules": RULES, "by": "anna"}),
            "requested_at": self._began_us,
            "request_id": "1",
        }
        self._produce("fraud.control", CONTROL.encode(order))
        assert self._producer.flush(20) == 0
        deadline_s = time.monotonic() + 30
        while not len(self.worker.shard.engine.rules):
            assert time.monotonic() < deadline_s
            self.worker.turn(0.05)

    def _pay(self, number: int) -> dict[str, Any] | None:
        """Send a payment; return its label if there will be one."""
        at_us = self._began_us + number * SECOND_US // PER_SECOND
        fraud = self._rng.random() < 0.1
        growth = 3.0 if number > 0.75 * PAYMENTS else 1.0
        units = self._rng.lognormal(3.0) * growth + 1000.0 * fraud
        payment = {
            "transaction_id": f"{MARKUP}{number}",
            "event_time": at_us,
            "amount_minor": int(100 * units),
            "card_id": f"card-{self._rng.integers(60)}",
            "merchant_id": "shop",
            "card_present": bool(self._rng.random() < 0.7),
        }
        self._produce("fraud.transactions", TRANSACTIONS.encode(payment))
        if not fraud:
            return None
        self._labels += 1
        name = payment["transaction_id"]
        return {"transaction_id": name, "is_fraud": True, "label_time": at_us + SECOND_US}

    def _produce(self, topic: str, value: bytes) -> None:
        self._producer.produce(topic, value, partition=0)

    def _take(self, wanted: int, counter: str) -> None:
        assert self._producer.flush(20) == 0
        deadline_s, counters = time.monotonic() + 30, self.worker.shard.engine.counters
        while getattr(counters, counter) < wanted:
            assert time.monotonic() < deadline_s, counters
            self.worker.turn(0.05)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    topics = dict.fromkeys(load(None, **OVERRIDES).topics.names(), 1)
    with EmbeddedBroker(topics) as broker:
        it = Site(broker, time.time_ns() // 1000)
        try:
            it.play()
            yield it
        finally:
            it.feed.close()
            it.worker.close()


@pytest.fixture(scope="module")
def board(site: Site) -> Board:
    return site.maker.make(site.worker)


def test_a_board_is_what_its_contract_says(board: Board) -> None:
    decoded = msgspec.json.decode(encoded(board), type=Board, strict=True)
    assert decoded["version"] == 1


def test_what_it_counts_is_what_the_worker_has_decided(site: Site, board: Board) -> None:
    engine = site.worker.shard.engine
    assert board["traffic"]["totals"]["decisions"] == engine.counters.decisions
    assert sum(window["decisions"] for window in board["quality"]["windows"]) == PAYMENTS
    assert sum(window["alerts"] for window in board["quality"]["windows"]) == engine.counters.alerts
    assert sum(each["decisions"] for each in board["segments"]) == PAYMENTS
    assert {each["feature"] for each in board["segments"]} == {"input.present"}
    assert [row["name"] for row in board["contenders"]] == ["champion", "other"]
    assert board["contenders"][0]["judged"] == engine.prequential.as_dict()["judged"]
    assert board["about"]["ready"]


def test_mature_windows_are_judged_and_the_others_estimated(board: Board) -> None:
    quality = board["quality"]
    assert quality["maturity_ms"] == 10_000
    assert quality["horizon_ms"] is not None
    first, last = quality["windows"][0], quality["windows"][-1]
    assert first["mature"] == first["decisions"]
    assert first["recall"] is not None
    assert last["mature"] == 0
    assert last["precision"] is None
    assert last["estimated_recall"] is not None
    assert last["from_ms"] >= quality["horizon_ms"]
    assert sum(each["count"] for each in quality["reliability"]) > 100


def test_what_grew_has_drifted_and_is_marked(site: Site, board: Board) -> None:
    drift = {each["name"]: each for each in board["drift"]["features"]}
    assert drift["amount"]["drifted"]
    assert not drift["input.present"]["drifted"]
    amount = drift["amount"]
    assert sum(amount["reference"]) == pytest.approx(1.0)
    assert len(amount["reference"]) == len(amount["current"]) == len(amount["edges"]) + 1
    assert amount["psi"] is not None
    assert any(value for value in amount["history"])
    said = [each["text"] for each in board["markers"] if each["kind"] == "drift"]
    assert any(text.startswith("amount drifts: PSI ") for text in said)
    kinds = {each["kind"] for each in board["markers"]}
    assert kinds >= {"start", "model", "policy", "drift"}
    assert site.meter.drift()["amount"].drifted


def test_rules_are_those_in_force_with_what_they_matched(site: Site, board: Board) -> None:
    rules = board["rules"]
    wild, large, stolen = rules["shown"]
    assert (wild["id"], wild["mode"], wild["action"]) == ("wild", "tripped", "review")
    # The one that was too many is the last that it decided.
    assert wild["live"] == int(BLOCK * SHARE) + 1
    assert wild["live"] + wild["shadow"] == PAYMENTS
    assert (large["id"], large["mode"], large["live"]) == ("large", "shadow", 0)
    assert large["shadow"] > 50
    assert (stolen["id"], stolen["live"], stolen["shadow"]) == ("card-42", 0, 0)
    assert rules["in_force"] == 3
    assert rules["lists"] == [
        {"name": "stolen", "entries": 0, "entries_max": 100_000, "changes": 0}
    ]
    said = {each["kind"]: each["text"] for each in board["markers"]}
    assert said["breaker"].startswith("wild matched too much")
    assert "are in force: 3, 2 of them live" in said["rules"]
    assert said["schema"] == "the first payment written with schema 1 came"


def test_metrics_say_the_same_of_rules(site: Site, board: Board) -> None:
    text = generate_latest(registry_of(site.meter)).decode()
    (wild, *_) = board["rules"]["shown"]
    assert f'fraud_rule_matches_total{{mode="live",rule="wild"}} {wild["live"]}.0' in text
    assert f'fraud_rule_matches_total{{mode="shadow",rule="wild"}} {wild["shadow"]}.0' in text
    assert 'fraud_rule_tripped{rule="wild"} 1.0' in text
    assert 'fraud_rule_tripped{rule="large"} 0.0' in text
    assert 'fraud_rules{mode="tripped"} 1.0' in text
    assert "fraud_rule_trips_total 1.0" in text
    assert "fraud_rules_applied_total 1.0" in text
    assert 'fraud_list_capacity{list="stolen"} 100000.0' in text
    assert 'fraud_model_champion{model="model"} 1.0' in text
    assert 'fraud_model_champion{model="other"} 0.0' in text
    assert 'fraud_promotions_total{cause="canary"} 0.0' in text


def test_an_alert_of_a_rule_says_which_one(board: Board) -> None:
    matched = [each for alert in board["alerts"] for each in alert["rules"] if each["live"]]
    shadow = [each for alert in board["alerts"] for each in alert["rules"] if not each["live"]]
    assert {each["id"] for each in [*matched, *shadow]} <= {"wild", "large"}
    assert any(each["id"] == "large" for each in shadow)
    assert all(each["said"].startswith("amount ") for each in [*matched, *shadow])


def test_alerts_are_those_that_were_published_the_latest_first(board: Board) -> None:
    alerts = board["alerts"]
    assert 0 < len(alerts) <= 50
    times = [alert["time_ms"] for alert in alerts]
    assert times == sorted(times, reverse=True)
    assert all(alert["transaction_id"].startswith(MARKUP) for alert in alerts)
    assert alerts[0]["reasons"][0]["text"]
    assert "." in alerts[0]["amount"]


def test_it_is_shown_once_a_second_and_kept(site: Site) -> None:
    site.meter.show(site.worker)
    frame = site.feed.latest
    assert frame is not None
    assert b"onerror" in frame.json
    assert len(site.history.points()) == 1
