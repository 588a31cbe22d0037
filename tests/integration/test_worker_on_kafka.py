"""The command on a real Kafka: nothing is lost, whoever dies, and the command always ends."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fault_log import injects, seen
from inputs.payments import LABELS
from servers.kafka_server import unique_name
from workers.lives import Lives
from workers.worker_site import (
    DEADLINE_SECONDS,
    PARTITIONS,
    REVIEWS,
    SECONDS,
    Feed,
    Site,
    assert_one_line,
    end_well,
    until,
)

from schemas.columns import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers.kafka_server import KafkaServer

pytestmark = pytest.mark.kafka


@pytest.fixture
def site(site_factory: Callable[..., Site]) -> Site:
    return site_factory(made=False)


@pytest.fixture
def own_site(tmp_path: Path, kafka_server: KafkaServer) -> Site:
    """A site on a broker that may be paused and killed."""
    site = Site(tmp_path, kafka_server.bootstrap)
    site.create_topics()
    return site


@pytest.fixture
def own_lives(own_site: Site) -> Iterator[Lives]:
    with Lives(own_site) as lives:
        yield lives


@pytest.mark.slow
def test_a_deployment_from_topics_to_sigterm(site: Site) -> None:
    from confluent_kafka import Producer

    for expected in ("created", "present"):
        status, out, _ = site.run("topics", "create", "--config", str(site.config), "--json")
        assert status == 0
        report = json.loads(out)
        assert sorted(report[expected]) == sorted(site.topics.values())
    assert site.ends("alerts") == dict.fromkeys(range(PARTITIONS), 0)

    worker = site.worker()
    simulate = ["simulate", "--to", "kafka", "--bootstrap", site.bootstrap, "--rate", "500"]
    simulate += ["--seconds", "6", "--config", str(site.config), "--label-delay", "1s"]
    producer = site.start(*simulate, "--json")
    poison = [b"", b"\0\0", b"\1poison", b"\0\0\0\3\xe7poison", b"\0\0\0\0\1poison", None]
    hand = Producer({"bootstrap.servers": site.bootstrap})
    for number, value in enumerate(poison):
        hand.produce(site.topics["transactions"], value, key=b"p", partition=number % PARTITIONS)
    assert hand.flush(SECONDS) == 0
    assert producer.process.wait(SECONDS) == 0, producer.err.read_text()
    sent = producer.report()
    assert sent["payments"] > 2500

    until(lambda: sum(site.ends("decisions").values()) >= sent["payments"])
    until(lambda: sum(site.committed("labels").values()) >= sent["labels"])
    begun = time.monotonic()
    status = worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5)
    took = time.monotonic() - begun
    assert status == 0, worker.err.read_text()
    assert took < DEADLINE_SECONDS

    report = worker.report()
    assert report["decisions"] == sent["payments"]
    assert report["labels"] == sent["labels"]
    assert report["labels_learned"] > 0
    assert report["unacknowledged"] == 0
    assert report["records"] == sent["payments"] + sent["labels"] + len(poison)
    decided = site.decided()
    assert len(decided) == sent["payments"]
    assert set(decided.values()) == {1}
    letters = site.read("dead_letters")
    assert len(letters) == report["dead_letters"]
    ours = [m for m in letters if m.key() == b"p"]
    assert Counter(m.value() for m in ours) == Counter(poison)
    reasons = Counter(dict(m.headers())["__streams.errors.exception"].decode() for m in letters)
    assert reasons == report["dead_letters_by_reason"]
    assert reasons.keys() >= {
        reason.name.lower() for reason in (Reason.NULL_VALUE, Reason.TOO_SHORT, Reason.WRONG_MAGIC)
    }
    for name in ("transactions", "labels"):
        assert site.committed(name) == site.ends(name)
    # A log line is JSON, and none of them is a trace.
    for line in worker.err.read_text().splitlines():
        assert json.loads(line)["level"] in ("info", "warning")


@pytest.mark.slow
def test_a_contradiction_and_a_label_of_nobody_reach_their_topics(site: Site, lives: Lives) -> None:
    from confluent_kafka import Producer

    site.create_topics()
    worker = lives.started()
    feed = Feed(site, 20, 200)
    feed.start()
    site.wait_until_decided(feed.finish())
    hand = Producer({"bootstrap.servers": site.bootstrap})
    now_us = time.time_ns() // 1000
    # Of one key, so that they come in this order.
    for name, is_fraud in (("t-3", True), ("t-3", False), ("never-paid", True)):
        label = {"transaction_id": name, "is_fraud": is_fraud, "label_time": now_us}
        label |= {"source": "ANALYST_REVIEW" if is_fraud else "CUSTOMER", "confidence": 0.9}
        hand.produce(site.topics["labels"], LABELS.encode(label), key=b"desk")
    assert hand.flush(SECONDS) == 0
    until(lambda: sum(site.committed("labels").values()) >= 3, why=worker.log)
    (review,) = [REVIEWS.decode(m.value()) for m in site.read("label_reviews")]
    assert (review["transaction_id"], review["why"]) == ("t-3", "CONTRADICTION")
    assert (review["is_fraud"], review["source"]) == (False, "CUSTOMER")
    assert (review["earlier_is_fraud"], review["earlier_source"]) == (True, "ANALYST_REVIEW")
    assert review["source_topic"] == site.topics["labels"]
    assert site.read("dead_letters") == []
    end_well(worker)
    # Its payment may have come until the very end.
    (letter,) = site.read("dead_letters")
    assert LABELS.decode(letter.value())["transaction_id"] == "never-paid"
    report = worker.report()
    assert (report["labels"], report["labels_corrected"], report["labels_early"]) == (3, 1, 1)
    assert report["label_reviews"] == {"corrected": 1}


@injects(
    "kill -9 of a worker without recovery.folder",
    "no payment undecided; decisions may come again (counted here)",
)
@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_nothing_undecided(site: Site, lives: Lives) -> None:
    site.create_topics()
    worker = lives.started()
    feed = Feed(site, 3000, 600)
    feed.start()
    until(lambda: sum(site.ends("decisions").values()) >= 300, why=worker.log)
    killed = worker.end(signal.SIGKILL, 10) == -signal.SIGKILL
    before = site.decided()
    for name in ("transactions", "labels"):
        ends = site.ends(name)
        assert all(offset <= ends[p] for p, offset in site.committed(name).items())
    # No offset ran ahead of what was decided: what is committed has its decision.
    assert sum(site.committed("transactions").values()) <= sum(before.values())

    second = lives.started()
    sent = feed.finish()
    decided = site.wait_until_decided(sent)
    missing = len(sent - decided.keys())
    seen(int(killed), len(sent), missing, sum(decided.values()) - len(decided))
    assert decided.keys() == sent
    end_well(second)
    assert site.committed("transactions") == site.ends("transactions")
    # Repeats are the price of at least once, and only the killed worker's last moments cost it.
    assert sum(site.decided().values()) < 2 * len(sent)


@injects(
    "kill -9 of the broker under a worker without recovery.folder, and a restart",
    "no payment undecided; decisions may come again (counted here)",
)
@pytest.mark.slow
def test_a_broker_that_is_killed_and_comes_back_loses_nothing(
    own_site: Site, own_lives: Lives, kafka_server: KafkaServer
) -> None:
    site, lives = own_site, own_lives
    worker = lives.started()
    feed = Feed(site, 3000, 400)
    feed.start()
    until(lambda: sum(site.ends("decisions").values()) >= 300, why=worker.log)
    kafka_server.kill()
    time.sleep(1)
    assert worker.wait(0) is None, worker.log()
    kafka_server.restart()
    sent = feed.finish()
    decided = site.wait_until_decided(sent)
    seen(1, len(sent), len(sent - decided.keys()), sum(decided.values()) - len(decided))
    assert worker.wait(0) is None, worker.log()
    assert decided.keys() == sent
    end_well(worker)
    assert site.committed("transactions") == site.ends("transactions")
    assert worker.report()["decisions"] == sum(site.decided().values()) >= len(sent)


@injects(
    "the broker frozen (SIGSTOP) while a worker is stopped", "the process ends within its deadline"
)
@pytest.mark.slow
def test_sigterm_while_the_broker_is_frozen_ends_the_process_in_time(
    own_site: Site, own_lives: Lives, kafka_server: KafkaServer
) -> None:
    site, lives = own_site, own_lives
    worker = lives.started()
    feed = Feed(site, 400, 400)
    feed.start()
    feed.finish()
    site.wait_until_decided(feed.sent)
    late = Feed(site, 200, 400)
    late.start()
    time.sleep(0.2)
    kafka_server.pause()
    try:
        status = worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5)
    finally:
        kafka_server.resume()
    seen(1)
    assert status in (0, 1, 70), worker.log()
    assert "Traceback" not in worker.log()
    late.finish()
    committed, ends = site.committed("transactions"), site.ends("transactions")
    assert all(committed[p] <= ends[p] for p in committed)


@injects(
    "the broker frozen for good under a worker",
    "the process ends by itself; no offset is committed without its decision",
)
@pytest.mark.faults
@pytest.mark.slow
def test_output_that_a_frozen_broker_never_takes_ends_the_process_by_itself(
    tmp_path: Path, kafka_server: KafkaServer
) -> None:
    site = Site(tmp_path, kafka_server.bootstrap, '"delivery.timeout.ms" = 3000')
    site.create_topics()
    # More than is decided before the freeze: there is always output that nobody takes.
    feed = Feed(site, 60_000, 1e6)
    feed.start()
    feed.finish()
    with Lives(site) as lives:
        worker = lives.started()
        until(lambda: sum(site.ends("decisions").values()) >= 200, why=worker.log)
        kafka_server.pause()
        try:
            # Delivery gives up, the producer is flushed, and then closing has its deadline.
            status = worker.wait(3 + 5 + DEADLINE_SECONDS + 5)
        finally:
            kafka_server.resume()
    log = worker.log()
    assert status in (1, 70), log
    assert "was not delivered" in log
    assert "Traceback" not in log
    committed, decided = site.committed("transactions"), site.ends("decisions")
    n_committed = sum(committed.values())
    seen(1, n_committed, max(0, n_committed - sum(decided.values())))
    assert sum(committed.values()) <= sum(decided.values())


def test_missing_topics_are_a_line_that_says_what_to_do(site: Site) -> None:
    status, out, err = site.run("run", "--config", str(site.config))
    assert (status, out) == (1, "")
    line = assert_one_line(err)
    assert "run `fraudstream topics create`" in line
    # The audit trail is of those who give orders.
    of_worker = [topic for name, topic in site.topics.items() if name != "audit"]
    assert all(topic in line for topic in of_worker)


@pytest.mark.slow
def test_no_broker_is_a_line_within_twenty_seconds(tmp_path: Path) -> None:
    # Nobody listens on port 1.
    site = Site(tmp_path, "127.0.0.1:1")
    begun = time.monotonic()
    status, out, err = site.run("run", "--config", str(site.config))
    assert time.monotonic() - begun < 20
    assert (status, out) == (1, "")
    assert "no Kafka at 127.0.0.1:1" in assert_one_line(err)


def test_a_topic_that_does_not_exist_stops_the_source(kafka_bootstrap: str) -> None:
    from schemas.errors import BrokerError
    from stream.kafka.client import Connection
    from stream.kafka.source import Source

    absent = unique_name("absent")
    source = Source(Connection(kafka_bootstrap), unique_name("group"), [absent])

    def poll() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert source.poll(1, 0.2) == []

    try:
        with pytest.raises(BrokerError, match=rf"{absent} does not exist.*topics create"):
            poll()
    finally:
        source.close()


@pytest.mark.slow
def test_the_doctor_finds_a_missing_topic_and_nothing_else(
    site: Site, lives: Lives, tmp_path: Path
) -> None:
    site.create_topics()
    status, out, _ = lives.run("doctor", "--config", str(site.config), "--json")
    report = json.loads(out)
    assert (status, report["ok"]) == (0, True), report
    assert {"broker", "topics"} <= {check["check"] for check in report["checks"]}

    wrong = tmp_path / "wrong.toml"
    missing = site.topics["alerts"] + ".typo"
    text = site.config.read_text().replace(f'"{site.topics["alerts"]}"', f'"{missing}"')
    wrong.write_text(text)
    index = site.folder / "registry" / "registry.toml"
    index.write_text(index.read_text().replace(site.topics["alerts"], missing))
    status, out, _ = lives.run("doctor", "--config", str(wrong), "--json")
    report = json.loads(out)
    assert (status, report["ok"]) == (1, False)
    failed = [check for check in report["checks"] if not check["ok"]]
    assert [check["check"] for check in failed] == ["topics"]
    assert missing in failed[0]["text"]
    assert "fraudstream topics create" in failed[0]["text"]


@pytest.mark.slow
def test_the_doctor_says_whether_a_replay_would_find_its_records(site: Site, lives: Lives) -> None:
    from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

    site.create_topics()
    more = f'[recovery]\nfolder = "{site.folder / "state"}"\nsnapshot_interval = "30s"\n'
    site.config.write_text(site.config.read_text() + more)

    def told() -> tuple[bool, str]:
        _, out, _ = lives.run("doctor", "--config", str(site.config), "--json")
        (check,) = [check for check in json.loads(out)["checks"] if check["check"] == "recovery"]
        return check["ok"], check["text"]

    def set_topic(name: str, value: str) -> None:
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        topic = ConfigResource(
            ConfigResource.Type.TOPIC, site.topics["labels"], incremental_configs=[entry]
        )
        admin = AdminClient({"bootstrap.servers": site.bootstrap})
        for future in admin.incremental_alter_configs([topic]).values():
            future.result(SECONDS)

    ok, text = told()
    assert ok, text
    assert "the inputs are kept for 168.0 h at least" in text
    set_topic("retention.ms", "60000")
    ok, text = told()
    assert not ok
    assert f"{site.topics['labels']} keeps its records for 60 s" in text
    assert "raise its retention.ms to 3 intervals" in text
    set_topic("cleanup.policy", "compact")
    ok, text = told()
    assert not ok
    assert "is compacted" in text
