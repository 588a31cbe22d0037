"""The job that all contestants do, and the records they do it on.

Payments of the shipped contract (15 fields, Avro), three entities, 45 features: count, sum and
mean over five windows of each. A linear model scores every payment and learns from its label, which
comes on a topic of its own, one for each payment and long after it. Alerts go to a topic.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.records import RecordCodec, builtin

ENTITIES = {"card": "card_id", "merchant": "merchant_id", "device": "device_id"}
WINDOWS = {"10m": 600, "1h": 3_600, "1d": 86_400, "7d": 604_800, "30d": 2_592_000}
# Of the shipped registry: what stands in front of every value.
PAYMENT_SCHEMA, LABEL_SCHEMA = 1, 2
PARTITIONS = 8
OUTPUTS = ("alerts", "decisions", "dead-letters", "label-reviews", "orders")
START_S = 1_700_000_000
_FRAUDS = 0.02
_ZIPF, _HOT = 1.2, 0.3
_MINOR_PER_UNIT = 100


@dataclass(frozen=True)
class Job:
    """Where the records are, and how many.

    Parameters
    ----------
    bootstrap : str
    payments, labels, out : str
        Topics: two that are read, and what the topics that are written begin with.
    n : int
        Payments that are timed, and labels, if there are any.
    seed : int
    warm : int
        Payments before the clock starts; there are labels of the first half of them. Timed are
        the labels that follow. By default twice as many as are timed.
    labelled : bool
        Whether labels are timed too.
    per_s : int
        Payments a second of event time.
    partitions : int
        Of each topic.
    hot : bool
        Whether some have far more payments than others: cards and shops follow Zipf's law, and
        one shop has three of ten.
    """

    bootstrap: str
    payments: str
    labels: str
    out: str
    n: int
    seed: int = 1
    warm: int = -1
    labelled: bool = True
    per_s: int = 100
    partitions: int = PARTITIONS
    hot: bool = False

    def __post_init__(self) -> None:
        if self.warm < 0:
            object.__setattr__(self, "warm", 2 * self.n)

    @property
    def topics(self) -> list[str]:
        """All its topics."""
        return [self.payments, self.labels, *(f"{self.out}-{name}" for name in OUTPUTS)]

    @property
    def decisions(self) -> str:
        """The topic of decisions."""
        return f"{self.out}-decisions"

    @property
    def orders(self) -> str:
        """The topic of orders."""
        return f"{self.out}-orders"

    @property
    def labels_before(self) -> int:
        """How many labels there are before the clock starts."""
        return self.warm // 2

    @property
    def timed(self) -> int:
        """How many records are timed."""
        return 2 * self.n if self.labelled else self.n

    @classmethod
    def given(cls) -> Job:
        """Return the job of this process's command line."""
        return cls(**json.loads(sys.argv[1]))

    def text(self) -> str:
        """Return it as a command line takes it."""
        return json.dumps(asdict(self))


def create_topics(job: Job) -> None:
    """Make the topics."""
    admin = AdminClient({"bootstrap.servers": job.bootstrap})
    config = {"retention.ms": "-1"}
    topics = [NewTopic(name, job.partitions, 1, config=config) for name in job.topics]
    for made in admin.create_topics(topics).values():
        made.result(30.0)


def delete_topics(job: Job) -> None:
    """Delete what was made, and the room that it takes."""
    admin = AdminClient({"bootstrap.servers": job.bootstrap})
    for gone in admin.delete_topics(job.topics).values():
        gone.result(30.0)


def feature_names(windows: Iterable[str] = tuple(WINDOWS)) -> list[str]:
    """Return the names of the features, by entity and window."""
    what = "count", "amount_sum", "amount_mean"
    return [f"{of}.{each}_{window}" for of in ENTITIES for window in windows for each in what]


class Records:
    """The payments of a job in order, and their labels."""

    def __init__(self, job: Job) -> None:
        rng = np.random.default_rng(job.seed)
        self._per_s = job.per_s
        n = job.warm + job.n
        self._cards = rng.integers(0, max(n // 20, 50), n)
        self._shops = rng.integers(0, max(n // 200, 20), n)
        self._devices = rng.integers(0, max(n // 10, 50), n)
        if job.hot:
            self._cards = np.minimum(rng.zipf(_ZIPF, n), max(n // 20, 50)) - 1
            shops = np.minimum(rng.zipf(_ZIPF, n), max(n // 200, 20))
            self._shops = np.where(rng.random(n) < _HOT, 0, shops)
        self._frauds = rng.random(n) < _FRAUDS
        self._amounts = rng.lognormal(8 + 2 * self._frauds, 1).astype(np.int64)
        self._payment = RecordCodec(builtin("transaction"), PAYMENT_SCHEMA)
        self._label = RecordCodec(builtin("label"), LABEL_SCHEMA)

    def payments(self, first: int, behind: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield the key and the value of payments."""
        for i in range(first, behind):
            card = f"card-{self._cards[i]}"
            record = {
                "transaction_id": f"t-{i}",
                "event_time": self._time_us(i),
                "amount_minor": int(self._amounts[i]),
                "currency": "EUR",
                "card_id": card,
                "customer_id": f"customer-{self._cards[i]}",
                "merchant_id": f"merchant-{self._shops[i]}",
                "terminal_id": f"terminal-{self._shops[i]}",
                "device_id": f"device-{self._devices[i]}",
                "channel": "ATM",
                "category_code": 5411,
                "country": "DE",
                "latitude": 52.52,
                "longitude": 13.4,
                "card_present": False,
            }
            yield card.encode(), self._payment.encode_checked(record)

    def features(self, i: int, of: Iterable[str] = tuple(ENTITIES)) -> dict[str, float]:
        """Return a payment's features by their definition: all of an entity's payments until then.

        Parameters
        ----------
        i : int
            Its number.
        of : iterable of str, optional
            Entities.
        """
        seen = {"card": self._cards, "merchant": self._shops, "device": self._devices}
        features: dict[str, float] = {}
        for entity in of:
            same = np.flatnonzero(seen[entity][: i + 1] == seen[entity][i])
            times_us = np.array([self._time_us(int(j)) for j in same])
            for window, seconds in WINDOWS.items():
                inside = same[times_us > self._time_us(i) - seconds * 1_000_000]
                units = int(self._amounts[inside].sum()) / _MINOR_PER_UNIT
                values = {"count": len(inside), "amount_sum": units}
                values["amount_mean"] = units / len(inside)
                features |= {f"{entity}.{each}_{window}": values[each] for each in values}
        return features

    def labels(self, first: int, behind: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield the key and the value of the labels of payments."""
        for i in range(first, behind):
            record = {
                "transaction_id": f"t-{i}",
                "is_fraud": bool(self._frauds[i]),
                "label_time": self._time_us(i) + 3_600_000_000,
                "source": "CUSTOMER",
                "confidence": 1.0,
            }
            yield f"card-{self._cards[i]}".encode(), self._label.encode(record)

    def _time_us(self, i: int) -> int:
        return START_S * 1_000_000 + i * 1_000_000 // self._per_s


def send(job: Job, topic: str, records: Iterator[tuple[bytes, bytes]]) -> None:
    """Put records on a topic, by their keys."""
    settings: dict[str, Any] = {
        "bootstrap.servers": job.bootstrap,
        "linger.ms": 20,
        "batch.num.messages": 100,
    }
    producer = Producer({**settings, "partitioner": "murmur2_random", "enable.idempotence": True})
    for key, value in records:
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush(60.0)
    if len(producer):
        raise RuntimeError(f"{len(producer)} records of {topic} were not delivered in a minute")
