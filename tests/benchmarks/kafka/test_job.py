"""What contestants are given, how they are timed, and that they all do the job."""

import io
import itertools
import json

import pytest

from benchmarks.harness import BenchmarkError, Times
from benchmarks.kafka import watch as watch_module
from benchmarks.kafka.detector import Detector, reader_of
from benchmarks.kafka.job import Job, Records, feature_names
from benchmarks.kafka.race import Contestant, run
from benchmarks.kafka.watch import Watch


def job_of(n=3):
    return Job("nowhere:1", "payments", "labels", "out", n)


def test_a_job_goes_over_a_command_line(monkeypatch):
    job = job_of()
    monkeypatch.setattr("sys.argv", ["program", job.text()])
    assert Job.given() == job


def test_each_payment_has_its_label_and_the_records_are_the_same_for_all():
    job = job_of()
    first, again = Records(job), Records(job)
    payments = list(first.payments(0, 8))
    assert payments == list(again.payments(0, 8))
    labels = list(first.labels(0, 8))
    read_payment, read_label = reader_of("transaction"), reader_of("label")
    for (card, payment), (of, label) in zip(payments, labels, strict=True):
        paid, said = read_payment(payment), read_label(label)
        assert card == of == paid["card_id"].encode()
        assert paid["transaction_id"] == said["transaction_id"]
        assert paid["event_time"] < said["label_time"]
    assert len(payments[0]) == 2
    assert len(read_payment(payments[0][1])) == 15


def test_the_clock_begins_behind_what_is_warm_and_ends_with_the_last_label(monkeypatch, capsys):
    said, ticks = [], itertools.count()
    monkeypatch.setattr(watch_module, "read_clocks", lambda: Times(*[next(ticks)] * 3))
    monkeypatch.setattr("sys.stdin", io.StringIO("go\n"))
    watch = Watch(
        job_of(3),
        lambda: said.append("hold"),
        lambda: said.append("go on"),
        lambda: {"alerts": len(said)},
    )
    assert not watch.took(8)
    assert said == []
    assert not watch.took(2)
    assert said == ["hold", "go on"]
    assert [watch.took(n) for n in (3, 2)] == [False, False]
    assert watch.took(1)
    warm, end = capsys.readouterr().out.splitlines()
    assert warm == "warm"
    assert json.loads(end) == {"times": {"cpu": 1, "thread": 1, "wall": 1}, "told": {"alerts": 2}}


def test_a_detector_learns_who_is_a_fraud():
    alerts = []
    detector = Detector(lambda name, card, score: alerts.append(name))
    job = job_of(2000)
    records = Records(job)
    read_payment, read_label = reader_of("transaction"), reader_of("label")
    frauds = set()
    for (_, payment), (_, label) in zip(
        records.payments(0, 4000), records.labels(0, 4000), strict=True
    ):
        detector.pay(read_payment(payment))
        said = read_label(label)
        detector.learn(said)
        frauds |= {said["transaction_id"]} if said["is_fraud"] else set()
    assert len(feature_names()) == 45
    late = [name for name in alerts if int(name[2:]) >= 2000]
    assert len(late) > 10
    # Two payments in a hundred are frauds.
    assert len(frauds & set(late)) > 0.1 * len(late)


@pytest.mark.kafka
@pytest.mark.parametrize("module", ["raw", "plain", "ours_forest"])
def test_contestants_do_the_job(kafka_bootstrap, module):
    took = run(kafka_bootstrap, Contestant(module, 2000), 1)
    assert 0 < took.times.thread <= took.times.cpu
    assert took.told.get("letters", {}) == {}
    assert took.told.get("alerts", 1) > 0


@pytest.mark.kafka
def test_one_that_ends_before_its_time_is_an_error(kafka_bootstrap):
    with pytest.raises(BenchmarkError, match=r"nobody.*ended before it was warm"):
        run(kafka_bootstrap, Contestant("nobody", 10), 1)
