"""``fraudstream lists``: order that somebody be put on a list, or taken off it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError
from stream.audit_trail.chain import Step
from stream.cases.administration import asked as request_said
from stream.cases.administration import own_name, require_control
from stream.cli.console import OK, emit_json, out
from stream.commands.hashing import read_value
from stream.commands.list_history import entry_told, history_of
from stream.commands.list_orders import (
    Deed,
    declared_list,
    give_orders,
    hashing_of,
    order_of,
    report_of,
)
from stream.commands.moments import end_of, moment_us, now_us, shown
from stream.commands.orders_given import orders_before
from stream.config.configuration import Config, load
from stream.lists.entries import ALWAYS_US


@dataclass(frozen=True)
class Asked:
    """What a person says of a change.

    Attributes
    ----------
    reason, by : str
    begins, until, lasts : str
        As `stream.cli.lists` explains them; empty: not given.
    """

    reason: str
    by: str
    begins: str = ""
    until: str = ""
    lasts: str = ""

    def times(self, now: int) -> tuple[int, int]:
        """Return from when and until when an entry holds; ConfigError if never."""
        try:
            since_us = moment_us(self.begins) if self.begins else ALWAYS_US
        except ValueError as error:
            raise ConfigError(f"--from: {error}") from error
        until_us = end_of(self.until, self.lasts, max(now, since_us))
        return since_us, until_us


def change_list(
    name: str, given: str, asked: Asked, path: Path | None, as_json: bool, remove: bool = False
) -> int:
    """Publish the order to put a value on a list, or to take it off; return the exit status."""
    config = load(path)
    require_control(config)
    declared = declared_list(config, name)
    now = now_us()
    since_us, until_us = asked.times(now)
    keys = hashing_of(config, declared).keys_of(read_value(given))
    added = {} if remove else dict.fromkeys(keys, (since_us, until_us))
    by = own_name(asked.by)
    order = order_of(name, added, keys if remove else (), asked.reason, by)
    hashes = [f"{key:016x}" for key in keys]
    bounds = {} if remove else {"since": shown(since_us), "until": shown(until_us)}
    deed = Deed(
        "lists remove" if remove else "lists add",
        f"{', '.join(hashes)} {'from' if remove else 'to'} {name}",
        by,
        asked.reason,
        _before(config, name, keys, now),
        {"entries": [] if remove else [{"key": each, **bounds} for each in hashes]},
    )
    (ordered,) = give_orders(config, declared, [order], deed)
    report = report_of(config, declared, [ordered])
    report |= {"remove" if remove else "add": hashes, **bounds}
    if as_json:
        emit_json(report)
    elif ordered.step is Step.REQUESTED:
        out.print(
            request_said(f"{deed.what}, {deed.subject}", ordered.request_id, path), markup=False
        )
    else:
        _say(report, name, remove)
    return OK


def _before(config: Config, name: str, keys: list[int], now: int) -> dict[str, Any] | None:
    """Return what a list said of keys; None where nobody knows."""
    orders = orders_before(config)
    if orders is None:
        return None
    history = history_of(config, orders, name, keys)
    at_us = max([now, *(order.arrived_us for order in orders)])
    entries = [entry_told(*each) for each in history.entries_at(name, at_us)]
    wanted = {f"{key:016x}" for key in keys}
    return {"entries": [each for each in entries if each["key"] in wanted]}


def _say(report: dict[str, Any], name: str, remove: bool) -> None:
    keys = " and ".join(report["remove" if remove else "add"])
    where = ", ".join(
        f"{report['topic']}[{each['partition']}] at {each['offset']}" for each in report["orders"]
    )
    bounds = ""
    if not remove:
        bounds = f" from {report['since']}" if report["since"] else ""
        bounds += f" until {report['until']}" if report["until"] else " without end"
    to = f"is taken off {name}" if remove else f"is on {name}{bounds}"
    out.print(f"ordered: {keys} {to} ({where})", markup=False)
    out.print("It acts on payments that arrive once the worker has taken it.", markup=False)
