"""The control topic from its beginning: all orders that were ever given, in their order."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Message

from schemas.errors import SchemaError
from schemas.records import RecordCodec
from schemas.wire import unframe
from stream.kafka.client import Connection
from stream.kafka.reader import PartitionReader


class Order(NamedTuple):
    """An order as it lies there.

    Attributes
    ----------
    arrived_us : int
        By the record's own time, microseconds since 1970.
    partition, offset : int
    fields : dict
        As `schemas/control.avsc` names them.
    """

    arrived_us: int
    partition: int
    offset: int
    fields: dict[str, Any]


class AllOrders(NamedTuple):
    """What the topic holds.

    Attributes
    ----------
    orders : list of Order
        Merged as a worker merges partitions: the one that is behind comes first.
    partitions : int
    gone : int
        Records at the beginning that are no longer there.
    unreadable : int
        Records that are no orders; a worker makes them dead letters.
    """

    orders: list[Order]
    partitions: int
    gone: int
    unreadable: int


def read_orders(
    connection: Connection, group: str, topic: str, codecs: Mapping[int, RecordCodec]
) -> AllOrders:
    """Read all orders of a topic, which are few.

    Parameters
    ----------
    connection : Connection
    group : str
        It is neither joined nor disturbed.
    topic : str
    codecs : mapping of int to RecordCodec
        Of every allowed version of the contract, by its id.

    Raises
    ------
    BrokerError
        If the brokers do not answer, or the topic is not there.
    """
    reader = PartitionReader(connection, group)
    try:
        first, behind = reader.ends(topic)
        found: dict[int, list[Order]] = {number: [] for _, number in first}
        unreadable = 0
        for messages in reader.read(first, behind):
            for message in messages:
                order = _order_of(message, codecs)
                if order is None:
                    unreadable += 1
                else:
                    found[order.partition].append(order)
    finally:
        reader.close()
    orders = list(heapq.merge(*found.values(), key=lambda order: order.arrived_us))
    return AllOrders(orders, len(first), sum(first.values()), unreadable)


def once_each(told: AllOrders) -> Iterator[tuple[Order, int]]:
    """Yield each order that was sent to every partition once, and how many have it."""
    first: dict[tuple[str, str, str], Order] = {}
    places: dict[tuple[str, str, str], set[int]] = {}
    for order in told.orders:
        fields = order.fields
        same = (fields["request_id"], fields["entity"], fields["key"])
        first.setdefault(same, order)
        places.setdefault(same, set()).add(order.partition)
    for same, order in first.items():
        yield order, len(places[same])


def _order_of(message: Message, codecs: Mapping[int, RecordCodec]) -> Order | None:
    value = message.value() or b""
    try:
        schema_id, _ = unframe(value)
        fields = codecs[schema_id].decode(value)
    except (SchemaError, KeyError):
        return None
    _, arrived_ms = message.timestamp()
    return Order(
        arrived_ms * 1000, int(message.partition() or 0), int(message.offset() or 0), fields
    )
