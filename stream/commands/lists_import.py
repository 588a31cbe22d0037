"""``fraudstream lists import``: a file of values put on a list, in orders of many entries."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from schemas.errors import ConfigError, InputFileError, SchemaError
from stream.audit_trail.chain import Step
from stream.cases.administration import asked as request_said
from stream.cases.administration import own_name, require_control
from stream.cases.verdict import VerdictError, check_note
from stream.cli.console import OK, emit_json, emit_report, out, row_progress
from stream.commands.hashing import Hashing
from stream.commands.list_history import history_of
from stream.commands.list_orders import (
    Deed,
    declared_list,
    give_orders,
    hashing_of,
    order_of,
    report_of,
)
from stream.commands.lists import Asked
from stream.commands.moments import moment_us, now_us
from stream.commands.orders_given import orders_before
from stream.config.configuration import Config, load
from stream.lists.orders import CHANGES_MAX, ListsOrder
from stream.plurals import several

_COLUMNS = ("value", "since", "until", "reason")


class _Row(NamedTuple):
    """A line of the file."""

    ids: list[str | int | bytes]
    since_us: int
    until_us: int
    reason: str


def import_list(name: str, file: Path, asked: Asked, path: Path | None, as_json: bool) -> int:
    """Publish orders for all values of a file; return the exit status."""
    config = load(path)
    require_control(config)
    declared = declared_list(config, name)
    now = now_us()
    hashing = hashing_of(config, declared)
    rows = list(_rows(file, asked, hashing, now))
    if not rows:
        raise InputFileError(f"{file} has no line behind the first: nothing is ordered")
    keys = hashing.keys_of_each([row.ids for row in rows])
    entries: dict[int, _Row] = {}
    for row, found in zip(rows, keys, strict=True):
        for key in found:
            # What a later line says holds, as a later order would.
            entries.pop(key, None)
            entries[key] = row
    lasting = {key: row for key, row in entries.items() if row.until_us > now}
    if len(lasting) > declared.entries_max:
        raise ConfigError(
            f"{file} has {len(lasting):,} entries, and lists.{name}.entries_max is "
            f"{declared.entries_max:,}: raise that and restart the workers, or import fewer"
        )
    if not lasting:
        raise InputFileError(f"{file}: all of its entries have ended by now: nothing is ordered")
    asked = replace(asked, by=own_name(asked.by))
    orders = list(_orders(name, lasting, asked))
    counts = {"lines": len(rows), "entries": len(lasting), "expired": len(entries) - len(lasting)}
    subject = f"{several(len(lasting), 'entry')} of {file.name} to {name}"
    before = _before(config, name)
    deed = Deed("lists import", subject, asked.by, asked.reason, before, {"added": len(lasting)})
    with row_progress("importing", len(lasting)) as progress:
        given = give_orders(config, declared, orders, deed, progress)
    report = report_of(config, declared, given)
    report |= {**counts, "request_ids": [each.request_id for each in given]}
    if as_json:
        emit_json(report)
    elif given[0].step is Step.REQUESTED:
        for each in given:
            said = f"{deed.what}, {deed.subject}"
            out.print(request_said(said, each.request_id, path), markup=False)
    else:
        told = {"list": name, **counts, "orders": len(orders), "request id": report["request_id"]}
        emit_report(told, "ordered")
    return OK


def _before(config: Config, name: str) -> dict[str, int] | None:
    """Return how many entries a list had; None where nobody knows."""
    orders = orders_before(config)
    if orders is None:
        return None
    lists = history_of(config, orders, name).lists
    return {"entries": len(lists.entries(name)), "version": lists.versions()[name]}


def _orders(name: str, entries: dict[int, _Row], asked: Asked) -> Iterator[ListsOrder]:
    """Yield orders of as many entries as one may have; each has one reason."""
    by_reason: dict[str, dict[int, tuple[int, int]]] = {}
    for key, row in entries.items():
        batch = by_reason.setdefault(row.reason, {})
        batch[key] = row.since_us, row.until_us
        if len(batch) == CHANGES_MAX:
            yield order_of(name, by_reason.pop(row.reason), (), row.reason, asked.by)
    for reason, batch in by_reason.items():
        yield order_of(name, batch, (), reason, asked.by)


def _rows(file: Path, asked: Asked, hashing: Hashing, now: int) -> Iterator[_Row]:
    """Read the file; what is wrong is told with its line and never with its value."""
    since_us, until_us = asked.times(now)
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            _require_columns(file, list(reader.fieldnames or ()))
            for row in reader:
                try:
                    if None in row or not row["value"]:
                        raise ValueError("it has no value, or more columns than the first line")
                    begins, ends = row.get("since"), row.get("until")
                    reason = row.get("reason") or asked.reason
                    if not reason:
                        raise ValueError("it has no reason: give one there, or --reason for all")
                    bounds = (
                        moment_us(begins) if begins else since_us,
                        moment_us(ends) if ends else until_us,
                    )
                    if bounds[0] >= bounds[1]:
                        raise ValueError("it ends before it begins")
                    check_note(reason)
                    yield _Row(hashing.ids_of(row["value"]), *bounds, reason)
                except (ValueError, SchemaError, VerdictError) as error:
                    raise InputFileError(f"{file}:{reader.line_num}: {error}") from error
    except OSError as error:
        raise InputFileError(f"{file} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        what = "text in UTF-8" if isinstance(error, UnicodeDecodeError) else f"CSV ({error})"
        raise InputFileError(f"{file} is no {what}: write it so") from error


def _require_columns(file: Path, names: list[str]) -> None:
    unknown = [name for name in names if name not in _COLUMNS]
    if "value" not in names or unknown or len(set(names)) < len(names):
        raise InputFileError(
            f"{file}:1: the first line has to name the columns: value, and where lines differ in "
            "them since, until and reason, and no other"
        )
