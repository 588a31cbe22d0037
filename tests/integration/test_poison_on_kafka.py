"""Poison among the payments, and nothing but poison: all of it is kept, and no memory grows."""

from __future__ import annotations

import json
import math
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fault_log import injects, seen
from seeds import seeds
from workers.lives import Lives
from workers.twins import site_of, taken
from workers.worker_site import DEADLINE_SECONDS, SECONDS, Site

from schemas.columns import Reason
from schemas.index import write_index
from schemas.records import RecordCodec
from schemas.wire import frame

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.faults]
ROUNDS, RECORDS = 6, 10_000
# Of an allocator that has not found its size yet; queues are emptied between rounds.
GROWTH_MAX = 16 << 20
# Amounts as a payment's own schema may have them.
SCHEMA = {
    "type": "record",
    "name": "Mine",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "value", "type": "double"},
        {"name": "who", "type": "string"},
    ],
}
FIELDS = """[fields]
transaction_id = "id"
event_time = "at"
amount = "value"
amount_unit = "major"
entities = { card = "who" }
[features]
names = ["amount", "card.{count,amount_mean}_{10s,1m}"]
"""
CODEC = RecordCodec(SCHEMA, 1)


def with_amounts_as_doubles(site: Site) -> None:
    """Let the site's payments be of the schema above."""
    text = site.config.read_text()
    begin, end = text.index("[features]"), text.index("[windows]")
    text = text[:begin] + FIELDS + text[end:]
    # What is remembered is full after a round, and takes no more memory from then on.
    text = text.replace("events_max = 100_000", "events_max = 5_000")
    text = text.replace("[labels]", "[labels]\nwaiting_max = 5_000")
    site.config.write_text(text)
    registry = site.folder / "registry"
    (registry / "mine.avsc").write_text(json.dumps(SCHEMA))
    index = (registry / "registry.toml").read_text()
    before, _, rest = index.partition('file = "transaction.avsc"\n')
    pins, _, rest = rest.partition("\n\n")
    assert "fingerprint" in pins
    (registry / "registry.toml").write_text(f'{before}file = "mine.avsc"\n\n{rest}')
    write_index(registry)


def payment(number: int, value: float = 12.5, at_us: int | None = None) -> bytes:
    at_us = time.time_ns() // 1000 if at_us is None else at_us
    record = {"id": f"t-{number}", "at": at_us, "value": value, "who": f"card-{number % 50}"}
    return CODEC.encode(record)


def poison(number: int, rng: np.random.Generator) -> tuple[bytes | None, Reason]:
    """Return a record of a kind that is refused, and the reason."""
    good = payment(number)
    kinds: list[tuple[bytes | None, Reason]] = [
        (None, Reason.NULL_VALUE),
        (b"", Reason.NULL_VALUE),
        (good[: 1 + number % 4], Reason.TOO_SHORT),
        (b"{" + good[1:], Reason.WRONG_MAGIC),
        (frame(900 + number % 7, good[5:]), Reason.UNKNOWN_SCHEMA_ID),
        (good[: 6 + number % (len(good) - 6)], Reason.TRUNCATED),
        # A text that says it is longer than there is memory.
        (good[:5] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" + good[6:], Reason.TRUNCATED),
        (good[:5] + b"\xff" * 11 + good[5:], Reason.VARINT_TOO_LONG),
        (good + bytes(5000), Reason.OVERSIZE),
        (b"\x02" + rng.bytes(int(rng.integers(5, 60))), Reason.WRONG_MAGIC),
        (payment(number, math.nan), Reason.AMOUNT_NOT_FINITE),
        (payment(number, math.inf), Reason.AMOUNT_NOT_FINITE),
        (payment(number, -math.inf), Reason.AMOUNT_NOT_FINITE),
        (payment(number, 1e308), Reason.AMOUNT_TOO_LARGE),
        (payment(number, -1.0), Reason.AMOUNT_NEGATIVE),
        (payment(number, at_us=2**62), Reason.EVENT_TIME_IN_FUTURE),
        (payment(number, at_us=0), Reason.EVENT_TIME_TOO_EARLY),
    ]
    return kinds[number % len(kinds)]


@pytest.fixture
def site(tmp_path: Path, kafka_bootstrap: str) -> Site:
    site = site_of(tmp_path / "site", kafka_bootstrap)
    with_amounts_as_doubles(site)
    return site


HELD = "each is a dead letter, once, with its bytes; the worker goes on, and grows by no memory"


@pytest.mark.parametrize(
    "share",
    [
        pytest.param(0.01, marks=injects("poison: one record in a hundred", HELD), id="1-percent"),
        pytest.param(1.0, marks=injects("poison: every record", HELD), id="100-percent"),
    ],
)
@seeds(1)
def test_poison_is_counted_and_costs_no_memory(site: Site, share: float, seed: int) -> None:
    from confluent_kafka import Producer

    rng = np.random.default_rng(seed)
    producer = Producer({"bootstrap.servers": site.bootstrap, "enable.idempotence": True})
    topic = site.topics["transactions"]
    expected: Counter[bytes | None] = Counter()
    reasons: Counter[str] = Counter()
    good, memory, number = 0, [], 0
    with Lives(site) as lives:
        worker = lives.worker()
        for _ in range(ROUNDS):
            for _ in range(RECORDS):
                if rng.random() < share:
                    value, reason = poison(number, rng)
                    expected[value] += 1
                    reasons[reason.name.lower()] += 1
                else:
                    value, good = payment(number), good + 1
                producer.produce(topic, value, key=b"card-%d" % (number % 50))
                producer.poll(0)
                number += 1
            assert producer.flush(SECONDS) == 0
            taken(site)
            memory.append(worker.resident())
        # What was poison is followed by a payment like any other.
        producer.produce(topic, payment(number), key=b"card")
        assert producer.flush(SECONDS) == 0
        taken(site)
        assert worker.end(signal.SIGTERM, DEADLINE_SECONDS + 5) == 0, worker.log()
    report = worker.report()
    letters = Counter(m.value() for m in site.read("dead_letters"))
    decided = site.decided()
    lost = (expected - letters).total() + good + 1 - len(decided)
    seen(expected.total(), number + 1, lost, (letters - expected).total())
    grown = memory[-1] - memory[2]
    print(f"{letters.total():,} dead letters; {[each >> 20 for each in memory]} MB, {reasons}")
    assert letters == expected
    assert report["dead_letters"] == expected.total()
    assert report["dead_letters_by_reason"] == reasons
    assert len(decided) == good + 1
    assert set(decided.values()) == {1}
    assert report["records"] == number + 1
    assert grown < GROWTH_MAX, memory
