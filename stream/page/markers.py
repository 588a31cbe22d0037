"""What happened, for every chart: kept in a small file, so that it outlives the worker."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from stream.durable_file import write_durably
from stream.page.board import Marker

KEPT_MAX = 200
KINDS = (
    "start",
    "model",
    "promotion",
    "rollback",
    "policy",
    "schema",
    "rules",
    "breaker",
    "lists",
    "drift",
)
_FIELDS: dict[str, Any] = {"time_ms": int, "event_ms": (int, type(None)), "kind": str, "text": str}


class Markers:
    """The latest things that happened.

    Where there are too many, the oldest of the commonest kind goes: a list that is changed every
    minute does not make anybody forget which model was promoted.

    Parameters
    ----------
    path : Path, optional
        Of a file; without one they go with the process.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kept = _read(path) if path is not None else []
        self._make_room()

    def add(self, marker: Marker) -> None:
        """Keep one."""
        self._kept.append(marker)
        self._make_room()
        if self._path is not None:
            content = json.dumps(self._kept).encode()
            try:
                write_durably(self._path, lambda file: file.writelines([content]))
            except OSError:
                return  # A full disk is told by those that must write to it.

    def shown(self) -> list[Marker]:
        """Return them, the oldest first."""
        return list(self._kept)

    def last(self, kind: str) -> str | None:
        """Return the text of the last one of a kind."""
        return next((each["text"] for each in reversed(self._kept) if each["kind"] == kind), None)

    def texts(self, kind: str) -> set[str]:
        """Return the texts of all of a kind."""
        return {each["text"] for each in self._kept if each["kind"] == kind}

    def _make_room(self) -> None:
        while len(self._kept) > KEPT_MAX:
            ((commonest, _),) = Counter(each["kind"] for each in self._kept).most_common(1)
            kinds = [each["kind"] for each in self._kept]
            del self._kept[kinds.index(commonest)]


def _read(path: Path) -> list[Marker]:
    """Return what a file holds; nothing of one that is damaged, which is only a picture's loss."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    return [_marker(each) for each in found if _is_marker(each)] if type(found) is list else []


def _is_marker(found: Any) -> bool:
    return (
        type(found) is dict
        and all(isinstance(found.get(name), kind) for name, kind in _FIELDS.items())
        and found["kind"] in KINDS
    )


def _marker(found: dict[str, Any]) -> Marker:
    return Marker(
        time_ms=found["time_ms"],
        event_ms=found["event_ms"],
        kind=found["kind"],
        text=found["text"],
    )
