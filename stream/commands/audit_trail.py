"""``fraudstream audit-trail``: who ordered what, and whether the trail is whole."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from schemas.errors import ConfigError
from stream.audit_trail.chain import Entry
from stream.audit_trail.verifying import Head, Verified, verify
from stream.cases.administration import audit_log_of
from stream.cli.console import FAILED, OK, emit_json, out, say
from stream.config.configuration import load
from stream.kafka.audit_log import AuditLog
from stream.plurals import several


def show_trail(path: Path | None, request: str, as_json: bool) -> int:
    """Write the entries, oldest first; return the exit status."""
    with closing(_log(path)) as log:
        for offset, entry in log.read():
            if isinstance(entry, str):
                say(f"note: {log.topic} at {offset}: no entry: {entry}")
            elif request in ("", entry.act.request_id):
                _show(offset, entry, as_json)
    return OK


def verify_trail(path: Path | None, head: str, as_json: bool) -> int:
    """Check the chain; return 0 if it is whole, else 1."""
    expected = _head(head) if head else None
    with closing(_log(path)) as log:
        found = verify(log.read(), expected)
        _report(log.topic, found, as_json)
    return FAILED if found.findings else OK


def _log(path: Path | None) -> AuditLog:
    log = audit_log_of(load(path), say)
    if log is None:
        raise ConfigError("topics.audit is empty: there is no trail")
    return log


def _head(text: str) -> Head:
    found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
    if found is None:
        raise typer.BadParameter("--head is NUMBER:HASH, as `audit-trail verify` writes it")
    return Head(int(found[1]), found[2])


def _show(offset: int, entry: Entry, as_json: bool) -> None:
    if as_json:
        emit_json({"offset": offset, **entry.record()})
        return
    act = entry.act
    out.print(
        f"{entry.sequence:>5}  {_time(entry.at_us)}  {act.step.value:<9} {act.what} of "
        f"{act.subject} by {act.who}  [{act.request_id}]",
        markup=False,
    )
    for name, text in (("before", act.before), ("after", act.after), ("note", act.note)):
        if text:
            out.print(f"       {name}: {text}", markup=False)


def _report(topic: str, found: Verified, as_json: bool) -> None:
    head = None if found.head is None else str(found.head)
    if as_json:
        whole: dict[str, Any] = {"topic": topic, "whole": not found.findings}
        findings = [{"offset": o, "kind": k.value, "text": t} for o, k, t in found.findings]
        emit_json({**whole, "entries": found.entries, "head": head, "findings": findings})
        return
    for offset, kind, text in found.findings:
        place = f" at {offset}" if offset >= 0 else ""
        out.print(f"FAIL {topic}{place}: {kind.value}: {text}", markup=False)
    if not found.findings:
        out.print(f"ok   {topic}: {several(found.entries, 'entry')}, one chain", markup=False)
    if head is not None:
        out.print(
            f"head {head}\nNote it elsewhere: with --head a later look tells whether anything was "
            "cut off",
            markup=False,
        )


def _time(time_us: int) -> str:
    try:
        return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{time_us} us"
