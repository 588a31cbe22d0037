"""``fraudstream erase``: order that somebody be forgotten, and look whether that was done."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError
from stream.audit_trail.chain import Step
from stream.cases.administration import Administration, Order, asked, own_name, require_control
from stream.cli.console import FAILED, OK, emit_json, out, say
from stream.commands.confirming import confirm
from stream.commands.hashing import entity_keys, read_value
from stream.config.configuration import load
from stream.snapshots.scan import Scanned, scan


def erase_entity(
    entity: str,
    given: str,
    path: Path | None,
    yes: bool,
    as_json: bool,
    by: str = "",
    note: str = "",
) -> int:
    """Publish the order to erase an entity, or the request to; return the exit status."""
    config = load(path)
    require_control(config)
    keys = entity_keys(config, entity, read_value(given))
    named = ", ".join(f"{key:016x}" for key in keys)
    confirm(f"{entity} {named} will be forgotten for good.", "Erase it?", yes)
    now_us = time.time_ns() // 1000
    request_id = str(uuid.uuid4())
    orders = [_order(entity, key, now_us, request_id) for key in keys]
    with Administration(config, say) as administration:
        subject = f"{entity} {named}"
        ordered = administration.order(
            "erase", own_name(by), subject, orders, note=note, request_id=request_id
        )
    sent = [
        {"key": order.record["key"], "partition": partition, "offset": at}
        for order, places in zip(orders, ordered.places, strict=False)
        for partition, at in places
    ]
    report = {
        "entity": entity,
        "request_id": ordered.request_id,
        "topic": config.topics.control,
        "step": ordered.step.value.lower(),
        "orders": sent,
    }
    if as_json:
        emit_json(report)
    elif ordered.step is Step.REQUESTED:
        out.print(asked(subject, ordered.request_id, path), markup=False)
    else:
        _show_sent(entity, config.topics.control, sent, path)
    return OK


def _order(entity: str, key: int, now_us: int, request_id: str) -> Order:
    record = {
        "kind": "ERASE",
        "entity": entity,
        "key": f"{key:016x}",
        "requested_at": now_us,
        "request_id": request_id,
    }
    return Order(f"{entity}:{key:016x}", record)


def _show_sent(entity: str, topic: str, sent: list[dict[str, Any]], path: Path | None) -> None:
    for each in sent:
        place = f"{topic}[{each['partition']}] at {each['offset']}"
        out.print(f"ordered: {entity} {each['key']} is erased ({place})", markup=False)
    out.print(
        "The worker forgets it when it takes the order, writes a snapshot and deletes the older "
        "ones.\nThen `erasures_pending` of its status is 0, and this finds nothing and exits 0:\n"
        f"  fraudstream erase {entity} - --verify" + (f" --config {path}" if path else "") + "\n"
        "What lies in Kafka's topics is there until their retention deletes it: docs/privacy.md",
        markup=False,
    )


def verify_erasure(
    entity: str, given: str, path: Path | None, folder: Path | None, as_json: bool
) -> int:
    """Look for an entity in every file of a recovery folder; 1 if it is found."""
    config = load(path)
    if folder is None and not config.recovery.folder:
        raise ConfigError("recovery.folder is not set: name the folder with --folder")
    text = read_value(given)
    folder = folder or Path(config.recovery.folder)
    files: dict[Path, Scanned] = {}
    for key in entity_keys(config, entity, text):
        for each in scan(folder, key, text.encode(), config.snapshot_key()):
            if each.path not in files or each.found:
                files[each.path] = each
    found = [each for each in files.values() if each.found]
    if as_json:
        emit_json(
            {
                "entity": entity,
                "found": bool(found),
                "files": [
                    {
                        "path": str(each.path),
                        "bytes": each.size,
                        "found": list(each.found),
                        "arrays": list(each.arrays),
                    }
                    for each in files.values()
                ],
            }
        )
    else:
        for each in files.values():
            what = ", ".join(each.found)
            where = f" in {', '.join(each.arrays)}" if each.arrays else ""
            said = f"FOUND {what}{where}" if each.found else "not found"
            out.print(f"{each.path}: {said}", markup=False)
        if not files:
            out.print(f"no files in {folder}", markup=False)
    # To have looked at nothing proves nothing.
    return FAILED if found or not files else OK
