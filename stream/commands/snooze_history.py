"""Snoozes as the orders of the control topic leave them, for commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stream.admission.snoozes import Snooze, SnoozeError, Snoozes, read_snooze
from stream.config.configuration import Config
from stream.engine.control import ControlKind
from stream.kafka.control_topic import Order
from stream.lists.orders import KEY


class SnoozeInForce(NamedTuple):
    """A snooze that is in force, and the order that it came by.

    Attributes
    ----------
    snooze : Snooze
    arrived_us : int
        When the order was in the topic, microseconds since 1970.
    request_id : str
    """

    snooze: Snooze
    arrived_us: int
    request_id: str


def snoozes_of(config: Config, orders: Iterable[Order], at_us: int) -> list[SnoozeInForce]:
    """Return the snoozes in force at a time, in the order in which they were taken.

    What a worker would refuse is passed over. It ends snoozes by the time of payments, which is
    taken to be the time at which orders arrive.

    Parameters
    ----------
    config : Config
    orders : iterable of Order
        In their order.
    at_us : int
        Microseconds since 1970.
    """
    entities = tuple(config.fields.entities)
    known = Snoozes(entities)
    came_by: dict[Snooze, tuple[int, str]] = {}
    for order in orders:
        fields = order.fields
        if fields["kind"] == ControlKind.ERASE.name and KEY.fullmatch(fields["key"]):
            known.erase(fields["entity"], int(fields["key"], 16))
        if fields["kind"] != ControlKind.SNOOZE.name:
            continue
        try:
            snooze = read_snooze(fields["key"], entities)
        except SnoozeError:
            continue
        if known.take(snooze, order.arrived_us):
            came_by[snooze] = order.arrived_us, fields["request_id"]
    return [SnoozeInForce(each, *came_by[each]) for each in known.in_force(at_us)]
