"""Which code this is: replayed by other code, a journal could say something else."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numba
import numpy

_PACKAGES = ("schemas", "models", "stream")
_ROOT = Path(__file__).parents[2]
# What alerts say in words is published as well.
_SOURCES = ("*.py", "reason_codes.toml")


def release() -> str:
    """Return the release's number."""
    try:
        return version("fraudstream")
    except PackageNotFoundError:  # A checkout that was never installed.
        return "0"


@cache
def code_version() -> str:
    """Return the release, and a digest of every source and of what compiles and computes."""
    digest = hashlib.sha256(f"{numba.__version__} {numpy.__version__}".encode())
    for package in _PACKAGES:
        found = [path for each in _SOURCES for path in (_ROOT / package).rglob(each)]
        for path in sorted(found):
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{release()}+{digest.hexdigest()[:16]}"
