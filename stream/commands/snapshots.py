"""``fraudstream snapshots list`` and ``verify``: what a folder holds, and whether it is whole."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from rich.table import Table

from schemas.errors import ConfigError
from stream.console import FAILED, OK, emit_json, out
from stream.snapshots.folder import Listed, SnapshotFolder

# The worker's own setting; what it names is never an argument, which others can see.
KEY_VARIABLE = "FRAUD_SECURITY__SNAPSHOT_KEY"


def list_snapshots(folder: Path, as_json: bool) -> int:
    """Show every snapshot of a folder, the newest first; return the exit status."""
    _show(folder, _snapshots(folder), as_json)
    return OK


def verify_snapshots(folder: Path, as_json: bool) -> int:
    """Show the same; 1 if one of them is not whole, or there is none."""
    found = _snapshots(folder)
    _show(folder, found, as_json)
    return OK if found and not any(each.why for each in found) else FAILED


def key_of_environment() -> bytes | None:
    """Return the key that seals snapshots; None where none is set.

    Raises
    ------
    ConfigError
        It is no even number of at least 32 hexadecimal digits, or its file cannot be read.
    """
    text = os.environ.get(KEY_VARIABLE, "")
    if not text:
        return None
    if text.startswith("file:"):
        try:
            text = Path(text.removeprefix("file:")).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"{KEY_VARIABLE}: cannot read the file: {error}") from error
        except ValueError:  # The error of a codec would quote the bytes.
            text = ""
    if not re.fullmatch(r"([0-9a-fA-F]{2}){16,}", text):
        raise ConfigError(
            f"{KEY_VARIABLE} must be the worker's: at least 32 hexadecimal digits, or "
            "'file:/path' of a file that holds them"
        )
    return bytes.fromhex(text)


def _snapshots(folder: Path) -> list[Listed]:
    return SnapshotFolder(folder, key_of_environment()).listed()


def _show(folder: Path, found: list[Listed], as_json: bool) -> None:
    if as_json:
        emit_json({"folder": str(folder), "snapshots": [_as_json(each) for each in found]})
        return
    if not found:
        out.print(f"no snapshots in {folder}", markup=False)
        return
    table = Table(title=f"{len(found)} snapshots in {folder}", title_justify="left")
    for column in ("number", "bytes"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("code", "next offsets", "whole"):
        table.add_column(column, overflow="fold")
    for each in found:
        facts = _facts(each)
        offsets = ", ".join(f"{topic}/{partition}: {at}" for topic, partition, at in facts[1])
        whole = f"no: {each.why}" if each.why else "yes"
        table.add_row(str(each.number), f"{each.size:,}", facts[0], offsets, whole)
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
