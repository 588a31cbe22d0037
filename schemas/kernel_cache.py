"""Where compiled kernels are kept: a folder named by all that they are made of.

Numba notices a change in a kernel's own file only, not in the kernels it calls from
other files, and would go on running stale code after an update; so the folder's name
carries a digest of all the sources that kernels are made of.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numba

_PACKAGES = ("schemas", "models", "stream")
# What every file with a kernel in it imports.
_COMPILER = "schemas.jit"
_IMPORT = re.compile(
    rb"^\s*(?:from\s+([\w.]+)\s+import\s+(\([^)]*\)|[^\n]*)|import\s+([\w.]+))", re.MULTILINE
)


@cache
def cache_folder() -> Path:
    """Return the folder for compiled kernels of exactly these sources.

    ``NUMBA_CACHE_DIR``, where it is set, is the parent; otherwise the user's own
    cache folder.
    """
    base = os.environ.get("NUMBA_CACHE_DIR")
    if base:
        parent = Path(base)
    else:
        parent = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fraudstream"
    return parent / f"kernels-{_sources_digest()}"


def _sources_digest() -> str:
    """Digest every file that can hold a kernel, and all that those import.

    Kernels freeze constants of the modules that they name, and Numba does not see those
    change either.
    """
    root = Path(__file__).parent.parent
    texts = {
        ".".join(path.relative_to(root).with_suffix("").parts): path.read_bytes()
        for package in _PACKAGES
        for path in (root / package).rglob("*.py")
    }
    imported = {name: {*_imported(text)} & texts.keys() for name, text in texts.items()}
    found = {_COMPILER, *(name for name, others in imported.items() if _COMPILER in others)}
    new = found
    while new:
        new = {other for name in new for other in imported[name]} - found
        found = found | new
    digest = hashlib.sha256(numba.__version__.encode())
    for name in sorted(found):
        digest.update(name.encode() + b"\0" + texts[name])
    return digest.hexdigest()[:16]


def _imported(text: bytes) -> Iterator[str]:
    """Yield every module that a source may import; of ``from a import b`` a and a.b."""
    for package, names, module in _IMPORT.findall(text):
        yield (package or module).decode()
        for name in re.findall(rb"\w+", names):
            yield f"{package.decode()}.{name.decode()}"
