"""Latency is counted from when a payment was due, and nothing that was lost goes uncounted."""

import itertools
import time

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from benchmarks.kafka import end_to_end
from benchmarks.kafka.end_to_end import caught_up_s, number_of, read, summed, write_log
from benchmarks.kafka.job import Job, Records
from benchmarks.kafka.on_schedule import due_ns
from benchmarks.kafka.open_loop import Load, run
from schemas.records import RecordCodec, builtin

JOB = Job("nowhere:1", "payments", "labels", "out", 5, warm=10, per_s=1_000)
DECISION = {
    "event_time": 1,
    "decision": "ALLOW",
    "score": None,
    "timeliness": "ON_TIME",
    "duplicate": False,
    "degraded": [],
    "model_version": 0,
    "policy_version": "p",
}


def decision_of(k):
    record = {**DECISION, "transaction_id": f"t-{k}"}
    return RecordCodec(builtin("decision"), 7).encode_checked(record)


def test_payments_and_decisions_say_which_payment_they_are_of():
    payments = Records(Job("nowhere:1", "payments", "labels", "out", 1200))
    assert [number_of(value) for _, value in payments.payments(0, 1200)] == list(range(1200))
    assert [number_of(decision_of(k)) for k in (0, 9, 123_456)] == [0, 9, 123_456]


def test_payments_are_due_at_their_rate():
    assert [due_ns(JOB, 7, k) for k in (0, 1, 1_000)] == [7, 1_000_007, 1_000_000_007]


class Messages:
    """A consumer that has some values, a few at a time."""

    def __init__(self, *polls):
        self.polls = list(polls)

    def consume(self, n, timeout):
        return [self] if n == 1 and self.polls else []

    def value(self):
        return self.polls.pop(0)


def test_each_is_timed_from_its_due_time_once_and_earlier_ones_are_left_out(monkeypatch):
    clock = itertools.count(1_000_000_000, 1_000_000)
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(clock))
    monkeypatch.setattr(end_to_end, "_SILENCE_S", 0.05)
    # 8 is of the time before; 12 comes twice; 14 never comes.
    said = Messages(*map(decision_of, (8, 12, 10, 12, 11, 13)))
    took_ms = read(JOB, said, 900_000_000) / 1e6
    assert took_ms[:4].tolist() == [102.0, 103.0, 99.0, 102.0]
    assert took_ms[4] < 0


def test_what_is_missing_is_told_and_the_first_do_not_count():
    took_ns = np.array([900, 800, *range(1, 1001), -1]) * 1_000_000
    found = summed(took_ns, 2)
    assert found == {
        "p50": 501.0,
        "p90": 901.0,
        "p99": 991.0,
        "p99.9": 1000.0,
        "max": 1000.0,
        "missing": 1,
    }


def test_who_is_behind_has_caught_up_when_nobody_waits_any_more():
    took_ns = np.array([5, 9000, 8000, 7, 1001, 1000, 3]) * 1_000_000
    assert caught_up_s(took_ns, 10) == pytest.approx(0.1 + 9.0)
    assert caught_up_s(took_ns[3:], 10) == pytest.approx(0.1 + 1.001)
    assert caught_up_s(took_ns[5:], 10) == 0.0
    assert caught_up_s(np.array([1, -1]), 10) == 0.0


def test_the_log_has_every_latency_by_the_second(tmp_path):
    rng = np.random.default_rng(5)
    took_ns = rng.lognormal(14, 1, 2_500).astype(np.int64)
    path = tmp_path / "a.hlog"
    write_log(path, took_ns, 1_000)
    everything = HdrHistogram(1, end_to_end._HIGHEST_US, 3)
    log, counts = HistogramLogReader(str(path), everything), []
    while (interval := log.get_next_interval_histogram()) is not None:
        counts.append(interval.get_total_count())
        everything.add(interval)
    log.close()
    assert counts == [1000, 1000, 500]
    for percentile in (50, 90, 99, 99.9, 100):
        exact = np.percentile(took_ns // 1000, percentile, method="inverted_cdf")
        found = everything.get_value_at_percentile(percentile)
        assert found == pytest.approx(exact, rel=0.001)


@pytest.mark.kafka
@pytest.mark.parametrize("module", ["echo", "ours_snapshots", "ours_swaps"])
def test_every_payment_is_answered(kafka_bootstrap, module, tmp_path):
    log = tmp_path / "a.hlog"
    found = run(kafka_bootstrap, module, Load(200, 3), 1, log)
    assert (found["missing"], found["unsent"]) == (0, 0)
    assert 0 < found["p50"] <= found["p99"] <= found["max"] < 30_000
    assert found["cpu_us"] > 0
    assert log.stat().st_size > 0
    # Two a second, of three that it lasts.
    assert (found["counters"].get("promotions", 0) >= 4) == (module == "ours_swaps")
