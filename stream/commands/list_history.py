"""Lists as the orders of the control topic leave them, for commands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stream.commands.moments import shown
from stream.config.configuration import Config
from stream.kafka.control_topic import Order
from stream.lists.entries import Entry
from stream.lists.history import Asked, History
from stream.lists.orders import KEY, ListsOrder, parse_lists_order


def history_of(
    config: Config, orders: Iterable[Order], name: str = "", keys: Iterable[int] = ()
) -> History:
    """Return what lists were when the last of some orders had arrived.

    Parameters
    ----------
    config : Config
    orders : iterable of Order
        In their order.
    name : str
        See `History`.
    keys : iterable of int
        As above.
    """
    history = History(config.lists.declared(), name, keys)
    for order in orders:
        _take(history, order)
    return history


def entry_told(entry: Entry, asked: Asked) -> dict[str, Any]:
    """Return an entry, and who asked for it, in values that JSON has."""
    bounds = {"since": shown(entry.since_us), "until": shown(entry.until_us)}
    return {"key": f"{entry.key:016x}", **bounds, **asked_told(asked)}


def asked_told(asked: Asked) -> dict[str, Any]:
    """Return who asked for something, in values that JSON has."""
    return {
        "arrived": shown(asked.arrived_us),
        "requested": shown(asked.requested_us),
        "by": asked.by,
        "reason": asked.reason,
        "request_id": asked.request_id,
    }


def _take(history: History, order: Order) -> None:
    """Carry out an order as the engine does; what it would refuse is passed over."""
    fields = order.fields
    asked = Asked(order.arrived_us, fields["requested_at"], fields["request_id"])
    if fields["kind"] == "ERASE" and KEY.fullmatch(fields["key"]):
        history.erase(fields["entity"], int(fields["key"], 16), asked)
    if fields["kind"] == "LISTS":
        found = parse_lists_order(fields["key"])
        if isinstance(found, ListsOrder):
            history.take(found, asked._replace(by=found.by, reason=found.reason))
