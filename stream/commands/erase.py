"""``fraudstream erase``: order that somebody be forgotten, and look whether that was done."""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path
from typing import Any

import typer

from schemas.errors import ConfigError
from schemas.ids import ids_of
from schemas.siphash import hash_texts
from stream.app import codec_of, connection_of, registry_of, writer_schemas
from stream.config import Config, load
from stream.console import FAILED, OK, emit_json, out, say
from stream.features.grammar import nearest, quoted
from stream.kafka.send import send
from stream.snapshots.scan import Scanned, scan

# In place of an id that is read from stdin: others can see arguments.
STDIN = "-"


def erase_entity(entity: str, given: str, path: Path | None, yes: bool, as_json: bool) -> int:
    """Publish the order to erase an entity; return the exit status."""
    config = load(path)
    if not config.topics.control:
        raise ConfigError(
            "topics.control is not set, so no worker takes orders: set it, for example to "
            "'fraud.control', run `fraudstream topics create`, and restart the workers"
        )
    keys = _keys(config, entity, _read(given))
    connection = connection_of(config)
    registry = registry_of(config)
    try:
        codec = codec_of(registry, "control", config.topics.control)
    finally:
        registry.close()
    if not yes:
        _ask(entity, keys)
    request_id = str(uuid.uuid4())
    sent: list[dict[str, Any]] = []
    for key in keys:
        order = {
            "kind": "ERASE",
            "entity": entity,
            "key": f"{key:016x}",
            "requested_at": time.time_ns() // 1000,
            "request_id": request_id,
        }
        record_key = f"{entity}:{key:016x}".encode()
        # States of partitions know nothing of each other: each has to hear of it.
        places = send(
            connection,
            config.topics.control,
            record_key,
            codec.encode(order),
            everywhere=config.per_partition,
        )
        sent += [{"key": order["key"], "partition": p, "offset": at} for p, at in places]
    report = {
        "entity": entity,
        "request_id": request_id,
        "topic": config.topics.control,
        "orders": sent,
    }
    if as_json:
        emit_json(report)
        return OK
    for each in sent:
        place = f"{config.topics.control}[{each['partition']}] at {each['offset']}"
        out.print(f"ordered: {entity} {each['key']} is erased ({place})", markup=False)
    out.print(
        "The worker forgets it when it takes the order, writes a snapshot and deletes the older "
        "ones.\nThen `erasures_pending` of its status is 0, and this finds nothing and exits 0:\n"
        f"  fraudstream erase {entity} - --verify" + (f" --config {path}" if path else "") + "\n"
        "What lies in Kafka's topics is there until their retention deletes it: docs/privacy.md",
        markup=False,
    )
    return OK


def verify_erasure(
    entity: str, given: str, path: Path | None, folder: Path | None, as_json: bool
) -> int:
    """Look for an entity in every file of a recovery folder; 1 if it is found."""
    config = load(path)
    if folder is None and not config.recovery.folder:
        raise ConfigError("recovery.folder is not set: name the folder with --folder")
    text = _read(given)
    folder = folder or Path(config.recovery.folder)
    files: dict[Path, Scanned] = {}
    for key in _keys(config, entity, text):
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


def _read(given: str) -> str:
    """Return the id, from stdin if it is not given."""
    text = sys.stdin.readline().rstrip("\r\n") if given == STDIN else given
    if not text:
        raise ConfigError("the id is empty: give one, or '-' and a line on stdin")
    return text


def _keys(config: Config, entity: str, text: str) -> list[int]:
    """Return the keyed hashes that an id may have; more than one where its field may hold more."""
    field = config.fields.entities.get(entity)
    if field is None:
        near = nearest(entity, list(config.fields.entities), "the list")
        raise ConfigError(f"no entity of fields.entities is {quoted(entity)}{near}")
    hash_key = config.hash_key()
    registry = registry_of(config)
    try:
        schemas = writer_schemas(registry, config.topics.transactions, "transaction", False)
    finally:
        registry.close()
    ids = dict.fromkeys(each for _, schema in schemas for each in ids_of(text, schema, field))
    return [int(key) for key in hash_texts(list(ids), hash_key)]


def _ask(entity: str, keys: list[int]) -> None:
    """Let a person say that it is meant."""
    if not sys.stdin.isatty():
        raise ConfigError("nobody can be asked here whether this is meant: add --yes")
    say(f"{entity} {', '.join(f'{key:016x}' for key in keys)} will be forgotten for good.")
    typer.confirm("Erase it?", abort=True, err=True)
