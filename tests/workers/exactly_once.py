"""What went in, what a reader of committed records sees come out, and whether they agree."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from fault_log import repeats, seen
from inputs.payments import TRANSACTIONS
from workers import worker_site
from workers.lives import Life, Lives
from workers.worker_site import (
    DECISIONS,
    PARTITIONS,
    REVIEWS,
    SECONDS,
    Site,
    end_well,
    remembering,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# With fewer little is shown about them.
ALERTS_MIN = 50
OUTPUTS = ("alerts", "decisions", "dead_letters", "label_reviews", "drift")
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
""" + remembering("{folder}", "{interval}")


class Traffic(worker_site.Traffic):
    """Payments at a rate, some of them poison, and labels that contradict each other now and then.

    Parameters
    ----------
    site : Site
    n : int, optional
        How many payments; None if they go on until the traffic is told to finish.
    rate_per_s : float
    seed : int
    co_partitioned : bool
        Whether a label has the key of its payment.
    """

    # How many payments later an analyst says of some that they were frauds.
    LATE = 120

    def __init__(
        self,
        site: Site,
        n: int | None,
        rate_per_s: float,
        seed: int,
        co_partitioned: bool = False,
    ) -> None:
        super().__init__(site, rate_per_s, seed, None if co_partitioned else "desk", n)
        self.poison: Counter[bytes] = Counter()

    def turn(self, number: int) -> None:
        super().turn(number)
        if number >= self.LATE and number % 10 == 0:
            self.sender.label(number - self.LATE, is_fraud=True, source="ANALYST_REVIEW")
        if number % 100 == 7:
            poison = b"\1poison-%d" % number
            self.poison[poison] += 1
            self.sender.send("transactions", poison, self.sender.payments.card(number))

    def mark_each_partition(self) -> None:
        """Send something to each, so that whoever is given it takes something of it."""
        for partition in range(PARTITIONS):
            mark = b"\1poison-last-%d" % partition
            self.poison[mark] += 1
            self.sender.send("transactions", mark, None, partition)
        self.sender.flush()


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

    def end(self) -> None:
        """Read no more."""
        self._ended.set()

    def finish(self) -> dict[str, list[Any]]:
        self.end()
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


class Trial:
    """Traffic, workers that fare ill, a reader that looks on, and the judgement at the end.

    Parameters
    ----------
    site : Site
    n, rate_per_s, seed, co_partitioned
        Of the `Traffic`.
    """

    def __init__(
        self,
        site: Site,
        n: int | None,
        rate_per_s: float,
        seed: int,
        co_partitioned: bool = False,
    ) -> None:
        self._site = site
        self._endless = n is None
        self.traffic = Traffic(site, n, rate_per_s, seed, co_partitioned)
        self.reader = CommittedReader(site)
        self.lives = Lives(site)

    def __enter__(self) -> Trial:
        self.lives.__enter__()
        self.reader.start()
        self.traffic.start()
        return self

    def __exit__(self, *failed: object) -> None:
        self.traffic.end()
        self.reader.end()
        self.lives.__exit__(*failed)

    @property
    def decisions(self) -> int:
        """How many are committed and were read."""
        return len(self.reader.seen["decisions"])

    def settle(self) -> None:
        """Wait until everything has come out and its offsets are committed."""
        self.traffic.finish()
        self.reader.wait_for_decisions(len(self.traffic.sent))
        self._site.wait_until_committed("labels")

    def conclude(self, last: Life, faults: int, remembers: bool = True) -> None:
        """Stop the last worker, and judge what came of so many faults.

        `remembers` says whether its state goes back to the first payment.
        """
        if self._endless:
            # What piled up before the model was ready has none.
            until(lambda: len(self.reader.seen["alerts"]) > ALERTS_MIN)
        self.settle()
        end_well(last)
        for name in ("transactions", "labels"):
            assert self._site.committed(name) == self._site.ends(name)
        assert_exactly_once(self._site, self.traffic, self.reader.finish(), faults)
        if remembers:
            assert last.report()["decisions"] == len(self.traffic.sent)


def note(traffic: Traffic, read: dict[str, list[Any]], faults: int) -> None:
    """Count what has no output, and every output that is there more than once."""
    decided = [DECISIONS.decode(m.value()) for m in read["decisions"]]
    names = [each["transaction_id"] for each in decided]
    to_alert = {each["transaction_id"] for each in decided if each["decision"] != "ALLOW"}
    alerted = {dict(m.headers())["ce_subject"].decode() for m in read["alerts"]}
    letters = Counter(m.value() for m in read["dead_letters"])
    lost = len(traffic.sent - set(names)) + len(to_alert - alerted)
    lost += (traffic.poison - letters).total()
    reviews = [REVIEWS.decode(m.value()) for m in read["label_reviews"]]
    repeated = repeats(names) + repeats(letters.elements())
    repeated += repeats(dict(m.headers())["ce_id"] for m in read["alerts"])
    repeated += repeats((r["source_partition"], r["source_offset"]) for r in reviews)
    seen(faults, len(traffic.sent) + traffic.poison.total(), lost, repeated)


def assert_none_lost(traffic: Traffic, read: dict[str, list[Any]], faults: int) -> int:
    """Every input has some output after so many faults; return how many alerts came again."""
    decided = {DECISIONS.decode(m.value())["transaction_id"] for m in read["decisions"]}
    letters = Counter(m.value() for m in read["dead_letters"])
    ids = [dict(m.headers())["ce_id"] for m in read["alerts"]]
    lost = len(traffic.sent - decided) + (traffic.poison - letters).total()
    seen(faults, len(traffic.sent) + traffic.poison.total(), lost, repeats(ids))
    print(f"{repeats(ids)} of {len(ids)} alerts again")
    assert lost == 0
    assert decided == traffic.sent
    return repeats(ids)


def assert_exactly_once(
    site: Site, traffic: Traffic, read: dict[str, list[Any]], faults: int
) -> None:
    """Every input has its output once, in order, after so many faults; nothing else is there."""
    note(traffic, read, faults)
    decided = [DECISIONS.decode(m.value())["transaction_id"] for m in read["decisions"]]
    places = defaultdict(list)
    for message, name in zip(read["decisions"], decided, strict=True):
        places[name].append((message.partition(), message.offset(), message.timestamp()[1]))
    repeated = [each for each in places.items() if len(each[1]) > 1]
    assert repeated == [], f"{len(repeated)} decisions twice, of them {repeated[:5]}"
    assert set(decided) == traffic.sent
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
    alerts = defaultdict(list)
    for message in read["alerts"]:
        at = message.partition(), message.offset(), message.timestamp()[1]
        alerts[dict(message.headers())["ce_id"]].append(at)
    repeated = [each for each in alerts.items() if len(each[1]) > 1]
    assert repeated == [], f"{len(repeated)} alerts twice, of them {repeated[:5]}"
    assert len(alerts) > ALERTS_MIN, "few alerts: little was shown about them"
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
