"""What contestants are given, how they are timed, and that they all do the job."""

import io
import itertools
import json
from operator import eq

import pytest
from confluent_kafka import TopicPartition

from benchmarks.baselines_features import naive
from benchmarks.harness import BenchmarkError, Times
from benchmarks.kafka import watch as watch_module
from benchmarks.kafka.detector import WINDOWS_US, Detector, reader_of
from benchmarks.kafka.job import ENTITIES, Job, Records, feature_names
from benchmarks.kafka.race import Contestant, require_right, run
from benchmarks.kafka.watch import Watch, holding


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


# A payment a second, so that windows end before there are no more.
def slow_job(partitions=1):
    return Job("nowhere:1", "p", "l", "o", 1250, 3, partitions=partitions, per_s=1)


@pytest.fixture(scope="module")
def done():
    """The records of a job, and what a detector tells that took them in order."""
    job = slow_job()
    detector, records = Detector(lambda name, card, score: None), Records(job)
    read_payment, read_label = reader_of("transaction"), reader_of("label")
    end = job.warm + job.n
    for _, payment in records.payments(0, end):
        detector.pay(read_payment(payment))
    for _, label in records.labels(0, job.labels_before + job.n):
        detector.learn(read_label(label))
    return records, json.dumps(detector.told())


def test_features_of_a_payment_are_those_of_the_definition():
    records = Records(slow_job())
    read = reader_of("transaction")
    payments = [read(payment) for _, payment in records.payments(0, 3750)]
    rows = [
        (each["event_time"], each["amount_minor"], [each[name] for name in ENTITIES.values()])
        for each in payments
    ]
    for i in (0, 450, 3749):
        past = [row for row in rows[: i + 1] if any(map(eq, row[2], rows[i][2]))]
        expected = naive(past, WINDOWS_US)[-1]
        assert records.features(i) == dict(zip(feature_names(), expected, strict=True))
    shop = [records.features(3749)[f"merchant.count_{window}"] for window in ("10m", "1h", "1d")]
    assert sorted(set(shop)) == shop


def test_a_detector_whose_features_are_right_and_that_learned_everything_is_let_pass(done):
    job, records, told = slow_job(), done[0], json.loads(done[1])
    assert set(told["last"][1]) == set(feature_names())
    require_right(job, records, told)
    assert told == {"learned": 2500}
    require_right(job, records, {"bytes": 3})


def test_what_a_peer_got_wrong_is_named(done):
    records, told = done[0], json.loads(done[1])
    name, features = told["last"]
    features["merchant.count_30d"] += 1
    with pytest.raises(BenchmarkError, match=f"merchant.count_30d of payment {name} is"):
        require_right(slow_job(), records, {**told})
    # Over several partitions a merchant's payments come in no order.
    require_right(slow_job(partitions=8), records, {**told})
    features["card.amount_sum_7d"] += 1
    with pytest.raises(BenchmarkError, match=r"card\.amount_sum_7d"):
        require_right(slow_job(partitions=8), records, {**told})


def test_a_peer_that_learned_too_little_is_named(done):
    records, told = done[0], json.loads(done[1])
    with pytest.raises(BenchmarkError, match="1249 labels were learned, not 1250"):
        require_right(slow_job(), records, {**told, "learned": 1249})


def test_partitions_of_other_topics_are_neither_held_nor_let_go():
    class Consumer:
        def __init__(self):
            self.held, self.gone_on = [], []

        def assignment(self):
            return [TopicPartition(name, 0) for name in ("payments", "changelog", "labels")]

        def pause(self, partitions):
            self.held += [each.topic for each in partitions]

        def resume(self, partitions):
            self.gone_on += [each.topic for each in partitions]

    consumer = Consumer()
    hold, go_on = holding(consumer, job_of())
    hold()
    assert (consumer.held, consumer.gone_on) == (["payments", "labels"], [])
    go_on()
    assert consumer.gone_on == ["payments", "labels"]


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("module", "partitions"), [("raw", 8), ("plain", 1), ("plain", 8), ("ours_forest", 8)]
)
def test_contestants_do_the_job(kafka_bootstrap, module, partitions):
    took = run(kafka_bootstrap, Contestant(module, 2000, partitions), 1)
    assert 0 < took.times.thread <= took.times.cpu
    assert took.told.get("letters", {}) == {}
    assert took.told.get("alerts", 1) > 0


@pytest.mark.kafka
def test_one_that_ends_before_its_time_is_an_error(kafka_bootstrap):
    with pytest.raises(BenchmarkError, match=r"nobody.*ended before it was warm"):
        run(kafka_bootstrap, Contestant("nobody", 10), 1)
