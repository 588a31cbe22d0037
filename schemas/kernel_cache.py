"""Where compiled kernels are kept: a folder for each module, named by all that it is made of.

Numba notices a change in a kernel's own file only, not in the kernels it calls from
other files, and would go on running stale code after an update; so the folder's name
carries a digest of the module and of all that it imports.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import numba

_PACKAGES = ("schemas", "models", "stream")
# What every file with a kernel in it imports, and how that one compiles.
_COMPILER = "schemas.jit"
_IMPORT = re.compile(
    rb"^\s*(?:from\s+([\w.]+)\s+import\s+(\([^)]*\)|[^\n]*)|import\s+([\w.]+))", re.MULTILINE
)


@cache
def cache_folder() -> Path:
    """Return the folder of all compiled kernels.

    ``NUMBA_CACHE_DIR``, where it is set; otherwise one in the user's own cache folder.
    """
    base = os.environ.get("NUMBA_CACHE_DIR")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fraudstream"


@cache
def kernel_folder(module: str) -> Path:
    """Return the folder for the compiled kernels of a module, as its sources are now.

    Parameters
    ----------
    module : str
        The name of one whose text was made while running begins with that of its maker.
        Kernels of strangers may call any of ours.
    """
    sources = _sources()
    name = module
    while name and name not in sources:
        name = name.rpartition(".")[0]
    return cache_folder() / f"{name or 'elsewhere'}-{_digest(name, sources)}"


def _digest(module: str, sources: Mapping[str, tuple[bytes, frozenset[str]]]) -> str:
    """Digest a module and all that it imports; without one, all sources.

    Kernels freeze constants of the modules that they name, and Numba does not see those
    change either.
    """
    found = {module, _COMPILER} if module else set(sources)
    new = found
    while new:
        new = {other for name in new for other in sources[name][1]} - found
        found = found | new
    digest = hashlib.sha256(numba.__version__.encode())
    for name in sorted(found):
        digest.update(name.encode() + b"\0" + sources[name][0])
    return digest.hexdigest()[:16]


@cache
def _sources() -> Mapping[str, tuple[bytes, frozenset[str]]]:
    """Read every module of ours: the digest of its text, and which of ours it imports."""
    root = Path(__file__).parent.parent
    texts = {
        ".".join(path.relative_to(root).with_suffix("").parts): path.read_bytes()
        for package in _PACKAGES
        for path in (root / package).rglob("*.py")
    }
    return {
        name: (hashlib.sha256(text).digest(), frozenset({*_imported(text)} & texts.keys()))
        for name, text in texts.items()
    }


def _imported(text: bytes) -> Iterator[str]:
    """Yield every module that a source may import; of ``from a import b`` a and a.b."""
    for package, names, module in _IMPORT.findall(text):
        yield (package or module).decode()
        for name in re.findall(rb"\w+", names):
            yield f"{package.decode()}.{name.decode()}"
