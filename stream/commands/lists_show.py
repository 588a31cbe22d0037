"""``fraudstream lists show``: who is or was on a list, by the orders in the control topic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.columns import REASON_TEXT, Reason
from schemas.errors import ConfigError
from stream.cases.administration import require_control
from stream.cli.console import FAILED, OK, emit_json, out
from stream.commands.hashing import read_value
from stream.commands.list_history import asked_told, entry_told, history_of
from stream.commands.list_orders import declared_list, hashing_of
from stream.commands.moments import moment_or_ago_us, now_us, shown
from stream.commands.orders_given import orders_given
from stream.config.configuration import load
from stream.lists.history import Change, History
from stream.plurals import several

# More of them are for --json.
_LINES_MAX = 50


def show_lists(name: str, at: str, value: str, path: Path | None, as_json: bool) -> int:
    """Show all lists, the entries of one, or what one says of a value; return the exit status."""
    if value and not name:
        raise ConfigError("--value: name the list that may have it")
    config = load(path)
    require_control(config)
    declared = [declared_list(config, name)] if name else list(config.lists.declared())
    keys = hashing_of(config, declared[0]).keys_of(read_value(value)) if value else []
    now = now_us()
    try:
        asked_us = moment_or_ago_us(at, now) if at else None
    except ValueError as error:
        raise ConfigError(f"--at: {error}") from error
    orders = orders_given(config)
    # Without a time all that was ordered: the brokers' clock may be ahead of this one.
    at_us = max([now, *(order.arrived_us for order in orders)]) if asked_us is None else asked_us
    known = [order for order in orders if order.arrived_us <= at_us]
    history = history_of(config, known, name, keys)
    if keys:
        return _show_value(history, name, keys, at_us, as_json)
    if name:
        return _show_list(history, name, at_us, as_json)
    return _show_all(history, at_us, as_json)


def _show_all(history: History, at_us: int, as_json: bool) -> int:
    lists = [_summary(history, name, at_us) for name in history.lists.declared]
    if as_json:
        emit_json({"at": shown(at_us), "lists": lists})
        return OK
    out.print(f"at {shown(at_us)}", markup=False)
    for each in lists:
        last = each["changed"]
        changed = f"changed {last['arrived']}" if last else "never changed"
        changed += f" by {last['by']}" if last and last["by"] else ""
        out.print(f"  {_title(each)}; {changed}", markup=False)
    return OK


def _show_list(history: History, name: str, at_us: int, as_json: bool) -> int:
    entries = [entry_told(*each) for each in history.entries_at(name, at_us)]
    refused = [_change(each) for each in history.changes]
    summary = _summary(history, name, at_us)
    if as_json:
        emit_json({**summary, "at": shown(at_us), "entries": entries, "refused": refused})
        return OK
    out.print(f"{_title(summary)}; at {shown(at_us)}", markup=False)
    for each in entries[:_LINES_MAX]:
        out.print("  " + _line(each), markup=False)
    if len(entries) > _LINES_MAX:
        out.print(f"  and {len(entries) - _LINES_MAX:,} more: --json shows all", markup=False)
    for each in refused:
        out.print(f"refused {each['arrived']}: {each['refusal']} ({each['text']})", markup=False)
    return OK


def _show_value(history: History, name: str, keys: list[int], at_us: int, as_json: bool) -> int:
    """Show what a list says of a value; 1 if it is not on it."""
    entries = [
        entry_told(*each) for each in history.entries_at(name, at_us) if each[0].key in set(keys)
    ]
    changes = [_change(each) for each in history.changes if each.action != "refuse"]
    if as_json:
        emit_json(
            {
                "list": name,
                "at": shown(at_us),
                "version": history.lists.versions()[name],
                "keys": [f"{key:016x}" for key in keys],
                "member": bool(entries),
                "entries": entries,
                "changes": changes,
            }
        )
        return OK if entries else FAILED
    said = "on" if entries else "not on"
    out.print(f"{said} {name} at {shown(at_us)}", markup=False)
    for each in entries:
        out.print("  " + _line(each), markup=False)
    for each in changes:
        bounds = f", {_bounds(each)}" if each["action"] == "add" else ""
        who = f" by {each['by']}: {each['reason']}" if each["by"] else ""
        out.print(f"  {each['arrived']} {each['action']}{bounds}{who}", markup=False)
    return OK if entries else FAILED


def _summary(history: History, name: str, at_us: int) -> dict[str, Any]:
    declared, latest = history.lists.declared[name], history.latest.get(name)
    return {
        "list": name,
        "of": declared.of,
        "kind": declared.kind.value,
        "entries": len(history.entries_at(name, at_us)),
        "entries_max": declared.entries_max,
        "version": history.lists.versions()[name],
        "changed": None if latest is None else asked_told(latest),
    }


def _title(summary: dict[str, Any]) -> str:
    what = f"{summary['list']} ({summary['kind']}, {summary['of']})"
    count = f"{summary['entries']:,} of at most {several(summary['entries_max'], 'entry')}"
    return f"{what}: {count}, version {summary['version']:,}"


def _change(change: Change) -> dict[str, Any]:
    told = {"action": change.action, **asked_told(change.asked)}
    if change.action == "add":
        told |= {"since": shown(change.since_us), "until": shown(change.until_us)}
    if change.refusal != Reason.OK:
        told |= {"refusal": change.refusal.name, "text": REASON_TEXT[change.refusal]}
    return told


def _line(entry: dict[str, Any]) -> str:
    return (
        f"{entry['key']} {_bounds(entry)}, ordered {entry['arrived']} by {entry['by']}: "
        f"{entry['reason']}"
    )


def _bounds(told: dict[str, Any]) -> str:
    begins = f"from {told['since']} " if told["since"] else ""
    return begins + (f"until {told['until']}" if told["until"] else "without end")
