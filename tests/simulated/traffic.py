"""What producers send: payments, labels and orders of all kinds, repeats, poison."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from zlib import crc32

from inputs.published import published
from simulated.setting import CONTROL, IN, KEY, LABELS, MODELS, PACE_MS, PARTITIONS, START_MS

from schemas.records import RecordCodec, builtin
from schemas.siphash import hash_texts

if TYPE_CHECKING:
    from simulated.world import World

    from stream.partition import Partition


def send_traffic(
    world: World, payments: int, by_name: bool = False, orders_share: float = 0.05
) -> None:
    """Fill the input topics: payments, labels and orders of all kinds, repeats, poison.

    `by_name`: what is said of a payment is in the partition of the same number, and an order
    in all of them.
    """
    rng, broker = world.rng, world.broker

    def place_of(topic: str, name: str) -> Partition:
        return topic, partition_of(name) if by_name else int(rng.integers(0, PARTITIONS))

    transactions = RecordCodec(builtin("transaction"), 1)
    labels = RecordCodec(builtin("label"), 2)
    orders = published("control")
    for topic in (IN, LABELS, CONTROL):
        for partition in range(PARTITIONS):
            broker.log(topic, partition)
    at_ms, pace_ms = START_MS, PACE_MS.get(world.setting, 60)
    for number in range(payments):
        at_ms += int(rng.exponential(pace_ms))
        name = f"t-{number if rng.random() < 0.95 else rng.integers(0, number + 1)}"
        fraud = bool(rng.random() < 0.3)
        behind_ms = int(rng.choice([0, 0, 0, 300, 1500]))
        payment = {
            "transaction_id": name,
            "event_time": (at_ms - behind_ms) * 1000,
            "amount_minor": int(rng.lognormal(10 if fraud else 7, 1)),
            "card_id": f"card-{rng.integers(0, 4) if fraud else rng.integers(0, 30)}",
            "merchant_id": f"shop-{rng.integers(0, 6)}",
        }
        value = transactions.encode(payment)
        if rng.random() < 0.04:
            value = value[: int(rng.integers(0, len(value)))]
        broker.append(place_of(IN, name), at_ms, b"k", value, [("h", b"x")])
        for _ in range(int(rng.choice([0, 1, 1, 2]))):
            named = name if rng.random() < 0.9 else f"t-{number + int(rng.integers(0, 40))}"
            label = {
                "transaction_id": named,
                "is_fraud": fraud if rng.random() < 0.9 else not fraud,
                "label_time": at_ms * 1000 + int(rng.integers(0, 3_000_000)),
                "source": str(rng.choice(["CUSTOMER", "CUSTOMER", "ANALYST_REVIEW"])),
                "confidence": float(rng.choice([1.0, 0.9, 0.3])),
            }
            place = place_of(LABELS, named)
            broker.append(place, at_ms + 1000, None, labels.encode(label), [("n", None)])
        if orders_share and rng.random() < orders_share:
            key = key_of(payment["card_id"])
            order = {
                "kind": "ERASE",
                "entity": "card" if rng.random() < 0.9 else "nobody",
                "key": f"{key:016x}",
                "requested_at": at_ms * 1000,
                "request_id": f"r-{number}",
            }
            one = int(rng.integers(0, PARTITIONS))
            for partition in range(PARTITIONS) if by_name else [one]:
                place = CONTROL, partition
                broker.append(place, at_ms + 500, None, orders.encode(order))
        if world.setting == "challenged" and rng.random() < 0.08:
            kind = str(rng.choice(["PROMOTE", "PROMOTE", "DISABLE", "ENABLE"]))
            order = {
                "kind": kind,
                "entity": "",
                "key": json.dumps({"model": str(rng.choice(MODELS)), "why": f"number {number}"}),
                "requested_at": at_ms * 1000,
                "request_id": f"m-{number}",
            }
            one = int(rng.integers(0, PARTITIONS))
            for partition in range(PARTITIONS) if by_name else [one]:
                broker.append((CONTROL, partition), at_ms + 500, None, orders.encode(order))
    if pace_ms > 60:
        # Days have passed when workers begin: nothing of it is in the future.
        world.seconds += (at_ms - START_MS) / 1000


def partition_of(name: str) -> int:
    """Return where what is said of a payment is, where its name says so."""
    return crc32(name.encode()) % PARTITIONS


def key_of(name: str) -> int:
    """Return the keyed hash of an id."""
    return int(hash_texts([name], KEY)[0])
