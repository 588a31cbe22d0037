"""A worker as a process of its own on a real Kafka, and payments for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inputs.payments import LABELS, TRANSACTIONS, Payments
from inputs.published import published
from servers.kafka_server import unique_name

from schemas.records import PACKAGE, RecordCodec, builtin

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.lives import Life

START_SECONDS = 60
SECONDS = 60
DEADLINE_SECONDS = 8
TOPICS = (
    *("transactions", "labels", "alerts", "dead_letters", "decisions", "label_reviews", "drift"),
    "audit",
)
PARTITIONS = 3
DECISIONS = published("decision")
REVIEWS = RecordCodec(builtin("label_review"), 6)
CONFIG = """
[kafka]
group = "{prefix}"
[kafka.client]
{client}
[topics]
{topics}
partitions = {partitions}
[registry]
folder = "{registry}"
[features]
names = ["amount", "{{card,merchant}}.{{count,amount_mean}}_{{10s,1m}}"]
[windows]
events_max = 100_000
entities_max = 50_000
[labels]
learn_interval = "250ms"
[worker]
commit_interval = "200ms"
shutdown_deadline = "{deadline}s"
"""
REMEMBERING = """
[model]
frauds_min = 5
genuine_min = 20
[decision]
review = {review}
[recovery]
folder = "{folder}"
snapshot_interval = "{interval}"
"""


def remembering(folder: Path | str, interval: str = "2s", review: float = 0.2) -> str:
    """Return the sections of a worker whose model is soon ready, and that can be recovered."""
    return REMEMBERING.format(folder=folder, interval=interval, review=review)


class Site:
    """A worker's place on a broker: topics, group, registry and configuration of its own.

    `client` are settings of librdkafka, `more` further sections of the configuration, `names`
    the keys of its topics.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        client: str = "",
        more: str = "",
        names: tuple[str, ...] = TOPICS,
    ) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.prefix = unique_name("site")
        self.topics = {name: f"{self.prefix}.{name}" for name in names}
        self.config = folder / "fraudstream.toml"
        self._logs = 0
        registry = folder / "registry"
        registry.mkdir()
        for file in PACKAGE.glob("*.avsc"):
            (registry / file.name).write_text(file.read_text())
        index = (PACKAGE / "registry.toml").read_text()
        (registry / "registry.toml").write_text(index.replace('"fraud.', f'"{self.prefix}.'))
        self.config.write_text(
            CONFIG.format(
                prefix=self.prefix,
                client=client,
                topics="\n".join(f'{name} = "{topic}"' for name, topic in self.topics.items()),
                partitions=PARTITIONS,
                registry=registry,
                deadline=DEADLINE_SECONDS,
            )
            + more
        )

    @property
    def environment(self) -> dict[str, str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith("FRAUD_")}
        return {
            **ours,
            "FRAUD_KAFKA__BOOTSTRAP": self.bootstrap,
            "FRAUD_SECURITY__HASH_KEY": "0123456789abcdef" * 2,
        }

    def start(self, *arguments: str) -> Running:
        self._logs += 1
        return Running(self, arguments, self.folder / f"{arguments[0]}-{self._logs}")

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command to its end; return its status, stdout and stderr."""
        done = subprocess.run(
            [sys.executable, "-m", "stream", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def create_topics(self) -> None:
        from stream.kafka.client import Connection
        from stream.kafka.topics import create

        connection, chain = Connection(self.bootstrap), self.topics["audit"]
        create(connection, [each for each in self.topics.values() if each != chain], PARTITIONS)
        create(connection, [chain], 1)

    def worker(self) -> Running:
        running = self.start("run", "--config", str(self.config), "--json")
        running.wait_for('"started"')
        return running

    def read(self, name: str) -> list[Any]:
        """Read a topic to its end."""
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

        topic = self.topics[name]
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "reader"})
        ends = self.ends(name)
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in ends])
        messages: list[Any] = []
        deadline = time.monotonic() + SECONDS
        while len(messages) < sum(ends.values()):
            assert time.monotonic() < deadline, f"{len(messages)} of {ends}"
            found = consumer.consume(1000, 0.1)
            assert all(m.error() is None for m in found)
            messages += found
        consumer.close()
        return messages

    def decided(self) -> Counter[str]:
        return Counter(
            DECISIONS.decode(m.value())["transaction_id"] for m in self.read("decisions")
        )

    def ends(self, name: str) -> dict[int, int]:
        """Return the end offset of each of a topic's partitions."""
        from confluent_kafka import KafkaError, KafkaException

        # A thawed or restarted broker is fenced until its session is renewed, and meanwhile
        # its partitions have no leader.
        leaderless = {
            KafkaError._UNKNOWN_PARTITION,
            KafkaError._TIMED_OUT,
            KafkaError.LEADER_NOT_AVAILABLE,
            KafkaError.NOT_LEADER_FOR_PARTITION,
        }
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                return self._ends(name)
            except KafkaException as failed:
                if failed.args[0].code() not in leaderless or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _ends(self, name: str) -> dict[int, int]:
        from confluent_kafka import Consumer, TopicPartition

        # One of its own for each try: a client remembers that a partition had no leader.
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "reader"})
        try:
            places = [TopicPartition(self.topics[name], p) for p in range(PARTITIONS)]
            return {
                place.partition: consumer.get_watermark_offsets(place, timeout=5)[1]
                for place in places
            }
        finally:
            consumer.close()

    def committed(self, name: str) -> dict[int, int]:
        from confluent_kafka import Consumer, TopicPartition

        from stream.kafka.committed import committed_offsets

        settings = {"bootstrap.servers": self.bootstrap, "group.id": self.prefix}
        consumer = Consumer(settings)
        try:
            places = [TopicPartition(self.topics[name], p) for p in range(PARTITIONS)]
            # A broker that has thawed does not know at once whose groups are its own.
            found = committed_offsets(consumer, places)
            return {place.partition: max(0, place.offset) for place in found}
        finally:
            consumer.close()

    def alert_ids(self) -> list[str]:
        return [dict(m.headers())["ce_id"].decode() for m in self.read("alerts")]

    def wait_for_more(self, n: int) -> None:
        """Wait until n more payments are decided."""
        before = sum(self.ends("decisions").values())
        until(lambda: sum(self.ends("decisions").values()) >= before + n)

    def wait_until_committed(self, *names: str) -> None:
        """Wait until all of these topics was taken and its offsets are committed."""
        for name in names:
            until(lambda name=name: self.committed(name) == self.ends(name))

    def wait_until_decided(self, ids: set[str], seconds: float = SECONDS) -> Counter[str]:
        deadline = time.monotonic() + seconds
        while True:
            # The end offsets are cheap to ask, the records are not.
            if sum(self.ends("decisions").values()) >= len(ids):
                decided = self.decided()
                if ids <= decided.keys():
                    return decided
            assert time.monotonic() < deadline, f"{self.ends('decisions')} of {len(ids)}"
            time.sleep(0.2)


class Running:
    """A command of ours in a process of its own."""

    def __init__(self, site: Site, arguments: tuple[str, ...], stem: Path) -> None:
        self.out, self.err = stem.with_suffix(".out"), stem.with_suffix(".err")
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stream", *arguments],
                env=site.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
            )
        PROCESSES.append(self.process)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while text not in self.err.read_text():
            assert self.process.poll() is None, self.err.read_text()
            assert time.monotonic() < deadline, self.err.read_text()
            time.sleep(0.05)

    def end(self, number: int, seconds: float) -> int:
        """Send a signal and return the exit status; a process that hangs is a failure."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.out.read_text())
        return report


PROCESSES: list[subprocess.Popen[bytes]] = []


def end_all() -> None:
    """Kill what was started and is still there."""
    for process in PROCESSES:
        process.kill()
        process.wait(10)
    PROCESSES.clear()


class Feed(threading.Thread):
    """Payments at a steady rate from a producer that sees to their acknowledgement."""

    def __init__(self, site: Site, n: int, rate_per_s: float) -> None:
        super().__init__(daemon=True)
        from confluent_kafka import Producer

        settings = {"bootstrap.servers": site.bootstrap, "enable.idempotence": True}
        self._producer = Producer({**settings, "log_level": 0})
        self._topic = site.topics["transactions"]
        self._n, self._rate = n, rate_per_s
        self.sent: set[str] = set()
        self.failed: list[Any] = []

    def run(self) -> None:
        begun = time.monotonic()
        for number in range(self._n):
            time.sleep(max(0.0, begun + number / self._rate - time.monotonic()))
            name = f"t-{number}"
            record = {
                "transaction_id": name,
                "event_time": time.time_ns() // 1000,
                "amount_minor": 1000 + number % 7,
                "card_id": f"card-{number % 50}",
                "merchant_id": "shop",
            }
            self._producer.produce(
                self._topic,
                TRANSACTIONS.encode(record),
                key=record["card_id"],
                on_delivery=lambda error, _: self.failed.append(error) if error else None,
            )
            self.sent.add(name)
            self._producer.poll(0)
        self._producer.flush(SECONDS)

    def finish(self) -> set[str]:
        self.join(SECONDS)
        assert not self.is_alive()
        assert self.failed == []
        return self.sent


# What librdkafka calls a partition that it chooses itself.
BY_KEY = -1


class Sender:
    """Sends payments with frauds among them, and their labels some payments later.

    Parameters
    ----------
    site : Site
    payments : Payments
    label_key : str, optional
        The key of every label; None if a label has the key of its payment.
    behind : int
        How many payments later a label comes.
    """

    def __init__(
        self, site: Site, payments: Payments, label_key: str | None = "desk", behind: int = 50
    ) -> None:
        from confluent_kafka import Producer

        # It waits for brokers that are bounced.
        settings: dict[str, Any] = {"bootstrap.servers": site.bootstrap, "enable.idempotence": True}
        settings |= {"log_level": 0, "delivery.timeout.ms": 120_000, "linger.ms": 2}
        self._producer = Producer(settings)
        self._site, self._label_key, self._behind = site, label_key, behind
        self.payments = payments
        self.sent: set[str] = set()
        self.failed: list[Any] = []

    def pay(self, **said: Any) -> None:
        """Send a payment, and the label of an earlier one."""
        number = len(self.payments)
        payment = self.payments.pay(**said)
        self.send("transactions", TRANSACTIONS.encode(payment), payment["card_id"])
        self.sent.add(payment["transaction_id"])
        if number >= self._behind:
            self.label(number - self._behind)

    def label(self, number: int, **said: Any) -> None:
        """Send the label of an earlier payment."""
        label = LABELS.encode(self.payments.label(number, **said))
        self.send("labels", label, self._label_key or self.payments.card(number))

    def send(self, topic: str, value: bytes, key: str | None, partition: int = BY_KEY) -> None:
        while True:
            try:
                self._producer.produce(
                    self._site.topics[topic],
                    value,
                    key=key,
                    partition=partition,
                    on_delivery=lambda error, _: self.failed.append(error) if error else None,
                )
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.05)

    def flush(self) -> None:
        """Wait until the broker has all that was sent."""
        left = self._producer.flush(SECONDS)
        assert (left, self.failed) == (0, [])


class Traffic(threading.Thread):
    """Payments and labels at a rate, from a thread.

    Parameters
    ----------
    site : Site
    rate_per_s : float
    seed : int
    label_key : str, optional
        As a `Sender` has it.
    n : int, optional
        How many payments; None if they go on until the traffic is told to finish.
    """

    def __init__(
        self,
        site: Site,
        rate_per_s: float,
        seed: int,
        label_key: str | None = "desk",
        n: int | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self.sender = Sender(site, Payments(seed), label_key)
        self._rate, self._n = rate_per_s, n
        self._ended = threading.Event()

    @property
    def sent(self) -> set[str]:
        return self.sender.sent

    def run(self) -> None:
        begun, number = time.monotonic(), 0
        while not self._ended.is_set() and number != self._n:
            time.sleep(max(0.0, begun + number / self._rate - time.monotonic()))
            self.turn(number)
            number += 1
        self.sender.flush()

    def turn(self, number: int) -> None:
        """Send a payment, and what comes with it."""
        self.sender.pay()

    def end(self) -> None:
        """Send no more."""
        self._ended.set()

    def finish(self, seconds: float = SECONDS) -> set[str]:
        """Wait for the last of so many payments, or make this one the last; return their names."""
        if self._n is None:
            self.end()
        self.join(seconds)
        assert not self.is_alive()
        assert self.sender.failed == []
        return self.sent


def until(so: Callable[[], bool], seconds: float = SECONDS, why: Callable[[], str] = str) -> None:
    """Wait until it is so; `why` says what there is to say if it never is."""
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, why()
        time.sleep(0.1)


def end_well(worker: Running | Life) -> None:
    """Stop a worker, which must end in time and without a fault."""
    assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.err.read_text()


def assert_one_line(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")
    return lines[0]
