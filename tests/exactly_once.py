"""What went in, what a reader of committed records sees come out, and whether they agree."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from fault_log import repeats, seen
from worker_site import DECISIONS, LABELS, PARTITIONS, REVIEWS, SECONDS, TRANSACTIONS, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OUTPUTS = ("alerts", "decisions", "dead_letters", "label_reviews")
Settings = dict[str, Any]
# Brokers that are bounced are away for longer than the transactions of other tests last.
PATIENT = """
"session.timeout.ms" = 1000
"heartbeat.interval.ms" = 200
"""
CLIENT = """
"session.timeout.ms" = 1000
"heartbeat.interval.ms" = 200
"transaction.timeout.ms" = 4000
"delivery.timeout.ms" = 3000
"""
# The one that is not killed must not be thrown out because the machine is busy.
WIDE_AWAKE = """
"session.timeout.ms" = 6000
"heartbeat.interval.ms" = 500
"transaction.timeout.ms" = 4000
"delivery.timeout.ms" = 3000
"""
MORE = """
guarantee = "exactly_once"
state = "{state}"
partial_features = true
[model]
frauds_min = 5
genuine_min = 20
[decision]
review = 0.2
[recovery]
folder = "{folder}"
snapshot_interval = "{interval}"
"""


class Traffic(threading.Thread):
    """Payments at a rate, some of them poison, and labels that contradict each other now and then.

    Parameters
    ----------
    site : Site
    n : int
        How many payments.
    rate_per_s : float
    seed : int
    co_partitioned : bool
        Whether a label has the key of its payment.
    """

    def __init__(
        self, site: Site, n: int, rate_per_s: float, seed: int, co_partitioned: bool = False
    ) -> None:
        super().__init__(daemon=True)
        from confluent_kafka import Producer

        # One that waits for brokers that are bounced.
        settings: Settings = {"bootstrap.servers": site.bootstrap, "enable.idempotence": True}
        settings |= {"log_level": 0, "delivery.timeout.ms": 120_000, "linger.ms": 2}
        self._producer = Producer(settings)
        self._site, self._n, self._rate = site, n, rate_per_s
        self._co_partitioned = co_partitioned
        self._rng = np.random.default_rng(seed)
        self.sent: list[str] = []
        self.poison: Counter[bytes] = Counter()
        self.failed: list[Any] = []

    def run(self) -> None:
        begun = time.monotonic()
        for number in range(self._n):
            time.sleep(max(0.0, begun + number / self._rate - time.monotonic()))
            self._pay(number)
            if number % 100 == 7:
                self.poison[b"\1poison-%d" % number] += 1
                self._send("transactions", b"\1poison-%d" % number, f"card-{number % 50}")
        self._producer.flush(SECONDS)

    def finish(self, seconds: float = SECONDS) -> None:
        self.join(seconds)
        assert not self.is_alive()
        assert self.failed == []

    def _pay(self, number: int) -> None:
        fraud = bool(self._rng.random() < 0.2)
        name, now_us = f"t-{number}", time.time_ns() // 1000
        payment = {
            "transaction_id": name,
            "event_time": now_us,
            "amount_minor": int(self._rng.lognormal(10 if fraud else 7, 1)),
            "card_id": f"card-{number % 50}",
            "merchant_id": f"shop-{number % 7}",
        }
        self._send("transactions", TRANSACTIONS.encode(payment), payment["card_id"])
        self.sent.append(name)
        for behind, says, source in ((50, fraud, "CUSTOMER"), (120, True, "ANALYST_REVIEW")):
            if number >= behind and (behind == 50 or number % 10 == 0):
                label = {"transaction_id": f"t-{number - behind}", "is_fraud": says}
                label |= {"label_time": now_us, "source": source, "confidence": 1.0}
                card = f"card-{(number - behind) % 50}"
                self._send("labels", LABELS.encode(label), card if self._co_partitioned else "desk")
        self._producer.poll(0)

    def _send(self, topic: str, value: bytes, key: str) -> None:
        while True:
            try:
                self._producer.produce(
                    self._site.topics[topic],
                    value,
                    key=key,
                    on_delivery=lambda error, _: self.failed.append(error) if error else None,
                )
                return
            except BufferError:
                self._producer.poll(0.05)


class CommittedReader(threading.Thread):
    """Read all output from its beginning, committed records only, while it is being written."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self._site = site
        self._ended = threading.Event()
        self.seen: dict[str, list[Any]] = {name: [] for name in OUTPUTS}
        self.errors: list[Any] = []

    def run(self) -> None:
        names = {self._site.topics[name]: name for name in OUTPUTS}
        consumer = reader_of(self._site, OUTPUTS)
        while not self._ended.is_set():
            for message in consumer.consume(1000, 0.05):
                if message.error() is None:
                    self.seen[names[message.topic()]].append(message)
                elif not message.error().retriable():
                    self.errors.append(message.error())
        consumer.close()

    def wait_for_decisions(
        self, n: int, seconds: float = SECONDS, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        deadline = time.monotonic() + seconds
        while len(self.seen["decisions"]) < n:
            meanwhile()
            assert time.monotonic() < deadline, f"{len(self.seen['decisions'])} of {n}"
            time.sleep(0.05)

    def finish(self) -> dict[str, list[Any]]:
        self._ended.set()
        self.join(SECONDS)
        assert self.errors == []
        return self.seen


def reader_of(site: Site, names: Iterable[str]) -> Any:
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    settings: Settings = {"bootstrap.servers": site.bootstrap, "group.id": "committed-reader"}
    settings |= {"isolation.level": "read_committed", "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer({**settings, "enable.partition.eof": False})
    topics = [site.topics[name] for name in names]
    consumer.assign(
        [TopicPartition(t, p, OFFSET_BEGINNING) for t in topics for p in range(PARTITIONS)]
    )
    return consumer


def read_committed(site: Site, name: str) -> list[Any]:
    """Read a topic to the end of what is committed."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

    settings: Settings = {"bootstrap.servers": site.bootstrap, "group.id": "committed-reader"}
    consumer = Consumer({**settings, "enable.partition.eof": True, "log_level": 0})
    topic, ended, messages = site.topics[name], set(), []
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    deadline = time.monotonic() + SECONDS
    while len(ended) < PARTITIONS:
        assert time.monotonic() < deadline
        for message in consumer.consume(1000, 0.1):
            if message.error() is None:
                messages.append(message)
            else:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                ended.add(message.partition())
    consumer.close()
    return messages


def note(traffic: Traffic, read: dict[str, list[Any]], faults: int) -> None:
    """Count what has no output, and every output that is there more than once."""
    decided = [DECISIONS.decode(m.value()) for m in read["decisions"]]
    names = [each["transaction_id"] for each in decided]
    to_alert = {each["transaction_id"] for each in decided if each["decision"] != "ALLOW"}
    alerted = {dict(m.headers())["ce_subject"].decode() for m in read["alerts"]}
    letters = Counter(m.value() for m in read["dead_letters"])
    lost = len(set(traffic.sent) - set(names)) + len(to_alert - alerted)
    lost += (traffic.poison - letters).total()
    reviews = [REVIEWS.decode(m.value()) for m in read["label_reviews"]]
    repeated = repeats(names) + repeats(letters.elements())
    repeated += repeats(dict(m.headers())["ce_id"] for m in read["alerts"])
    repeated += repeats((r["source_partition"], r["source_offset"]) for r in reviews)
    seen(faults, len(traffic.sent) + traffic.poison.total(), lost, repeated)


def assert_exactly_once(
    site: Site, traffic: Traffic, read: dict[str, list[Any]], faults: int
) -> None:
    """Every input has its output once, in order, after so many faults; nothing else is there."""
    note(traffic, read, faults)
    decided = [DECISIONS.decode(m.value())["transaction_id"] for m in read["decisions"]]
    repeated = {name: n for name, n in Counter(decided).items() if n > 1}
    assert repeated == {}
    assert set(decided) == set(traffic.sent)
    # Of one input partition the decisions in one output partition keep their order.
    where = {}
    for message in read_committed(site, "transactions"):
        if not message.value().startswith(b"\1poison"):
            name = TRANSACTIONS.decode(message.value())["transaction_id"]
            where[name] = message.partition(), message.offset()
    order = defaultdict(list)
    for message, name in zip(read["decisions"], decided, strict=True):
        order[message.partition(), where[name][0]].append(where[name][1])
    assert all(offsets == sorted(offsets) for offsets in order.values())
    alerts = Counter(dict(m.headers())["ce_id"] for m in read["alerts"])
    assert set(alerts.values()) <= {1}
    alerted = {DECISIONS.decode(m.value())["transaction_id"]: m for m in read["decisions"]}
    raised = {
        name for name, m in alerted.items() if DECISIONS.decode(m.value())["decision"] != "ALLOW"
    }
    assert {dict(m.headers())["ce_subject"].decode() for m in read["alerts"]} == raised
    letters = Counter(m.value() for m in read["dead_letters"])
    poison = Counter({value: n for value, n in letters.items() if value.startswith(b"\1poison")})
    assert poison == traffic.poison
    assert set(letters.values()) <= {1}
    reviews = [REVIEWS.decode(m.value()) for m in read["label_reviews"]]
    places = Counter((r["source_partition"], r["source_offset"]) for r in reviews)
    assert set(places.values()) <= {1}
    print({name: len(records) for name, records in read.items()})
