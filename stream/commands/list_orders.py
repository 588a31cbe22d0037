"""What the commands about lists share: the declared list, its hashes, and giving orders."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from schemas.errors import ConfigError
from stream.cases.administration import Administration, Order, Ordered
from stream.cli.console import say
from stream.commands.hashing import Hashing
from stream.commands.moments import now_us
from stream.config.configuration import Config
from stream.features.grammar import nearest, quoted
from stream.lists.declaration import ListDeclaration
from stream.lists.orders import ListsOrder, parse_lists_order, text_of

# Of a request somebody else sees the whole: so many orders of a thousand entries are less than an
# entry of the audit trail may have.
_ORDERS_A_REQUEST = 6


class Deed(NamedTuple):
    """What is done to a list, as the audit trail notes it.

    Attributes
    ----------
    what : str
        The act, such as ``lists add``.
    subject : str
    by, note : str
        Who does it, and why.
    before, after
        In values that JSON has; None where nobody knows.
    """

    what: str
    subject: str
    by: str
    note: str
    before: Any
    after: Any


def declared_list(config: Config, name: str) -> ListDeclaration:
    """Return a declared list.

    Raises
    ------
    ConfigError
        There is none of this name.
    """
    for declared in config.lists.declared():
        if declared.name == name:
            return declared
    near = nearest(name, config.lists.tables, "the configuration")
    raise ConfigError(f"no list is declared as [lists.{quoted(name)[1:-1]}]{near}")


def hashing_of(config: Config, declared: ListDeclaration) -> Hashing:
    """Return what hashes the values of a list."""
    fields = config.fields
    return Hashing(config, fields.entities.get(declared.of) or fields.categorical[declared.of])


def order_of(
    name: str,
    added: dict[int, tuple[int, int]],
    removed: Iterable[int],
    reason: str,
    by: str,
) -> ListsOrder:
    """Return an order.

    Parameters
    ----------
    name : str
    added : dict of int to (int, int)
        Keys, from when and until when.
    removed : iterable of int
        Keys.
    reason, by : str

    Raises
    ------
    ConfigError
        A worker would refuse it.
    """
    times = np.array(list(added.values()), np.int64).reshape(-1, 2)
    order = ListsOrder(
        name,
        np.array(list(added), np.uint64),
        times[:, 0],
        times[:, 1],
        np.array(list(removed), np.uint64),
        reason,
        by,
    )
    found = parse_lists_order(text_of(order))
    if not isinstance(found, ListsOrder):
        raise ConfigError(
            f"the order would be refused as {found.name}: --reason says something in at most 200 "
            "characters, --by in at most 100, and times lie between 2000 and 2200"
        )
    return order


def give_orders(
    config: Config,
    declared: ListDeclaration,
    orders: Sequence[ListsOrder],
    deed: Deed,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Ordered]:
    """Note a deed and publish its orders, or ask for approval; return what became of them.

    It is one act, unless a second person has to approve it and it is too much for one request.

    Parameters
    ----------
    config : Config
    declared : ListDeclaration
        Of the list.
    orders : sequence of ListsOrder
    deed : Deed
    progress : callable
        Told how many keys are done.

    Raises
    ------
    BrokerError
        If the deed cannot be noted, and is not done then; or not all were acknowledged.
    """
    many = len(orders)
    if config.security.approvals == "two_persons":
        many = _ORDERS_A_REQUEST
    parts = [orders[at : at + many] for at in range(0, len(orders), many)]
    done, found = 0, []
    with Administration(config, say) as administration:
        for number, part in enumerate(parts, 1):
            which = f", part {number} of {len(parts)}" if parts[1:] else ""
            request_id = str(uuid.uuid4())
            sizes = [len(each.keys) + len(each.removed) for each in part]
            told = list(accumulate(sizes, initial=done))
            ordered = administration.order(
                deed.what,
                deed.by,
                f"{deed.subject}{which}",
                _records(declared, part, request_id),
                deed.before,
                deed.after,
                deed.note,
                request_id,
                lambda sent, told=told: progress(told[sent]),  # type: ignore[misc]
            )
            done = told[-1]
            found.append(ordered)
    return found


def _records(
    declared: ListDeclaration, orders: Sequence[ListsOrder], request_id: str
) -> list[Order]:
    """Return orders as records; of one key, so that they lie in one partition, in their order."""
    asked_us = now_us()
    return [
        Order(
            f"list:{declared.name}",
            {
                "kind": "LISTS",
                "entity": declared.of,
                "key": text_of(order),
                "requested_at": asked_us,
                "request_id": f"{request_id}/{number}" if orders[1:] else request_id,
            },
        )
        for number, order in enumerate(orders)
    ]


def report_of(
    config: Config, declared: ListDeclaration, given: Sequence[Ordered]
) -> dict[str, Any]:
    """Return what is told of orders that were given."""
    places = [place for ordered in given for each in ordered.places for place in each]
    return {
        "list": declared.name,
        "request_id": given[0].request_id,
        "step": given[0].step.value.lower(),
        "topic": config.topics.control,
        "orders": [{"partition": partition, "offset": at} for partition, at in places],
    }
