"""The page's own files, read once; nothing else of the disk is ever sent."""

from __future__ import annotations

import hashlib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

CONTENT_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
INDEX = "index.html"


class StaticFile(NamedTuple):
    """A file as it is sent; its tag is that of its contents."""

    content: bytes
    content_type: str
    etag: str


def static_files() -> dict[str, StaticFile]:
    """Return the page's files by their path below ``static/``, such as ``panels/drift.js``."""
    return dict(_below(resources.files("stream.page").joinpath("static"), ""))


def _below(folder: Traversable, path: str) -> list[tuple[str, StaticFile]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        suffix = entry.name.rpartition(".")[2]
        if entry.is_dir():
            found += _below(entry, f"{path}{entry.name}/")
        elif suffix in CONTENT_TYPES:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            found.append((path + entry.name, StaticFile(content, CONTENT_TYPES[suffix], etag)))
    return found
