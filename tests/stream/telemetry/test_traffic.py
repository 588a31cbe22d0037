"""The figures of a worker on the embedded broker, and what went through between two of them."""

import gc
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from confluent_kafka import Producer
from inputs.card_numbers import card_numbers
from inputs.figures import full_figures, latency
from prometheus_client import generate_latest

from schemas.records import RecordCodec, builtin
from schemas.siphash import hash_texts
from stream.admin.routes import registry_of
from stream.assembly import worker_of
from stream.config.configuration import load
from stream.kafka.embedded import EmbeddedBroker
from stream.telemetry.figures import FeatureDrift, Figures, ModelStanding, Phase
from stream.telemetry.standing import COUNTS
from stream.telemetry.traffic import TrafficMeter, traffic

SECONDS = 30
KEY = b"sixteen bytes ok"
TRANSACTIONS = RecordCodec(builtin("transaction"), 1)
LABELS = RecordCodec(builtin("label"), 2)
OVERRIDES = {
    "topics": {"partitions": 2, "control": "fraud.control"},
    "features": {"names": ("amount", "card.count_1m")},
    "windows": {"events_max": 10_000, "entities_max": 10_000},
    "labels": {"maturity": "1d", "waiting_max": 10_000, "learn_interval": "250ms"},
    "model": {"frauds_min": 1, "genuine_min": 1},
    "decision": {"review": 1e-9, "block": 0.9},
}
START_US = 1_700_000_000_000_000


class Rig:
    """A broker, a worker with a meter, and a clock that is turned by hand."""

    def __init__(self, broker, config):
        self.now_s = 1000.0
        self.broker = broker
        self.meter = TrafficMeter(config, clock=lambda: self.now_s)
        self.worker = worker_of(config, broker.connection, KEY, tally=self.meter.tally)
        self.producer = Producer(broker.connection.producer(idempotent=False))

    def send(self, topic, values, partition=0):
        for value in values:
            self.producer.produce(topic, value, key=b"key", partition=partition)
        assert self.producer.flush(SECONDS) == 0

    def take(self, n):
        deadline = time.monotonic() + SECONDS
        wanted = self.worker.stats.records + n
        while self.worker.stats.records < wanted:
            assert time.monotonic() < deadline, self.worker.stats
            self.worker.turn(0.05)
            self.meter.polled()


@contextmanager
def rig_of(**more):
    config = load(None, **{**OVERRIDES, **more})
    with EmbeddedBroker(dict.fromkeys(config.topics.names(), 2)) as broker:
        rig = Rig(broker, config)
        try:
            yield rig
        finally:
            rig.worker.close()


def payment(number, card="card-a"):
    return TRANSACTIONS.encode(
        {
            "transaction_id": f"payment-{number}",
            "event_time": START_US + number * 100_000,
            "amount_minor": 1000 + 7 * number,
            "card_id": card,
            "merchant_id": "the-shop",
        }
    )


def label(number, is_fraud=False, after_us=5_000_000):
    at_us = START_US + number * 100_000 + after_us
    return LABELS.encode(
        {"transaction_id": f"payment-{number}", "is_fraud": is_fraud, "label_time": at_us}
    )


@pytest.fixture(scope="module")
def cards():
    return card_numbers(np.random.default_rng(1), 40)


@pytest.fixture(scope="module")
def worked(cards):
    """A rig that took payments, labels and records that are none."""
    with rig_of() as rig:
        rig.meter.follow(rig.worker)
        recovering = rig.meter.figures
        rig.meter.running()
        before = rig.meter.snapshot()
        rig.send("fraud.transactions", [payment(n, cards[n]) for n in range(40)])
        rig.take(40)
        rig.send("fraud.labels", [label(n, n % 4 == 0) for n in range(20)])
        rig.send("fraud.labels", [label(9_999)])
        rig.take(21)
        rig.send("fraud.transactions", [payment(n, cards[n - 100]) for n in range(100, 140)])
        rig.send("fraud.transactions", [payment(100, cards[0]), b"\0", b"no avro", None])
        rig.take(44)
        rig.now_s += 2.0
        yield rig, recovering, before, rig.meter.snapshot()


def test_what_went_through_is_told_as_rates_and_totals(worked):
    rig, _, before, now = worked
    assert before["totals"]["records"] == 0
    assert before["p50_ms"] is None
    counters = rig.worker.shard.engine.counters
    assert now["totals"] == {
        "records": 105,
        "decisions": counters.decisions,
        "alerts": counters.alerts,
        "unscored": 40,
        "late": counters.late,
        "labels": 21,
        "labels_learned": counters.labels_learned,
        "matured_as_genuine": 0,
        "dead_letters": 3,
    }
    assert counters.labels_learned == 20
    assert now["totals"]["decisions"] == 81
    assert now["totals"]["alerts"] == 40
    assert now["records_per_s"] == pytest.approx(105 / 2)
    assert now["decisions_per_s"] == pytest.approx(81 / 2)
    assert now["labels_per_s"] == pytest.approx(21 / 2)
    assert now["dead_letters"] == {"null_value": 1, "too_short": 1, "wrong_magic": 1}
    assert now["lag_records"] == 0
    assert 0 < now["p50_ms"] <= now["p99_ms"] <= now["p999_ms"] < 1000 * SECONDS
    assert now["watermark_delay_ms"] > 86_400_000, "these payments are of years ago"


def test_the_counts_are_those_of_the_engine(worked):
    rig, recovering, _, _ = worked
    assert recovering.phase is Phase.RECOVERING
    assert not recovering.ready
    figures = rig.meter.figures
    assert figures.ready
    assert figures.assigned == 6
    payments = {
        k[2]: n for k, n in figures.counts.items() if k[:2] == ("events", "fraud.transactions")
    }
    assert payments["duplicate"] == 1
    assert payments["refused"] == 3
    assert sum(payments.values()) == 84
    labels = {k[2]: n for k, n in figures.counts.items() if k[:2] == ("events", "fraud.labels")}
    assert labels == {"taken": 20, "held": 1, "refused": 0}
    assert figures.count("learn", "label") == 20
    assert figures.count("alerts") == 40
    assert sum(figures.scores) == 40
    assert len(figures.scoring.histogram) == len(figures.end_to_end.histogram) == 84
    assert len(figures.label_delay.histogram) == 20
    assert figures.label_delay.sum_us == 20 * 5_000_000
    fills = {(each.kind, each.type): each.entries for each in figures.fills}
    assert fills["entities", "card"] == 40
    assert fills["events", ""] == fills["waiting", ""] == 80
    assert fills["labels_held", ""] == 1
    assert {key[0] for key in figures.counts} <= COUNTS.keys()
    assert all(len(key) == 1 + len(COUNTS[key[0]]) for key in figures.counts)
    (champion,) = figures.models
    assert champion == ModelStanding("model", "logistic", True, "", True, 20)


def test_no_id_is_in_what_prometheus_reads(worked, cards):
    rig, *_ = worked
    rig.meter.drift = lambda: {"amount": FeatureDrift(0.1, False)}
    rig.meter.look()
    text = generate_latest(registry_of(rig.meter)).decode()
    assert 'fraud_dlq_total{error="wrong_magic",stage="wire"} 1.0' in text
    ids = [*cards, "the-shop", *(f"payment-{n}" for n in range(140)), "key"]
    for name, hashed in zip(ids, hash_texts(ids, KEY).tolist(), strict=True):
        assert name not in text
        assert f"{hashed:016x}" not in text
        assert str(hashed) not in text


def test_others_may_read_figures_while_the_worker_goes_on(worked, cards):
    rig, *_ = worked
    figures = rig.meter.figures
    before = (figures.scoring.histogram.counts.copy(), dict(figures.counts), figures.scores)
    rig.send("fraud.transactions", [payment(n, cards[0]) for n in range(500, 510)])
    rig.take(10)
    rig.now_s += 1.0
    rig.meter.polled()
    assert rig.meter.figures is not figures
    assert rig.meter.figures.records == figures.records + 10
    assert (figures.scoring.histogram.counts == before[0]).all()
    assert (dict(figures.counts), figures.scores) == before[1:]


def test_the_loop_lets_others_know_that_it_comes_round(worked):
    rig, *_ = worked
    rig.now_s += 77.0
    assert rig.meter.tally.turned_s < rig.now_s
    rig.worker.turn(0.0)
    assert rig.meter.tally.turned_s == rig.now_s


def test_it_looks_once_a_second(worked):
    rig, *_ = worked
    rig.meter.look()
    figures = rig.meter.figures
    rig.now_s += 0.9
    rig.meter.polled()
    assert rig.meter.figures is figures
    rig.now_s += 0.2
    rig.meter.polled()
    assert rig.meter.figures is not figures


def test_who_begins_anew_goes_on_counting(cards):
    with rig_of() as rig:
        for life in range(2):
            rig.meter.follow(rig.worker)
            rig.meter.running()
            n = 100 * life
            rig.send("fraud.transactions", [payment(n + i, cards[i]) for i in range(20)])
            rig.take(20)
            rig.send("fraud.transactions", [b"no avro"])
            rig.take(1)
            rig.now_s += 5.0
            rig.meter.look()
            rig.worker.finish(SECONDS)
            rig.meter.look()
            if not life:
                assert rig.meter.figures.ready
                rig.meter.left()
                assert rig.meter.figures.phase is Phase.STARTING
                assert not rig.meter.figures.ready
                rig.worker.close()
                connection, config = rig.broker.connection, rig.worker.config
                rig.worker = worker_of(config, connection, KEY, tally=rig.meter.tally)
                gc.collect()
        figures = rig.meter.figures
        assert figures.decisions == 40
        assert figures.count("dlq") == 2
        assert figures.count("restarts") == 1
        assert figures.snapshots is None, "on the embedded broker nothing is kept"


def test_rates_are_of_the_time_between():
    before = replace(full_figures(), at_s=10.0, end_to_end=latency(500_000))
    histogram = latency(500_000, 2_000, 2_000).histogram
    now = replace(
        full_figures(),
        at_s=14.0,
        records=140,
        decisions=80,
        labels=32,
        end_to_end=latency(0)._replace(histogram=histogram),
    )
    said = traffic(before, now, 3_000_000)
    assert (said["records_per_s"], said["decisions_per_s"]) == (10.0, 5.0)
    assert (said["labels_per_s"], said["alerts_per_s"]) == (0.5, 0.0)
    assert said["p999_ms"] == pytest.approx(2.0, rel=0.02), "what was before is not counted"
    assert said["watermark_delay_ms"] == 2000
    assert said["lag_records"] == 12


def test_alerts_that_nobody_was_told_of_are_not_counted_as_alerts():
    held = {("alerts_held", "cooldown"): 3, ("alerts_held", "snooze"): 1}
    counts = {("alerts", "review"): 10, ("alerts", "block"): 2, **held}
    now = replace(full_figures(), counts=counts)
    assert traffic(now, now, 0)["totals"]["alerts"] == 8


def test_nothing_is_known_of_nothing():
    empty = Figures(0.0, 0.0)
    said = traffic(empty, empty, 0)
    assert said["lag_records"] is said["watermark_delay_ms"] is said["p99_ms"] is None
    assert said["records_per_s"] == 0.0
    assert said["dead_letters"] == {}
