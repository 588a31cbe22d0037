"""``fraudstream snapshots list`` and ``verify``: what a folder holds, and whether it is whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.table import Table

from stream.cli.console import FAILED, OK, emit_json, out
from stream.config.secret_keys import SNAPSHOT_KEY_VARIABLE, snapshot_key_of
from stream.plurals import several
from stream.recovery.setup import PARTITION_FOLDERS
from stream.recovery.tenure import newest_tenure
from stream.snapshots.folder import Listed, SnapshotFolder


def list_snapshots(folder: Path, as_json: bool) -> int:
    """Show every snapshot of a folder, the newest first; return the exit status."""
    _show(folder, _snapshots(folder), as_json)
    return OK


def verify_snapshots(folder: Path, as_json: bool) -> int:
    """Show the same; 1 if one of them is not whole, or there is none."""
    found = _snapshots(folder)
    _show(folder, found, as_json)
    whole = found and all(each and not any(one.why for one in each) for each in found.values())
    return OK if whole else FAILED


def _snapshots(folder: Path) -> dict[str, list[Listed]]:
    """Return the snapshots of each partition, by its name; of one state for all by ""."""
    parts = {path.name: newest_tenure(path) for path in sorted(folder.glob(PARTITION_FOLDERS))}
    folders = {name: path for name, path in parts.items() if path} if parts else {"": folder}
    return {name: SnapshotFolder(path, _key()).listed() for name, path in folders.items()}


def _key() -> bytes | None:
    """Return the worker's own; it is never an argument, which others can see."""
    return snapshot_key_of(os.environ.get(SNAPSHOT_KEY_VARIABLE, ""))


def _show(folder: Path, found: dict[str, list[Listed]], as_json: bool) -> None:
    rows = [(name, each) for name, listed in found.items() for each in listed]
    if as_json:
        listed = [_as_json(each) | ({"of": name} if name else {}) for name, each in rows]
        emit_json({"folder": str(folder), "snapshots": listed})
        return
    if not rows:
        out.print(f"no snapshots in {folder}", markup=False)
        return
    table = Table(title=f"{several(len(rows), 'snapshot')} in {folder}", title_justify="left")
    if "" not in found:
        table.add_column("of", no_wrap=True)
    for column in ("number", "bytes"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("code", "next offsets", "whole"):
        table.add_column(column, overflow="fold")
    for name, each in rows:
        facts = _facts(each)
        offsets = ", ".join(f"{topic}/{partition}: {at}" for topic, partition, at in facts[1])
        whole = f"no: {each.why}" if each.why else "yes"
        cells = str(each.number), f"{each.size:,}", facts[0], offsets, whole
        table.add_row(*([name] if name else []), *cells)
    out.print(table)


def _as_json(each: Listed) -> dict[str, Any]:
    version, offsets = _facts(each)
    return {
        "number": each.number,
        "path": str(each.path),
        "bytes": each.size,
        "code_version": version or None,
        "offsets": offsets,
        "whole": not each.why,
        "why": each.why or None,
    }


def _facts(each: Listed) -> tuple[str, list[list[Any]]]:
    """Return the version of the code and the next offsets, as far as the header has them."""
    version, offsets = each.header.get("code_version"), each.header.get("offsets")
    known = [
        place
        for place in (offsets if isinstance(offsets, list) else [])
        if isinstance(place, list) and len(place) == 3
    ]
    return str(version or ""), known
